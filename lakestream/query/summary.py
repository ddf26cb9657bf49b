"""``batches/<N>-<attempt>/summary.json``: what an attempt counted, for whoever finishes it.

It is written when the attempt's stream has been read to its end and before the commit, so the
record of the winning attempt is always there when its commit is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.errors import CheckpointCorruptError, ObjectNotFoundError
from lakestream.plan.schema_diff import SchemaChange
from lakestream.query.progress import ExpectationCounts

NAME: Final = "summary.json"


class SourceSummary(msgspec.Struct, frozen=True):
    """What one source gave to an attempt."""

    rows: int
    files: int
    bytes: int
    rescued_rows: int
    bad_records: int
    bad_files: int
    dropped_records: int


class AttemptSummary(msgspec.Struct, frozen=True):
    """What one attempt at a batch counted.

    Args:
        rows: Rows handed to the sink.
        sources: Counts by source name.
        expectations: Counts by expectation.
        schema_changed: Whether the attempt's rows have columns or fields that the table had not,
            or wider ones.
        schema_changes: Which.
    """

    rows: int
    sources: Mapping[str, SourceSummary]
    schema_changed: bool
    expectations: Mapping[str, ExpectationCounts] = msgspec.field(default_factory=dict)
    schema_changes: tuple[SchemaChange, ...] = ()

    def write(self, records: AttemptRecords) -> None:
        """Store it with its attempt."""
        records.put(NAME, msgspec.json.encode(self))

    @staticmethod
    def is_in(records: AttemptRecords) -> bool:
        """Tell whether an attempt has its summary, and with it all of its records."""
        return NAME in records.names()

    @classmethod
    def read(cls, records: AttemptRecords) -> AttemptSummary:
        """Load an attempt's summary.

        Raises:
            CheckpointCorruptError: It is gone or no summary.
        """
        try:
            tree = json.loads(records.get(NAME))
            return cls(
                rows=tree["rows"],
                sources={name: SourceSummary(**each) for name, each in tree["sources"].items()},
                schema_changed=tree["schema_changed"],
                expectations={
                    name: ExpectationCounts(**each) for name, each in tree["expectations"].items()
                },
                # Summaries of earlier releases tell only that there were some.
                schema_changes=tuple(
                    SchemaChange(**each) for each in tree.get("schema_changes", ())
                ),
            )
        except (ObjectNotFoundError, ValueError, KeyError, TypeError) as error:
            raise CheckpointCorruptError(
                "the record of a committed attempt cannot be read",
                where=f"{records.log.uri}/{records.folder}/{NAME}",
                fix="restore the checkpoint folder from a backup; the table itself is whole",
            ) from error
