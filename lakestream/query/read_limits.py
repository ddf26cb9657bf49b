"""How much input enters the next batch. Pure."""

from __future__ import annotations

from typing import Final

from lakestream.sources.base import ReadLimit

#: A batch takes at most this many bytes of input when nothing was declared ...
ADAPTIVE_BYTES: Final = 512 * 2**20
#: ... and no more than what the last batches read in this time.
ADAPTIVE_SECONDS: Final = 60.0
_SMALLEST_BYTES: Final = 8 * 2**20

NO_LIMIT: Final = ReadLimit()


def adaptive_limit(*, last_bytes: int, last_seconds: float) -> ReadLimit:
    """Give the limit of a source that declared none.

    As large as stays within 512 MB of input or a minute of work, judged by the last batch:
    commits cost the same whatever they carry, so few large batches are cheapest.

    Args:
        last_bytes: Input bytes of the last batch; 0 when there was none.
        last_seconds: How long it took.
    """
    if last_bytes <= 0 or last_seconds <= 0:
        return ReadLimit(max_bytes=ADAPTIVE_BYTES)
    in_a_minute = int(last_bytes / last_seconds * ADAPTIVE_SECONDS)
    return ReadLimit(max_bytes=max(_SMALLEST_BYTES, min(ADAPTIVE_BYTES, in_a_minute)))
