"""The steps of a ``StreamHarness`` test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lakestream.testing.rows import check_exactly_once

if TYPE_CHECKING:
    from datetime import timedelta

    from lakestream.testing.harness import StreamHarness
    from lakestream.triggers import Trigger

Row = Mapping[str, object]
Content = bytes | Sequence[Row]


class Step(Protocol):
    """One step of a test. Tests may bring their own; ``str`` of it is how failures show it."""

    def run(self, harness: StreamHarness) -> None:
        """Do it; an AssertionError says what differs from what was expected."""
        ...


class AddFiles:
    """Land files.

    Args:
        files: Contents by name: bytes as they are, or rows, which become a JSON line each.
    """

    def __init__(self, files: Mapping[str, Content]) -> None:
        self.files = dict(files)

    def __repr__(self) -> str:
        """Give names and sizes, not contents."""
        sizes = (
            f"{name}: {len(content):,} {'bytes' if isinstance(content, bytes) else 'rows'}"
            for name, content in self.files.items()
        )
        return f"AddFiles({', '.join(sizes)})"

    def run(self, harness: StreamHarness) -> None:
        """Write them, one after another."""
        for name, content in self.files.items():
            data = content if isinstance(content, bytes) else _json_lines(content)
            harness.add_file(name, data)


@dataclass(frozen=True)
class Start:
    """Start the query: ``available_now`` (the default) and ``once`` run to their end,
    ``processing_time`` until the query has worked off what is there.
    """  # noqa: D205 - one sentence

    trigger: Trigger | None = None

    def run(self, harness: StreamHarness) -> None:
        """Start it."""
        harness.start(self.trigger)


@dataclass(frozen=True)
class Restart:
    """Start the query again with the trigger that it had, after a crash, a failure or a stop."""

    def run(self, harness: StreamHarness) -> None:
        """Restart it."""
        harness.restart()


@dataclass(frozen=True)
class Stop:
    """Let the batch under way finish and end the query."""

    def run(self, harness: StreamHarness) -> None:
        """Stop it."""
        harness.stop()


@dataclass(frozen=True)
class AdvanceClock:
    """Move the query's time; a trigger that is due by then comes once.

    Args:
        duration: ``"10 seconds"``, a timedelta, or seconds.
    """

    duration: str | timedelta | float

    def run(self, harness: StreamHarness) -> None:
        """Advance."""
        harness.advance(self.duration)


@dataclass(frozen=True)
class ProcessAllAvailable:
    """Let a running query work off all that has landed, without waiting for its triggers."""

    def run(self, harness: StreamHarness) -> None:
        """Process."""
        harness.process_all_available()


@dataclass(frozen=True)
class CrashAt:
    """Crash the running query, or else the next one, as SIGKILL would.

    Args:
        point: A line of the life of a batch (``lakestream.failpoint.PROTOCOL_LINES``): the crash
            comes just before it.
        hit: At which passing from now on.
    """

    point: str
    hit: int = 1

    def run(self, harness: StreamHarness) -> None:
        """Arm it."""
        harness.crash_at(self.point, self.hit)


@dataclass(frozen=True)
class ExpectFailure:
    """Expect that the query has just failed, and go on.

    Args:
        error: The class of the error, or one above it.
    """

    error: type[BaseException]

    def run(self, harness: StreamHarness) -> None:
        """Take the failure."""
        failure, harness.failure = harness.failure, None
        if failure is None:
            raise AssertionError("the query did not fail")
        if not isinstance(failure, self.error):
            raise AssertionError(  # noqa: TRY004 - it is the query that failed otherwise
                f"the query failed with {type(failure).__name__}: {failure}"
            ) from failure


@dataclass(frozen=True)
class ExpectRows:
    """Expect exactly these rows in the table, in any order, each as often as it is given.

    Columns that no given row names do not count; without rows the table must be empty.
    """

    rows: Sequence[Row]

    def run(self, harness: StreamHarness) -> None:
        """Compare."""
        _compare(self.rows, harness.rows())


@dataclass(frozen=True)
class ExpectQuarantine:
    """Expect exactly these records and files in quarantine, in any order.

    Args:
        records: Mappings of what is to be compared: ``file_key``, ``line`` (None for a whole
            file), ``code``, ``reason``, ``raw``, ``batch_id``.
    """

    records: Sequence[Row]

    def run(self, harness: StreamHarness) -> None:
        """Compare."""
        _compare(self.records, harness.table.quarantine().to_pylist())


@dataclass(frozen=True)
class Do:
    """Call something of the test's own: overwrite a file, look at the table, install faults."""

    function: Callable[[], object]

    def run(self, harness: StreamHarness) -> None:
        """Call it."""
        del harness
        self.function()


def _compare(expected: Sequence[Row], found: Iterable[Row]) -> None:
    names = list(dict.fromkeys(name for row in expected for name in row))
    check_exactly_once(
        [("", {name: row.get(name) for name in names}) for row in expected],
        [("", {name: row.get(name) for name in names} if names else row) for row in found],
    )


def _json_lines(rows: Sequence[Row]) -> bytes:
    return "".join(f"{json.dumps(row, default=str)}\n" for row in rows).encode()
