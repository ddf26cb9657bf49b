"""What the offset log and the commit log share: Spark's text form, and our checksum in it.

An entry that we wrote holds a SHA-256 over its id and its text (with zeros where the checksum
stands), so that no torn or altered entry is ever taken for another valid one. Spark's own
entries have none and are read as they are.
"""

from __future__ import annotations

import json
from typing import Final

from lakestream.digest import sha256
from lakestream.errors import CheckpointCorruptError, CheckpointVersionError

VERSION_LINE: Final = "v1"
#: Stands where the checksum goes, while it is computed.
NO_CHECKSUM: Final = "0" * 64


def sealed(text: str, entry_id: int) -> bytes:
    """Give an entry's bytes: ``text`` with the checksum in place of ``NO_CHECKSUM``."""
    assert text.count(NO_CHECKSUM) == 1, "an entry has one place for its checksum"  # noqa: S101
    return text.replace(NO_CHECKSUM, _checksum(text, entry_id)).encode()


def is_sealed(text: str, entry_id: int, checksum: object) -> bool:
    """Tell whether an entry's text is what was written under this id."""
    return (
        isinstance(checksum, str)
        and text.count(checksum) == 1
        and _checksum(text.replace(checksum, NO_CHECKSUM), entry_id) == checksum
    )


def body_lines(data: bytes, where: str) -> list[str]:
    """Give the lines after the version line.

    Raises:
        CheckpointCorruptError: There is no version line, or the entry is not text.
        CheckpointVersionError: It is a version that this lakestream does not know.
    """
    try:
        first, *rest = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise corrupt("it is no text", where) from error
    if first == VERSION_LINE:
        return rest
    if first[:1] == "v" and first[1:].isdecimal() and rest:
        raise CheckpointVersionError(
            f"a log entry has version {first[:8]}, this lakestream reads {VERSION_LINE}",
            where=where,
            fix="run the lakestream (or Spark) version that wrote it, or a newer one",
        )
    raise corrupt("its first line is no version", where)


def json_object(line: str, where: str) -> dict[str, object]:
    """Read a line as a JSON object.

    Raises:
        CheckpointCorruptError: It is none.
    """
    try:
        tree = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise corrupt("its JSON does not parse", where) from error
    if not isinstance(tree, dict):
        raise corrupt("its JSON is no object", where)
    return tree


def integer(tree: dict[str, object], name: str, where: str) -> int:
    """Give a number of an entry's JSON.

    Raises:
        CheckpointCorruptError: It is missing or no whole number.
    """
    value = tree.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise corrupt(f"{name} is no whole number", where)
    return value


def text_of(tree: dict[str, object], name: str, where: str) -> str:
    """Give a string of an entry's JSON.

    Raises:
        CheckpointCorruptError: It is missing or no string.
    """
    value = tree.get(name)
    if not isinstance(value, str):
        raise corrupt(f"{name} is no string", where)
    return value


def compact(tree: object) -> str:
    """Give JSON on one line, as Spark writes it."""
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False)


def corrupt(what: str, where: str) -> CheckpointCorruptError:
    """Build the error for an entry that cannot be read."""
    return CheckpointCorruptError(
        f"a log entry cannot be read: {what}",
        where=where,
        fix="restore the checkpoint folder from a backup, or reset the table",
    )


def _checksum(text: str, entry_id: int) -> str:
    return sha256(f"{entry_id}\n{text}".encode()).hexdigest()
