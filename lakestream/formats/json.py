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

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import ClassVar

import msgspec

from lakestream.errors import ConfigError, SchemaRejectedError
from lakestream.formats.base import DecodedBatch, DecodePlan, FileChunk, Outcomes, Sample
from lakestream.formats.encodings import canonical_encoding, utf8_chunks, utf8_samples
from lakestream.formats.infer import InferenceRules
from lakestream.formats.json_blocks import Block, document_blocks, line_blocks, separated_blocks
from lakestream.formats.json_decode import BlockDecoder, Delivery
from lakestream.formats.json_exact import ExactRules
from lakestream.formats.json_infer import infer_schema
from lakestream.formats.json_lenient import Leniency
from lakestream.formats.json_pipeline import in_order
from lakestream.formats.json_scalars import time_pattern
from lakestream.formats.json_validator import Validator
from lakestream.formats.schema import check_limits
from lakestream.formats.zones import zone_of
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
        time_zone: Of timestamps that are written without a zone, "Europe/Paris" or "+05:30";
            None for UTC. Reads slower.
        encoding: Of the files; bytes that it does not have make a record bad.
        line_sep: What ends a record instead of a line end, which is white space then.
        allow_comments: Pass over ``/* ... */`` and ``// ...``.
        allow_single_quotes: Take texts and names in single quotes. (Spark does so unless it is
            told not to; here it is asked for.)
        allow_unquoted_field_names: Take names without quotes.
        allow_unquoted_control_chars: Take control characters as they are in texts.
        allow_backslash_escaping_any_character: Read a backslash before a character that it does
            not escape in JSON as that character.
        allow_numeric_leading_zeros: Take numbers that begin with zeros.

    A record that needs one of the last six is read about ten times slower than a strict one.
    What it holds beside its columns is rescued as strict JSON; should it be bad all the same, it
    goes to quarantine as it stood.

    Raises:
        ConfigError: A pattern cannot be read, there is no such encoding, or options exclude
            each other.
    """

    multi_line: bool = False
    allow_non_numeric_numbers: bool = True
    infer_timestamp: bool = False
    prefers_decimal: bool = False
    primitives_as_string: bool = False
    drop_field_if_all_null: bool = False
    timestamp_format: str | None = None
    date_format: str | None = None
    time_zone: str | None = None
    encoding: str = "utf-8"
    line_sep: str | None = None
    allow_comments: bool = False
    allow_single_quotes: bool = False
    allow_unquoted_field_names: bool = False
    allow_unquoted_control_chars: bool = False
    allow_backslash_escaping_any_character: bool = False
    allow_numeric_leading_zeros: bool = False

    ranged: ClassVar[bool] = False
    compressible: ClassVar[bool] = True
    fixed_schema: ClassVar[Struct | None] = None
    name: ClassVar[str] = "json"

    def __post_init__(self) -> None:
        """Check the options, so that a wrong one is an error where it is written."""
        zone_of(self.time_zone)
        canonical = canonical_encoding(self.encoding, where="option encoding")
        msgspec.structs.force_setattr(self, "encoding", canonical)
        if self.line_sep == "":
            raise ConfigError(
                "line_sep is empty", where="option line_sep", fix="leave it out, or name one"
            )
        if self.multi_line and self.line_sep is not None:
            raise ConfigError(
                "line_sep and multi_line exclude each other",
                where="option line_sep",
                fix="leave line_sep out: with multi_line a file is one document",
            )
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
            utf8_samples(samples, self.encoding),
            self._rules(types=infer_types and not self.primitives_as_string),
            self._lenient,
            multi_line=self.multi_line,
            separator=self._separator,
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
        delivery = Delivery(outcomes)
        blocks = self._blocks(utf8_chunks(chunks, self.encoding))
        for parsed in in_order(blocks, decoder.decode):
            yield from delivery.deliver(parsed)

    def _blocks(self, chunks: Iterable[FileChunk]) -> Generator[Block, None, None]:
        if self.multi_line:
            return document_blocks(chunks, self._lenient)
        if self._separator is not None:
            return separated_blocks(chunks, self._separator)
        return line_blocks(chunks)

    @property
    def _separator(self) -> bytes | None:
        return None if self.line_sep in (None, "\n") else self.line_sep.encode()

    @property
    def _lenient(self) -> Leniency:
        return Leniency(
            comments=self.allow_comments,
            single_quotes=self.allow_single_quotes,
            unquoted_field_names=self.allow_unquoted_field_names,
            unquoted_control_chars=self.allow_unquoted_control_chars,
            backslash_escaping_any_character=self.allow_backslash_escaping_any_character,
            numeric_leading_zeros=self.allow_numeric_leading_zeros,
        )

    def _rules(self, *, types: bool = True) -> InferenceRules:
        return InferenceRules(
            types=types,
            timestamps=self.infer_timestamp,
            prefers_decimal=self.prefers_decimal,
            timestamp_format=self.timestamp_format,
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
            lenient=self._lenient,
            time_zone=self.time_zone,
        )

    def _validator(self, plan: DecodePlan) -> Validator:
        exact_only: set[SparkType] = set()
        if self.timestamp_format is not None:
            exact_only |= {TIMESTAMP, TIMESTAMP_NTZ}
        if zone_of(self.time_zone) is not None:
            exact_only.add(TIMESTAMP)
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
