"""Splits a file that comes in chunks into blocks of whole lines, with a limit for one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lakestream.limits import MAX_RECORD_BYTES


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines of one file.

    Args:
        data: The lines with separators between them, and none after the last.
        line: 1-based number of the first.
        count: How many there are.
        oversized: The block is one line over the limit, and ``data`` its beginning.
    """

    data: bytes
    line: int
    count: int
    oversized: bool = False


def steps(data: bytes, size_bytes: int, *, last: bool) -> Iterator[tuple[bytes, bool]]:
    """Give bytes in steps, with whether each is the last of its file; one step at least.

    Args:
        data: The bytes.
        size_bytes: Of a step.
        last: Whether they end their file.
    """
    end = max(len(data), 1)
    for at in range(0, end, size_bytes):
        yield data[at : at + size_bytes], last and at + size_bytes >= end


class LineSplitter:
    r"""Cuts one file into blocks at its line separators.

    Without a separator of its own, lines end at ``\n``, ``\r\n`` or ``\r``, and each of them
    becomes ``\n`` in what is given.

    Args:
        separator: The one that ends a line, or None for the three.
    """

    def __init__(self, separator: bytes | None) -> None:
        self._plain = separator is None
        self._separator = separator or b"\n"
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._line = 1
        self._skipping = False
        self._held = b""

    def feed(self, data: bytes, *, last: bool) -> list[LineBlock]:
        """Take the next bytes; give the lines that are complete now."""
        data = self._unite(data, last=last)
        if len(self._separator) > 1 and self._pending:
            data = self._pending.pop() + data  # a separator may lie across the border
            self._pending_bytes = sum(map(len, self._pending))
        cut = self._last_cut(data)
        blocks: list[LineBlock] = []
        if cut < 0:
            self._hold(data)
        else:
            blocks += self._complete(data[:cut])
            self._hold(data[cut + len(self._separator) :])
        if last and self._pending_bytes:
            blocks += self._complete(b"")
        elif self._pending_bytes > MAX_RECORD_BYTES and not self._skipping:
            blocks.append(LineBlock(b"".join(self._pending), self._line, 1, oversized=True))
            self._skipping = True
        if self._skipping:
            self._drop_but_tail()
        return blocks

    def _last_cut(self, data: bytes) -> int:
        if len(self._separator) == 1:
            return data.rfind(self._separator)
        # From the left: in "a|||" the separator "||" stands at 1, and rfind would say 2.
        lines = data.split(self._separator)
        return len(data) - len(lines[-1]) - len(self._separator) if len(lines) > 1 else -1

    def _unite(self, data: bytes, *, last: bool) -> bytes:
        if not self._plain:
            return data
        data = self._held + data
        self._held = b""
        if b"\r" not in data:
            return data
        if data.endswith(b"\r") and not last:
            data, self._held = data[:-1], b"\r"
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, data: bytes) -> None:
        if data:
            self._pending.append(data)
            self._pending_bytes += len(data)

    def _drop_but_tail(self) -> None:
        tail = b"".join(self._pending)[-len(self._separator) :]
        self._pending = [tail] if tail else []
        self._pending_bytes = len(tail)

    def _complete(self, data: bytes) -> list[LineBlock]:
        if self._skipping:
            self._skipping = False
            self._pending, self._pending_bytes = [], 0
            self._line += 1
            _, found, data = data.partition(self._separator)
            if not found:
                return []
        whole = b"".join([*self._pending, data])
        self._pending, self._pending_bytes = [], 0
        if len(whole) <= MAX_RECORD_BYTES:
            return [self._block(whole)]
        return self._within_limit(whole)

    def _within_limit(self, whole: bytes) -> list[LineBlock]:
        blocks: list[LineBlock] = []
        kept: list[bytes] = []
        for line in whole.split(self._separator):
            if len(line) <= MAX_RECORD_BYTES:
                kept.append(line)
                continue
            if kept:
                blocks.append(self._block(self._separator.join(kept)))
                kept = []
            blocks.append(LineBlock(line, self._line, 1, oversized=True))
            self._line += 1
        if kept:
            blocks.append(self._block(self._separator.join(kept)))
        return blocks

    def _block(self, data: bytes) -> LineBlock:
        count = data.count(self._separator) + 1
        block = LineBlock(data, self._line, count)
        self._line += count
        return block
