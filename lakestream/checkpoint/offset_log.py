"""The offset log: what batch N will read, written before it is read.

The text is Spark's offset log v1, so that a checkpoint of Spark's can be read and ours be read
by Spark's eyes; what Spark has no place for stands in the ``conf`` map under ``lakestream.*``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NewType

import msgspec

from lakestream.checkpoint import entry_text
from lakestream.checkpoint.batch_log import BatchLog
from lakestream.checkpoint.entry_text import corrupt

if TYPE_CHECKING:
    from lakestream.storage.base import LogStore

#: A source's position: a JSON text on one line, opaque to all but the source.
Offset = NewType("Offset", str)

FOLDER: Final = "offsets"
_OURS: Final = "lakestream."
_SOURCES: Final = "lakestream.sources"
_ATTEMPT: Final = "lakestream.attempt"
_DIGEST: Final = "lakestream.planDigest"
_CHECKSUM: Final = "lakestream.checksum"
_NONE: Final = "-"
_KEYS: Final = {"batchWatermarkMs", "batchTimestampMs", "conf"}


class OffsetEntry(msgspec.Struct, frozen=True):
    """One planned batch.

    Args:
        batch_id: The batch.
        attempt: The random id of the attempt that planned it; "" in an entry of Spark's.
        plan_digest: Hash of what the batch reads; "" in an entry of Spark's.
        watermark_ms: Event time that is late in this batch.
        timestamp_ms: The batch's clock, what ``current_timestamp`` gives.
        conf: Spark's or other settings that the batch is bound to.
        offsets: Source names and inclusive ends, in line order. In Spark's entries sources are
            named by their place: "0", "1". A source that has no offset yet is left out.
    """

    batch_id: int
    attempt: str
    plan_digest: str
    watermark_ms: int
    timestamp_ms: int
    conf: Mapping[str, str] = msgspec.field(default_factory=dict)
    offsets: tuple[tuple[str, Offset], ...] = ()


class OffsetLog(BatchLog[OffsetEntry]):
    """``offsets/<N>``."""

    def __init__(self, store: LogStore) -> None:
        super().__init__(store, FOLDER, to_bytes=to_bytes, from_bytes=from_bytes)


def to_bytes(entry: OffsetEntry) -> bytes:
    """Give an entry's text: version, one line of JSON, one line a source."""
    ends = [end for _, end in entry.offsets]
    assert not any("\n" in end or end == _NONE or not end for end in ends), "one line an offset"  # noqa: S101
    assert not any(name.startswith(_OURS) for name in entry.conf), "our names are ours"  # noqa: S101
    conf = {
        **entry.conf,
        _SOURCES: entry_text.compact([name for name, _ in entry.offsets]),
        _ATTEMPT: entry.attempt,
        _DIGEST: entry.plan_digest,
        _CHECKSUM: entry_text.NO_CHECKSUM,
    }
    head = {
        "batchWatermarkMs": entry.watermark_ms,
        "batchTimestampMs": entry.timestamp_ms,
        "conf": conf,
    }
    text = "\n".join((entry_text.VERSION_LINE, entry_text.compact(head), *ends))
    return entry_text.sealed(text, entry.batch_id)


def from_bytes(data: bytes, batch_id: int, *, where: str) -> OffsetEntry:
    """Read an entry's text, ours or Spark's.

    Raises:
        CheckpointCorruptError: It is torn, altered, or none.
        CheckpointVersionError: It is of a newer version.
    """
    where = f"{where}/{batch_id}"
    lines = entry_text.body_lines(data, where)
    if len(lines) < 2:  # noqa: PLR2004 - a line of metadata and at least one source
        raise corrupt("it ends too early", where)
    tree = entry_text.json_object(lines[0], where) if lines[0] else {}
    conf = _conf(tree, where)
    names = [str(place) for place in range(len(lines) - 1)]
    if any(name.startswith(_OURS) for name in conf):
        text = data.decode()
        if not entry_text.is_sealed(text, batch_id, conf.get(_CHECKSUM)):
            raise corrupt("its checksum does not fit", where)
        names = json.loads(conf[_SOURCES])
    elif any(not line for line in lines[1:]):
        raise corrupt("a source's line is empty", where)
    return OffsetEntry(
        batch_id=batch_id,
        attempt=conf.get(_ATTEMPT, ""),
        plan_digest=conf.get(_DIGEST, ""),
        watermark_ms=entry_text.integer(tree, "batchWatermarkMs", where) if tree else 0,
        timestamp_ms=entry_text.integer(tree, "batchTimestampMs", where) if tree else 0,
        conf={name: value for name, value in conf.items() if not name.startswith(_OURS)},
        offsets=tuple(
            (name, Offset(line))
            for name, line in zip(names, lines[1:], strict=True)
            if line != _NONE
        ),
    )


def _conf(tree: dict[str, object], where: str) -> dict[str, str]:
    unknown = tree.keys() - _KEYS
    if unknown:
        raise corrupt("its JSON has other names than Spark's", where)
    conf = tree.get("conf", {})
    if not isinstance(conf, dict) or any(not isinstance(each, str) for each in conf.values()):
        raise corrupt("conf is no map of strings", where)
    return conf
