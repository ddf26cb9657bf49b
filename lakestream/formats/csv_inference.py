"""The columns of sampled CSV files, with types as Spark's CSV inference gives them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from lakestream.errors import BadFileError, SchemaInferenceError
from lakestream.formats.base import DecodePlan, FileOutcome, InputFile, Outcomes, Sample
from lakestream.formats.csv_blocks import BlockReader, Part
from lakestream.formats.csv_casts import column_kind
from lakestream.formats.csv_dialect import RecordSplitter
from lakestream.formats.csv_file import FileRules, OpenFile
from lakestream.formats.csv_values import ValueRules, merged_kind
from lakestream.formats.schema import can_be_column, check_limits
from lakestream.plan import types as t
from lakestream.storage.base import ObjectInfo

#: Nothing is asked of the records but their fields: malformed ones are left out.
_PLAN = DecodePlan(t.Struct(()), "_rescued_data", None, "dropmalformed", "ignore")
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def infer_columns(
    samples: Iterable[Sample], rules: FileRules, values: ValueRules, *, infer_types: bool
) -> t.Struct:
    """Find the columns of samples; see ``CsvFormat.infer``.

    Raises:
        SchemaInferenceError: No sample names a column.
        SchemaRejectedError: The columns are too many.
    """
    splitter = RecordSplitter(rules.dialect)
    kinds: dict[str, t.SparkType] = {}
    spelling: dict[str, str] = {}
    for sample in samples:
        for name, kind in _sample_kinds(sample, rules, values, splitter, types=infer_types):
            known = spelling.setdefault(name.lower(), name)
            kinds[known] = merged_kind(kinds.get(known, t.VOID), kind)
    if not kinds:
        raise SchemaInferenceError(
            "no CSV header was found in any sampled file",
            where=f"format csv, encoding {rules.encoding}",
            fix="give the schema, or start when files with content are there",
        )
    found = t.Struct(
        tuple((name, t.STRING if kind == t.VOID else kind) for name, kind in kinds.items())
    )
    check_limits(found, where="the sampled CSV files")
    return found


def _sample_kinds(
    sample: Sample, rules: FileRules, values: ValueRules, splitter: RecordSplitter, *, types: bool
) -> list[tuple[str, t.SparkType]]:
    info = ObjectInfo(sample.uri, len(sample.data), None, None, _NO_TIME)
    file = InputFile(0, info, sample.uri)
    opened = OpenFile(rules, splitter, sample.uri)
    try:
        pieces = opened.feed(sample.data, last=sample.whole)
    except BadFileError:
        return []
    names = opened.names or ()
    found: list[t.SparkType] = [t.VOID if types else t.STRING] * len(names)
    if types:
        reader = BlockReader(splitter, _PLAN, Outcomes([FileOutcome()]))
        for piece_names, piece in pieces:
            if piece_names != names:
                continue
            texts = reader.read([Part(file, piece)], len(names)).columns
            kinds = [column_kind(text, values) for text in texts]
            found = [merged_kind(one, other) for one, other in zip(found, kinds, strict=True)]
    columns = zip(names, found, strict=True)
    return [(name, kind) for name, kind in columns if can_be_column(name)]
