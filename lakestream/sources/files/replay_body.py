"""Quarantined records as a file again, so that its format reads them as it did. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import ConfigError

if TYPE_CHECKING:
    from lakestream.formats.base import Format

_LINES: Final = frozenset({"json", "csv", "text"})


def check_replayable(reader: Format) -> None:
    """Refuse formats whose records do not stand alone.

    Raises:
        ConfigError: They do not.
    """
    encoding = str(_option(reader, "encoding", "utf-8")).lower().replace("_", "-")
    if reader.name in _LINES and encoding in {"utf-8", "utf8"}:
        return
    what = f"format {reader.name!r}" if reader.name not in _LINES else f"encoding {encoding!r}"
    raise ConfigError(
        f"single records of {what} cannot be replayed",
        where="quarantine",
        fix="mend the file and give it another try: lakestream files MODULE:TABLE replay KEY",
    )


def needs_header(reader: Format) -> bool:
    """Tell whether records mean nothing without the beginning of their file."""
    return reader.name == "csv" and bool(_option(reader, "header", default=False))


def header_of(reader: Format, start: bytes) -> bytes:
    """Give the beginning of a file up to the end of its header."""
    separator = _separator(reader)
    comment = _option(reader, "comment", None)
    lines = start.split(separator)
    end = int(_option(reader, "skip_rows", 0))
    while end < len(lines) - 1 and _says_nothing(lines[end], comment):
        end += 1
    return separator.join(lines[: end + 1]) + separator


def bodies(reader: Format, records: Sequence[bytes], header: bytes = b"") -> list[bytes]:
    """Give the files that some records of one file become: mostly one.

    Args:
        reader: The format.
        records: Their text, without what ends a record.
        header: What precedes them.
    """
    separator = _separator(reader)
    if reader.name == "json" and _option(reader, "multi_line", default=False):
        return [each + separator for each in records]
    return [header + b"".join(each + separator for each in records)]


def _says_nothing(line: bytes, comment: str | None) -> bool:
    return not line.strip() or (comment is not None and line.startswith(comment.encode()))


def _separator(reader: Format) -> bytes:
    return str(_option(reader, "line_sep", None) or "\n").encode()


def _option(reader: Format, name: str, default: Any) -> Any:  # noqa: ANN401  of each format's own kind
    return getattr(reader, name, default)
