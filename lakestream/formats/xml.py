"""XML: one row for each element of a name, as Spark's ``xml`` reads it.

What becomes of an element (``formats.xml_types`` for the types that inference gives):

| in the row element | column or field |
|---|---|
| an attribute | ``attribute_prefix`` and its name |
| a child without attributes and children | its name; the text is read into the column's type |
| a child with some | its name; a struct of its attributes, children and text |
| text beside attributes or children | ``value_tag`` |
| several children of one name | its name; an array |

What a text is read into, everything else being a mismatch (null, and rescued):

| type | text |
|---|---|
| string | any; of an element with children its content as it stands |
| boolean | ``true``, ``false``, ``1``, ``0``, whatever the case |
| tinyint, smallint, int, bigint | digits with or without a sign, within range |
| float, double | numbers within range, NaN, INF, -INF |
| decimal, date, timestamp, timestamp_ntz, binary | as texts of JSON (``formats.json``) |
| array | one element or several |
| map | an element's attributes and children by name |

An empty element is an empty text in a string column and null in any other. A type that is no array
takes no repeated element: a string column has them as a JSON array, others rescue them.

Nothing outside the file is ever read: a document type declaration fails the file, so there are no
entities but the five that XML has. A row that is not well-formed is a bad record, and the next one
is read; a row that is never closed ends where the next begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Final

from lakestream.errors import BadFileError, ConfigError, SchemaInferenceError
from lakestream.formats.base import (
    DecodedBatch,
    DecodePlan,
    FileChunk,
    InputFile,
    Outcomes,
    Sample,
)
from lakestream.formats.encodings import canonical_encoding
from lakestream.formats.infer import settled
from lakestream.formats.json_decode import Delivery, Rewriter
from lakestream.formats.json_exact import BadLineError, ExactRules
from lakestream.formats.json_pipeline import in_order
from lakestream.formats.json_scalars import time_pattern
from lakestream.formats.json_validator import Validator
from lakestream.formats.schema import check_limits
from lakestream.formats.xml_decode import Feed, RowGatherer, XmlBlockDecoder
from lakestream.formats.xml_encoding import DeclaredReader
from lakestream.formats.xml_exact import DriftRules, XmlPath
from lakestream.formats.xml_rows import RowScanner, XmlRow
from lakestream.formats.xml_tree import TreeRules, XmlTree
from lakestream.formats.xml_types import VALUES, TypeRules, merged, struct_of
from lakestream.formats.zones import zone_of
from lakestream.plan import types as t

_NAME: Final = re.compile(r"[^\s<>/=\"'!?&]+")


@dataclass(frozen=True, slots=True)
class XmlFormat:
    """XML with Spark's options.

    Args:
        row_tag: The name of the element that is a row; needed. Other elements are not read.
        encoding: Of the files; None for what each file's mark or declaration says, else UTF-8.
        attribute_prefix: What stands before the names of attributes.
        value_tag: The field of text beside attributes or children.
        exclude_attribute: Leave attributes out.
        ignore_surrounding_spaces: Remove white space around texts.
        ignore_namespace: Leave prefixes (``a:``) out of names, that of the row among them.
            Otherwise they are part of the name. Declarations of namespaces are never fields.
        null_value: A text that is null; None for none.
        sampling_ratio: How much of each sampled file's rows is looked at for the schema.
        timestamp_format: A Spark datetime pattern instead of ISO 8601.
        date_format: The same for dates.
        time_zone: Of timestamps that are written without a zone, "Europe/Paris" or "+05:30";
            None for UTC.

    Raises:
        ConfigError: ``row_tag`` is missing, or an option cannot work.
    """

    row_tag: str = ""
    encoding: str | None = None
    attribute_prefix: str = "_"
    value_tag: str = "_VALUE"
    exclude_attribute: bool = False
    ignore_surrounding_spaces: bool = True
    ignore_namespace: bool = False
    null_value: str | None = None
    sampling_ratio: float = 1.0
    timestamp_format: str | None = None
    date_format: str | None = None
    time_zone: str | None = None

    def __post_init__(self) -> None:
        """Check the options, so that a wrong one is an error where it is written."""
        if not _NAME.fullmatch(self.row_tag):
            raise ConfigError(
                "row_tag is missing"
                if not self.row_tag
                else f"row_tag={self.row_tag!r} is no name",
                where="option row_tag, xml",
                fix='name the element that is a row: row_tag="book"',
            )
        if not self.value_tag:
            raise ConfigError("value_tag is empty", where="option value_tag, xml", fix="name it")
        if not 0 < self.sampling_ratio <= 1:
            raise ConfigError(
                f"sampling_ratio={self.sampling_ratio!r} cannot work",
                where="option sampling_ratio, xml",
                fix="give more than 0 and at most 1",
            )
        if self.encoding is not None:
            canonical = canonical_encoding(self.encoding, where="option encoding")
            object.__setattr__(self, "encoding", canonical)
        zone_of(self.time_zone)
        for option in ("timestamp_format", "date_format"):
            pattern = getattr(self, option)
            if pattern is not None:
                time_pattern(pattern, option)

    @property
    def name(self) -> str:
        """The format's name."""
        return "xml"

    @property
    def whole_files(self) -> bool:
        """Files may come in chunks."""
        return False

    @property
    def ranged(self) -> bool:
        """Files are read from their beginning on."""
        return False

    @property
    def compressible(self) -> bool:
        """XML may come compressed."""
        return True

    @property
    def fixed_schema(self) -> t.Struct | None:
        """The schema is the files' own."""
        return None

    def options(self) -> Mapping[str, str]:
        """Give the options that shape the rows."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: "" if value is None else str(value) for name, value in values.items()}

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> t.Struct:
        """Find the columns in samples: see ``formats.xml_types``.

        Raises:
            SchemaInferenceError: No sample has a row.
            SchemaRejectedError: The schema is over a limit.
        """
        rules = self._types(types=infer_types)
        found: t.SparkType = t.VOID
        for sample in samples:
            for row in self._sampled(sample):
                try:
                    kind = struct_of(XmlTree(row.raw).root, rules)
                except BadLineError:
                    continue
                known, found = found, merged(found, kind, rules)
                if found != known and isinstance(found, t.Struct):
                    check_limits(found, where="schema inference")
        if not isinstance(found, t.Struct):
            raise SchemaInferenceError(
                f"no element {self.row_tag!r} in any of the sampled files",
                fix="check row_tag; or declare the columns of files that are still to come:"
                " schema=...",
            )
        return t.Struct(tuple((name, settled(kind)) for name, kind in found.fields))

    def _sampled(self, sample: Sample) -> Iterator[XmlRow]:
        try:
            rows = self._cutter(sample.uri)(sample.data, sample.whole)
        except BadFileError:
            return
        for number, row in enumerate(rows):
            if int((number + 1) * self.sampling_ratio) > int(number * self.sampling_ratio):
                yield row

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says."""
        check_limits(plan.schema, where="the schema to read")
        types = self._types(types=plan.infer_types)
        rewriter = partial(self._rewriter, plan=plan, types=types)
        merge = partial(merged, rules=types)
        validator = Validator(forbid_unknown=True, exact_only=self._exact_only())
        decoder = XmlBlockDecoder(plan, self._exact_rules(plan), validator, rewriter, merge)
        blocks = RowGatherer(self._open).blocks(chunks)
        delivery = Delivery(outcomes, merge)
        for parsed in in_order(blocks, decoder.decode):
            yield from delivery.deliver(parsed)

    def _open(self, file: InputFile) -> Feed:
        return self._cutter(file.uri)

    def _cutter(self, where: str) -> Feed:
        """Give what cuts one file into rows."""
        reader = DeclaredReader(self.encoding, where=where)
        scanner = RowScanner(self.row_tag, any_prefix=self.ignore_namespace, where=where)
        return lambda data, last: scanner.feed(reader.read(data, last=last), last=last)

    def _rewriter(
        self, filled: t.Struct, exact: Rewriter, *, plan: DecodePlan, types: TypeRules
    ) -> Rewriter:
        drift = DriftRules(plan.unknown == "evolve", plan.widen, plan.case_sensitive)
        return XmlPath(filled, exact, self._tree, types, drift)

    @property
    def _tree(self) -> TreeRules:
        return TreeRules(
            self.attribute_prefix,
            self.value_tag,
            self.exclude_attribute,
            self.ignore_surrounding_spaces,
            self.ignore_namespace,
        )

    def _types(self, *, types: bool) -> TypeRules:
        values = replace(
            VALUES,
            date_format=self.date_format,
            timestamp_format=self.timestamp_format,
            time_zone=self.time_zone,
        )
        return TypeRules(self._tree, self.null_value, types, values)

    def _exact_only(self) -> frozenset[t.SparkType]:
        """Give the types whose usual form is not the one that the options ask for."""
        found: set[t.SparkType] = set()
        if self.timestamp_format is not None:
            found |= {t.TIMESTAMP, t.TIMESTAMP_NTZ}
        if zone_of(self.time_zone) is not None:
            found.add(t.TIMESTAMP)
        if self.date_format is not None:
            found.add(t.DATE)
        return frozenset(found)

    def _exact_rules(self, plan: DecodePlan) -> ExactRules:
        return ExactRules(
            rescued_column=plan.rescued_column,
            keep_unknown=plan.unknown != "ignore",
            case_sensitive=plan.case_sensitive,
            timestamp_format=self.timestamp_format,
            date_format=self.date_format,
            time_zone=self.time_zone,
        )
