"""JSON: one object a line (NDJSON), or whole documents and arrays with ``multi_line``.

What each type accepts; everything else is a mismatch: null in the column, the raw value in the
rescued data, never a coercion. The fast and the exact path agree on every line of this table
(``tests/formats/test_json_paths.py``).

| type | JSON values |
|---|---|
| string | text as it is; any other value as its raw text (``1.50`` stays ``1.50``) |
| boolean | ``true``, ``false`` |
| tinyint, smallint, int, bigint | numbers without point and exponent, within range |
| float, double | numbers within range; with ``allow_non_numeric_numbers`` also the texts NaN, |
| | Infinity, INF, and the last two with a sign |
| decimal(p,s) | numbers, and texts of numbers; rounded half up to s, a mismatch beyond p |
| date | ``yyyy-[M]M-[d]d``, or ``date_format`` |
| timestamp | ``yyyy-[M]M-[d]d[(T| )[H]H:[m]m[:[s]s[.fraction]][zone]]``, or ``timestamp_format``; |
| | without a zone UTC; digits behind microseconds are cut off |
| timestamp_ntz | the same without a zone |
| binary | base64 |
| struct | objects; a field of the wrong type is null there and rescued by its path |
| array, map | arrays, objects; an item of the wrong type makes the whole column null, and |
| | whatever does not fit in an item rescues the whole raw value |

``null`` fits every type. Numbers are no timestamps (Spark takes seconds; the unit would be a
guess). Of equal keys the last one counts, everywhere. An unknown field that is null holds
nothing, so it is neither rescued nor a new column.

Bad records: not one JSON object (broken, two on a line, an array, a bare ``NaN``), not UTF-8, a
lone surrogate, kept values nested deeper than ``MAX_DEPTH``, longer than ``MAX_RECORD_BYTES``.
Blank lines are no records, but count in line numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import msgspec

from lakestream.errors import SchemaRejectedError
from lakestream.formats.base import DecodedBatch, DecodePlan, FileChunk, Outcomes, Sample
from lakestream.formats.infer import InferenceRules
from lakestream.formats.json_blocks import document_blocks, line_blocks
from lakestream.formats.json_decode import BlockDecoder, Delivery
from lakestream.formats.json_exact import ExactRules
from lakestream.formats.json_infer import infer_schema
from lakestream.formats.json_pipeline import in_order
from lakestream.formats.json_scalars import time_pattern
from lakestream.formats.json_validator import Validator
from lakestream.formats.schema import check_limits
from lakestream.plan.types import (
    DATE,
    STRING,
    TIMESTAMP,
    TIMESTAMP_NTZ,
    Array,
    Map,
    SparkType,
    Struct,
)


class JsonFormat(msgspec.Struct, frozen=True):
    """JSON with its options.

    Args:
        multi_line: A file is one document or one array of records, not a record a line.
        allow_non_numeric_numbers: Take ``"NaN"``, ``"Infinity"`` and the like as floats.
        infer_timestamp: Infer timestamps where every text of a column reads as one.
        prefers_decimal: Infer decimals instead of doubles where 38 digits hold the numbers.
        primitives_as_string: Infer every number, boolean and text as a string.
        drop_field_if_all_null: Leave columns out of the inferred schema that are null, or
            empty arrays or objects, in the whole sample.
        timestamp_format: A Spark datetime pattern instead of ISO 8601; reads slower.
        date_format: The same for dates.

    Raises:
        ConfigError: A pattern cannot be read.
    """

    multi_line: bool = False
    allow_non_numeric_numbers: bool = True
    infer_timestamp: bool = False
    prefers_decimal: bool = False
    primitives_as_string: bool = False
    drop_field_if_all_null: bool = False
    timestamp_format: str | None = None
    date_format: str | None = None

    compressible: ClassVar[bool] = True
    fixed_schema: ClassVar[Struct | None] = None
    name: ClassVar[str] = "json"

    def __post_init__(self) -> None:
        """Read the patterns, so that a wrong one is an error where it is written."""
        for option in ("timestamp_format", "date_format"):
            pattern = getattr(self, option)
            if pattern is not None:
                time_pattern(pattern, option)

    @property
    def whole_files(self) -> bool:
        """True with ``multi_line``: a file must come as one chunk."""
        return self.multi_line

    def options(self) -> Mapping[str, str]:
        """Give the options that are not the default, by name."""
        usual = dict(zip(self.__struct_fields__, self.__struct_defaults__, strict=True))
        given = {name: getattr(self, name) for name in usual}
        return {name: str(value) for name, value in given.items() if value != usual[name]}

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> Struct:
        """Find the columns in samples: see ``formats.infer`` for the types.

        Raises:
            SchemaInferenceError: No sample has a record.
            SchemaRejectedError: The schema is over a limit.
        """
        return infer_schema(
            samples,
            self._rules(types=infer_types and not self.primitives_as_string),
            multi_line=self.multi_line,
            drop_empty=self.drop_field_if_all_null,
        )

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as they come, on three threads of its own while it is iterated.

        Chunks are drawn on one of those threads. A record ends in exactly one place: a row, a
        bad record, or the dropped count; counts are added when a block's rows are given.

        Raises:
            BadRecordError, NewColumnsError, SchemaRejectedError: See ``Format.decode``.

        Cost: memory for about ten blocks of 1 MB and their columns, whatever the input.
        """
        _check_map_keys(plan.schema)
        check_limits(plan.schema, where="the schema to read")
        decoder = BlockDecoder(plan, self._exact_rules(plan), self._validator(plan))
        cut = document_blocks if self.multi_line else line_blocks
        delivery = Delivery(outcomes)
        for parsed in in_order(cut(chunks), decoder.decode):
            yield from delivery.deliver(parsed)

    def _rules(self, *, types: bool = True) -> InferenceRules:
        return InferenceRules(
            types=types, timestamps=self.infer_timestamp, prefers_decimal=self.prefers_decimal
        )

    def _exact_rules(self, plan: DecodePlan) -> ExactRules:
        return ExactRules(
            rescued_column=plan.rescued_column,
            keep_unknown=plan.unknown != "ignore",
            drift=plan.unknown == "evolve",
            case_sensitive=plan.case_sensitive,
            widen=plan.widen,
            non_numbers=self.allow_non_numeric_numbers,
            inference=self._rules(types=plan.infer_types and not self.primitives_as_string),
            timestamp_format=self.timestamp_format,
            date_format=self.date_format,
        )

    def _validator(self, plan: DecodePlan) -> Validator:
        exact_only: set[SparkType] = set()
        if self.timestamp_format is not None:
            exact_only |= {TIMESTAMP, TIMESTAMP_NTZ}
        if self.date_format is not None:
            exact_only.add(DATE)
        # Where nothing becomes of unknown fields, a record with some is as clean as any other;
        # but without case they may be columns in another spelling.
        indifferent = plan.unknown == "ignore" or (
            plan.unknown == "rescue" and plan.rescued_column is None
        )
        return Validator(not (indifferent and plan.case_sensitive), frozenset(exact_only))


def _check_map_keys(kind: SparkType) -> None:
    match kind:
        case Struct(members):
            for _, each in members:
                _check_map_keys(each)
        case Array(element):
            _check_map_keys(element)
        case Map(key, value):
            if key != STRING:
                raise SchemaRejectedError(
                    "the keys of a JSON object are text, but the schema has a map with others",
                    where="the schema to read",
                    fix="declare the column as MAP<STRING, ...>",
                )
            _check_map_keys(value)
