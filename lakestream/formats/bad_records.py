"""Where a record that does not parse goes: its row, quarantine, nowhere, or an error.

One rule for all formats, by parse mode: *failfast* raises; *dropmalformed* counts; *permissive*
makes a row of the raw text when the schema has a column for it, else sends it to quarantine.
"""

from __future__ import annotations

from typing import Final

from lakestream.errors import BadRecordError, LakestreamError
from lakestream.formats.base import BadRecord, DecodePlan, InputFile, Outcomes
from lakestream.limits import MAX_RECORD_BYTES

#: How much is kept of a record that is over the limit; the rest is still in its file.
KEPT_OF_OVERSIZED: Final = 64 * 2**10


def too_long(file: InputFile, line: int | None, start: bytes) -> BadRecord:
    """Build the bad record for one that is longer than ``MAX_RECORD_BYTES``."""
    return BadRecord(
        file=file.index,
        line=line,
        code="record_too_long",
        reason=f"the record is longer than {MAX_RECORD_BYTES} bytes; its beginning is kept here",
        raw=start[:KEPT_OF_OVERSIZED],
    )


def take_bad_record(
    record: BadRecord, file: InputFile, plan: DecodePlan, outcomes: Outcomes
) -> bool:
    """Send a bad record where the mode says, and count it.

    Returns:
        True when the record becomes a row, with its text in ``plan.corrupt_column``; the caller
        gives (and counts) that row.

    Raises:
        BadRecordError: The mode is ``failfast``.
    """
    if plan.mode == "failfast":
        place = file.uri if record.line is None else f"{file.uri}, line {record.line}"
        raise BadRecordError(
            f"{record.reason} ({record.code})",
            where=place,
            fix='mend the file, or read with mode="permissive" to quarantine such records',
        )
    outcome = outcomes.files[file.index]
    if plan.mode == "dropmalformed":
        outcome.dropped += 1
        return False
    outcome.bad += 1
    if plan.corrupt_column is not None:
        return True
    outcomes.keep((record,))
    return False


def fail_file(file: InputFile, error: LakestreamError, outcomes: Outcomes) -> None:
    """Mark a whole file as failed: none of its records stands in quarantine beside it.

    Of a file whose records were taken already the counts stay: the attempt is abandoned for them.
    """
    outcome = outcomes.files[file.index]
    outcome.failure = error
    if not outcome.taken:
        outcome.bad = outcome.dropped = outcome.rescued = 0
    outcomes.bad_records[:] = [each for each in outcomes.bad_records if each.file != file.index]
