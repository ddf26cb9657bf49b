"""What a stream of appends does about deletes and updates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """What a delete or an update in the table does to the stream.

    Args:
        ignore_deletes: Commits that only delete are passed over.
        ignore_changes: Commits that rewrite files are read whole: unchanged rows come again,
            deletes are not passed on. Includes ``ignore_deletes``.
        skip_change_commits: Commits that delete or rewrite are passed over, new rows included.
    """

    ignore_deletes: bool = False
    ignore_changes: bool = False
    skip_change_commits: bool = False
