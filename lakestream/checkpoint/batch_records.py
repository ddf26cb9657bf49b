"""``batches/<N>-<attempt>/``: what one attempt at a batch found out, for whoever wins.

Only the folder that the winning Delta commit names counts; the others are orphans.
"""

from __future__ import annotations

import msgspec

from lakestream.errors import CheckpointCorruptError
from lakestream.storage.base import LogStore


class AttemptRecords(msgspec.Struct, frozen=True):
    """The folder of one attempt at one batch. Names are written once, never overwritten."""

    log: LogStore
    batch_id: int
    attempt: str

    @property
    def folder(self) -> str:
        """The folder's key in the checkpoint."""
        return f"batches/{self.batch_id}-{self.attempt}"

    def put(self, name: str, data: bytes) -> None:
        """Write one record of this attempt.

        Raises:
            CheckpointCorruptError: Another object has this attempt's random name.
        """
        key = f"{self.folder}/{name}"
        if not self.log.put_absent(key, data) and self.log.get(key) != data:
            raise CheckpointCorruptError(
                "an attempt's record exists with other content", where=f"{self.log.uri}/{key}"
            )

    def get(self, name: str) -> bytes:
        """Read one record of this attempt."""
        return self.log.get(f"{self.folder}/{name}")

    def names(self) -> list[str]:
        """Give the names of the records that this attempt wrote, sorted."""
        start = len(self.folder) + 1
        return [key[start:] for key in self.log.list(self.folder)]
