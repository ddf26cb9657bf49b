"""What the file source asks of a format: chunks of files in, columns and outcomes out.

The file source fetches and decompresses; a format turns the bytes into Arrow batches of the
wanted columns, and tells for every row which file it came from, for every file what became of
it. Partition columns and ``_metadata`` are not a format's business: the file source adds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol

import msgspec
from arro3.core import RecordBatch

from lakestream.errors import LakestreamError
from lakestream.plan.types import Struct
from lakestream.storage.base import ObjectInfo

ParseMode = Literal["permissive", "dropmalformed", "failfast"]
#: What an unknown field does: kept in the rescued column; gathered as schema drift (and rescued
#: in the rows of this attempt); left out; or ends the batch with ``NewColumnsError``.
UnknownFields = Literal["rescue", "evolve", "ignore", "fail"]


#: Bad records that wait to be taken; each is an object of some hundred bytes.
_BAD_RECORDS_HELD: Final = 8192


class InputFile(msgspec.Struct, frozen=True, gc=False):
    """One planned file version, as a format sees it.

    Args:
        index: Its position in the batch, 0 first: outcomes are kept by it.
        info: The version to read.
        uri: Its full URI, for ``_file_path`` in rescued data and for messages.
        archive: The position of the archive that it is a member of, or None.
    """

    index: int
    info: ObjectInfo
    uri: str
    archive: int | None = None


class Fit(msgspec.Struct, frozen=True, gc=False):
    """What inference found of a whole file: each record fits a schema, alone on its line.

    Args:
        schema: The one inferred.
        lines: How many, each with its line end.
    """

    schema: Struct
    lines: int


class FileFailedError(Exception):
    """What reading a place of a file raises when that file cannot be read on.

    Args:
        failure: Why.
    """

    def __init__(self, failure: LakestreamError) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Ranges(msgspec.Struct, frozen=True):
    """A file that is read where its format looks.

    Args:
        size_bytes: Its size.
        read: Gives bytes ``[start, end)``. Raises ``FileFailedError``, or what ends the batch.
    """

    size_bytes: int
    read: Callable[[int, int], bytes]


class FileChunk(msgspec.Struct, frozen=True):
    """A piece of a file's decompressed bytes, in order; files follow one another.

    Args:
        file: Whose bytes.
        data: Some bytes; at most a few MB, except where ``whole_files`` asks for all.
        last: True on the file's last chunk (small files have one chunk).
        failure: The file could not be read on (gone, corrupt, truncated): no more chunks follow.
        fits: What ``infer`` said of a sample that is this whole file.
        ranges: In place of ``data``, for a large file of a ``ranged`` format.
    """

    file: InputFile
    data: bytes
    last: bool
    failure: LakestreamError | None = None
    fits: Fit | None = None
    ranges: Ranges | None = None


class FileOutcome(msgspec.Struct):
    """What became of one file; filled while its batch is read."""

    rows: int = 0
    rescued: int = 0
    bad: int = 0
    dropped: int = 0
    failure: LakestreamError | None = None
    #: Whether bad records of it were taken out of ``Outcomes.bad_records`` already.
    taken: bool = False


class BadRecord(msgspec.Struct, frozen=True):
    """A record that does not parse, on its way to quarantine.

    Args:
        file: Position of the file in the batch.
        line: 1-based line or record number in the file; None where the format has none.
        code: Stable and short: ``malformed_json``, ``not_an_object``, ``column_count``, ...
        reason: One sentence for people.
        raw: The record as it stood in the file.
    """

    file: int
    line: int | None
    code: str
    reason: str
    raw: bytes


class Outcomes(msgspec.Struct):
    """All that a decode finds out beside the rows. Owned by the file source.

    Args:
        files: What became of each file, by its position.
        bad_records: For quarantine; ``keep`` adds to them.
        drift: Fields that the schema does not have.
        take: Takes ``bad_records`` away when they are many, whether or not there are rows.
    """

    files: list[FileOutcome]
    bad_records: list[BadRecord] = msgspec.field(default_factory=list)
    #: Fields that the schema does not have, as a schema of their own (nested fields sit inside
    #: their struct); None until one is met. Only with ``UnknownFields`` "evolve".
    drift: Struct | None = None
    take: Callable[[], None] | None = None

    def keep(self, records: Sequence[BadRecord]) -> None:
        """Add records for quarantine, on the thread that consumes the decode.

        Raises:
            BadRecordError: They are more than the batch may have.
        """
        self.bad_records.extend(records)
        if self.take is not None and len(self.bad_records) >= _BAD_RECORDS_HELD:
            self.take()


class DecodePlan(msgspec.Struct, frozen=True):
    """How to decode: fixed for one attempt.

    Args:
        schema: Columns to give, in order, all nullable: the data columns of the stored schema.
        rescued_column: Name of the string column given after them, or None for none.
        corrupt_column: Name of a string column in ``schema`` that takes the raw text of bad
            records (they become rows then, as in Spark), or None: they go to quarantine.
        mode: What a malformed record does.
        unknown: What an unknown field does.
        case_sensitive: False matches names without case; True rescues other spellings.
        widen: True when an incompatible but widenable value is drift too (type widening mode).
        infer_types: False makes new columns strings, in formats whose values are all text (CSV).
    """

    schema: Struct
    rescued_column: str | None
    corrupt_column: str | None
    mode: ParseMode
    unknown: UnknownFields
    case_sensitive: bool = True
    widen: bool = False
    infer_types: bool = True


class DecodedBatch(msgspec.Struct, frozen=True):
    """Rows of one or several files.

    Args:
        batch: The plan's columns (and the rescued column), in order.
        runs: ``(file index, rows)`` in row order, adding up to ``batch.num_rows``.
    """

    batch: RecordBatch
    runs: Sequence[tuple[int, int]]


class Sample(msgspec.Struct):
    """The beginning of one file, for inference, decompressed.

    Args:
        uri: Whose.
        data: Its first bytes.
        whole: True when ``data`` is the whole file.
        fits: Set by ``infer``: that every record was found to fit the schema without a flaw, so
            that ``decode`` need not look again; None where that is not known.
        ranges: In place of ``data``, for a large file of a ``ranged`` format.
    """

    uri: str
    data: bytes
    whole: bool
    fits: Fit | None = None
    ranges: Ranges | None = None


class Format(Protocol):
    """One file format with its options. Stateless between calls; used from several threads."""

    @property
    def name(self) -> str:
        """``json``, ``csv``, ``parquet``, ``xml``, ``text`` or ``binaryFile``."""
        ...

    @property
    def whole_files(self) -> bool:
        """True when a file must come as one chunk (Parquet, binaryFile, multi-line JSON)."""
        ...

    @property
    def ranged(self) -> bool:
        """True when a large file is read in places instead (``FileChunk.ranges``)."""
        ...

    @property
    def compressible(self) -> bool:
        """True when ``.gz`` and the like are decompressed before this format sees the bytes."""
        ...

    @property
    def fixed_schema(self) -> Struct | None:
        """The schema of formats that have one by nature (text, binaryFile), else None."""
        ...

    def options(self) -> Mapping[str, str]:
        """Give the options that shape the rows, by name, for the checkpoint's fingerprint."""
        ...

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> Struct:
        """Find the columns in samples: first-seen order, all nullable, types as Spark infers.

        Raises:
            SchemaInferenceError: Not one usable record in any sample.
        """
        ...

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as they come; memory stays flat whatever their number and size.

        Every record of every file ends in exactly one place: a row, ``outcomes.bad_records``
        (or the ``dropped`` count), or its whole file in ``outcomes.files[i].failure``. A chunk
        with a failure, or bytes the format cannot read at all, set the file's failure; when
        rows of that file were given already, its outcome's ``rows`` shows how many, and the
        caller abandons the attempt.

        Raises:
            BadRecordError: ``mode="failfast"`` met a bad record.
            NewColumnsError: ``unknown="fail"`` met an unknown field.
            SchemaRejectedError: The drift is over a limit.
        """
        ...
