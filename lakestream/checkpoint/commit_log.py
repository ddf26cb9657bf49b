"""The commit log: which batches are done, written after the sink has them.

The text is Spark's commit log v1; our own facts stand beside its watermark under ``lakestream``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from lakestream.checkpoint import entry_text
from lakestream.checkpoint.batch_log import BatchLog
from lakestream.checkpoint.entry_text import corrupt
from lakestream.storage.base import LogStore

FOLDER: Final = "commits"
_WATERMARK: Final = "nextBatchWatermarkMs"
_OURS: Final = "lakestream"


class CommitEntry(msgspec.Struct, frozen=True):
    """One committed batch, as the winning Delta commit tells it.

    Args:
        batch_id: The batch.
        next_watermark_ms: The watermark of the next batch.
        delta_version: The table's version that carries the batch's mark; None in an entry of
            Spark's.
        rows: Rows that the commit added.
        attempt: The attempt that won; "" in an entry of Spark's.
        plan_digest: Hash of what the batch read; "" in an entry of Spark's.
        refs: Where the attempt's own records are.
    """

    batch_id: int
    next_watermark_ms: int
    delta_version: int | None
    rows: int
    attempt: str
    plan_digest: str
    refs: Mapping[str, object] = msgspec.field(default_factory=dict)


class CommitLog(BatchLog[CommitEntry]):
    """``commits/<N>``."""

    def __init__(self, store: LogStore) -> None:
        super().__init__(store, FOLDER, to_bytes=to_bytes, from_bytes=from_bytes)


def to_bytes(entry: CommitEntry) -> bytes:
    """Give an entry's text: version, one line of JSON."""
    tree = {
        _WATERMARK: entry.next_watermark_ms,
        _OURS: {
            "deltaVersion": entry.delta_version,
            "rows": entry.rows,
            "attempt": entry.attempt,
            "planDigest": entry.plan_digest,
            "refs": dict(entry.refs),
            "checksum": entry_text.NO_CHECKSUM,
        },
    }
    text = f"{entry_text.VERSION_LINE}\n{entry_text.compact(tree)}"
    return entry_text.sealed(text, entry.batch_id)


def from_bytes(data: bytes, batch_id: int, *, where: str) -> CommitEntry:
    """Read an entry's text, ours or Spark's.

    Raises:
        CheckpointCorruptError: It is torn, altered, or none.
        CheckpointVersionError: It is of a newer version.
    """
    where = f"{where}/{batch_id}"
    lines = entry_text.body_lines(data, where)
    if len(lines) != 1:
        raise corrupt("it has another number of lines than two", where)
    tree = entry_text.json_object(lines[0], where)
    if tree.keys() - {_WATERMARK, _OURS}:
        raise corrupt("its JSON has other names than Spark's and ours", where)
    watermark = entry_text.integer(tree, _WATERMARK, where) if tree else 0
    if _OURS not in tree:
        return CommitEntry(batch_id, watermark, None, 0, "", "")
    ours = tree[_OURS]
    if not isinstance(ours, dict) or not entry_text.is_sealed(
        data.decode(), batch_id, ours.get("checksum")
    ):
        raise corrupt("its checksum does not fit", where)
    version = ours.get("deltaVersion")
    refs = ours.get("refs")
    return CommitEntry(
        batch_id=batch_id,
        next_watermark_ms=watermark,
        delta_version=None if version is None else entry_text.integer(ours, "deltaVersion", where),
        rows=entry_text.integer(ours, "rows", where),
        attempt=entry_text.text_of(ours, "attempt", where),
        plan_digest=entry_text.text_of(ours, "planDigest", where),
        refs=refs if isinstance(refs, dict) else {},
    )
