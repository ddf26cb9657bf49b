"""Checks of single option values of ``read_files``. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from lakestream.errors import ConfigError, near_names
from lakestream.sources.base import ReadLimit
from lakestream.sources.files.glob import Glob, compile_glob, split_glob
from lakestream.storage.location import EnvPath, PathLike, display
from lakestream.units import parse_duration, parse_size

if TYPE_CHECKING:
    from lakestream.sources.files.notifications.base import Queue

WHERE: Final = "read_files"
_MOST_AT_A_TIME: Final = 64
_LEAST_MAX_AGE: Final = timedelta(days=14)


def check_type(option: str, value: object, kind: type) -> None:
    """Refuse a value of another type; True is no number.

    Raises:
        ConfigError: It is of another type.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(
            f"{option} must be {kind.__name__}, not {type(value).__name__}", where=WHERE
        )


def checked_max_age(age: str | timedelta | float | None) -> timedelta | None:
    """Read ``max_file_age``.

    Raises:
        ConfigError: It is no duration, or shorter than 14 days.
    """
    if age is None:
        return None
    found = parse_duration(age, option="max_file_age")
    if found < _LEAST_MAX_AGE:
        raise ConfigError(
            f"max_file_age is {age!r}: files that come late would be missed",
            where=WHERE,
            fix='give "14 days" or more; "90 days" is a good choice',
        )
    return found


def check_choice(option: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not among the allowed ones.

    Raises:
        ConfigError: It is not.
    """
    if value not in allowed:
        raise ConfigError(
            f"{option} cannot be {value!r}", where=WHERE, fix=near_names(str(value), allowed)
        )


def checked_path(path: PathLike) -> PathLike:
    """Check a path and its glob; what an ``ls.env`` stands for is checked when it is resolved.

    Raises:
        ConfigError: It is no path, empty, or a malformed glob.
    """
    if not isinstance(path, EnvPath):
        text = path if isinstance(path, str) else getattr(path, "__fspath__", lambda: None)()
        if not isinstance(text, str):
            raise ConfigError(
                f"path must be a str, a path or ls.env(...), not {type(path).__name__}",
                where=WHERE,
            )
        if not text.strip():
            raise ConfigError("path is empty", where=WHERE, fix="name a folder, a file or a glob")
        path = text
    _, pattern = split_glob(display(path))
    if pattern is not None:
        compile_glob(pattern, option="path")
    return path


def checked_column(name: str | None, option: str) -> str | None:
    """Check a column name.

    Raises:
        ConfigError: It is no text, or empty.
    """
    if name is None:
        return None
    check_type(option, name, str)
    if not name.strip():
        raise ConfigError(f"{option} is empty", where=WHERE, fix="give a column name")
    return name


def checked_names(names: Iterable[str] | None, option: str) -> tuple[str, ...] | None:
    """Read column names; a text is a comma list, as in Spark.

    Raises:
        ConfigError: One is named twice, or is no text.
    """
    if names is None:
        return None
    parts = names.split(",") if isinstance(names, str) else names
    found: list[str] = []
    for each in parts:
        check_type(option, each, str)
        if each.strip():
            found.append(each.strip())
    if len({each.casefold() for each in found}) < len(found):
        raise ConfigError(f"{option} names a column twice", where=WHERE, fix="name each once")
    return tuple(found)


def name_filter(text: str | None) -> Glob | None:
    """Compile ``path_glob_filter``.

    Raises:
        ConfigError: It is no glob, or looks at folders.
    """
    if text is None:
        return None
    check_type("path_glob_filter", text, str)
    if "/" in text:
        raise ConfigError(
            "path_glob_filter looks at file names only",
            where=f"path_glob_filter={text!r}",
            fix="put the folders into the path, which may be a glob",
        )
    return compile_glob(text, option="path_glob_filter")


def moment(value: datetime | str | None, option: str) -> datetime | None:
    """Read a time as aware UTC; without a zone it is UTC.

    Raises:
        ConfigError: It is none.
    """
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ConfigError(
                f"{option} is no time: {value!r}",
                where=WHERE,
                fix='write it as "2026-11-21T10:00:00+00:00"; without a zone it is UTC',
            ) from error
    check_type(option, value, datetime)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moments(
    after: datetime | str | None, before: datetime | str | None
) -> tuple[datetime | None, datetime | None]:
    """Read ``modified_after`` and ``modified_before``.

    Raises:
        ConfigError: One is no time, or no time lies between them.
    """
    start, end = moment(after, "modified_after"), moment(before, "modified_before")
    if start is not None and end is not None and start >= end:
        raise ConfigError(
            "no time lies between modified_after and modified_before",
            where=WHERE,
            fix="give an earlier modified_after or a later modified_before",
        )
    return start, end


def read_limit(max_files: int | None, max_bytes: str | int | None) -> ReadLimit | None:
    """Read the declared limits; None when there is none.

    Raises:
        ConfigError: One is no number, or not positive.
    """
    if max_files is not None:
        check_type("max_files_per_trigger", max_files, int)
        if max_files < 1:
            raise ConfigError(
                f"max_files_per_trigger must be at least 1, not {max_files}",
                where=WHERE,
                fix="give a number of files, or leave it out: then it adapts",
            )
    size = None if max_bytes is None else parse_size(max_bytes, option="max_bytes_per_trigger")
    return None if max_files is None and size is None else ReadLimit(max_files, size)


def asset_key(key: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """Read an asset key, ``/``-separated or in parts.

    Raises:
        ConfigError: A part is empty.
    """
    if key is None:
        return None
    found = tuple(key.split("/")) if isinstance(key, str) else tuple(key)
    if not found or not all(isinstance(each, str) and each for each in found):
        raise ConfigError(
            "asset_key has an empty part", where=WHERE, fix='write it as "landing/orders"'
        )
    return found


def checked_queue(queue: Queue | None) -> Queue | None:
    """Check that ``notifications`` is a queue's description.

    Raises:
        ConfigError: It is none, such as a bare URL.
    """
    if queue is None or all(hasattr(queue, each) for each in ("open", "display", "schemes")):
        return queue
    raise ConfigError(
        f"notifications cannot be a {type(queue).__name__}",
        where=WHERE,
        fix="give the queue with its kind, such as ls.SqsQueue(url) or ls.AzureStorageQueue(url)",
    )


def checked_interval(interval: str | timedelta | float | None) -> timedelta | None:
    """Read ``backfill_interval``.

    Raises:
        ConfigError: It is no duration, or none at all (0).
    """
    if interval is None:
        return None
    found = parse_duration(interval, option="backfill_interval")
    if not found:
        raise ConfigError(
            "backfill_interval is 0: the place would be listed each time",
            where=WHERE,
            fix="leave notifications out, or give an interval; None never lists again",
        )
    return found


def checked_parallelism(count: int, option: str) -> int:
    """Check how much is done at the same time.

    Raises:
        ConfigError: It is no number from 1 to 64.
    """
    check_type(option, count, int)
    if not 1 <= count <= _MOST_AT_A_TIME:
        raise ConfigError(
            f"{option} cannot be {count}", where=WHERE, fix="give a number from 1 to 64"
        )
    return count
