"""How the files of a batch were found, and how long after they were written. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

from arro3.core import DataType

from lakestream.sources.files.ledger_rows import IGNORED, NOTIFIED, RESCUED, values

if TYPE_CHECKING:
    from arro3.core import RecordBatch

_US_PER_MS: Final = 1_000
_P95: Final = 0.95


def batch_metrics(rows: Iterable[RecordBatch], *, notified: bool) -> dict[str, str]:
    """Tell of some ledger rows what progress shows.

    Args:
        rows: The batch's part of the ledger.
        notified: Whether a queue tells of new files, so that it matters how each was found.

    Returns:
        ``discoveryLagMsP95`` and ``discoveryLagMsMax``, from a file's modification to its
        discovery; and with ``notified`` ``numFilesFoundByNotification`` and
        ``numFilesFoundByBackfill``, the files that only a listing found.
    """
    vias: Counter[str] = Counter()
    lags_us: list[int] = []
    for batch in rows:
        kinds = cast("list[str]", values(batch, "via"))
        vias.update(kinds)
        moments = zip(
            kinds, _microseconds(batch, "discovered_at"), _microseconds(batch, "mtime"), strict=True
        )
        lags_us += [max(found - made, 0) for via, found, made in moments if via != IGNORED]
    found = {}
    if notified:
        found["numFilesFoundByNotification"] = vias[NOTIFIED]
        found["numFilesFoundByBackfill"] = vias[RESCUED]
    if lags_us:
        lags_us.sort()
        found["discoveryLagMsP95"] = lags_us[int((len(lags_us) - 1) * _P95)] // _US_PER_MS
        found["discoveryLagMsMax"] = lags_us[-1] // _US_PER_MS
    return {name: str(number) for name, number in found.items()}


def _microseconds(batch: RecordBatch, name: str) -> list[int]:
    return cast("list[int]", batch.column(name).cast(DataType.int64()).to_pylist())
