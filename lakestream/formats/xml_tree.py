"""One row element as a tree of texts, by expat, which reads no DTD here and knows no entities.

A row is parsed by itself, so a declaration of entities cannot stand before it, and within an
element the grammar has none: nothing can expand, and nothing outside the row is ever opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from xml.parsers import expat

from lakestream.formats.json_exact import BadLineError
from lakestream.formats.xml_rows import ATTRIBUTES
from lakestream.limits import MAX_DEPTH

_WHITE: Final = "".join(map(chr, range(0x21)))


@dataclass(frozen=True, slots=True)
class TreeRules:
    """How elements become fields; ``XmlFormat`` describes each."""

    attribute_prefix: str = "_"
    value_tag: str = "_VALUE"
    exclude_attribute: bool = False
    ignore_surrounding_spaces: bool = True
    ignore_namespace: bool = False


@dataclass(slots=True, eq=False)
class Element:
    """An element with attributes or children.

    Args:
        fields: Attributes, children and texts between them, by name, in order.
        start: Where its start tag begins in the row's bytes.
        end: Where its end tag begins.
    """

    start: int
    fields: list[tuple[str, Node]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    end: int = 0

    def inner(self, raw: bytes) -> str:
        """Give its content as it stands in the row."""
        tag = ATTRIBUTES.match(raw, self.start + 1)
        begin = tag.end() + 1 if tag else self.start
        return raw[begin : self.end].decode()


#: The text of an element without attributes and children, or an element with some.
Node: TypeAlias = str | Element


def grouped(element: Element) -> dict[str, list[Node]]:
    """Give an element's fields, those of one name together."""
    found: dict[str, list[Node]] = {}
    for name, node in element.fields:
        found.setdefault(name, []).append(node)
    return found


def parse_row(raw: bytes, rules: TreeRules) -> Element:
    """Parse the bytes of a row element.

    Raises:
        BadLineError: It is not well-formed, not text of the encoding, or nested too deep.
    """
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        reason = "the record holds bytes that are not of the encoding"
        raise BadLineError("invalid_encoding", reason) from error
    builder = _Builder(rules)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = True
    builder.attach(parser)
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        reason = f"the element is not well-formed: {expat.ErrorString(error.code)}"
        raise BadLineError("malformed_xml", reason) from error
    return builder.row


class _Builder:
    """Builds the tree from expat's events."""

    def __init__(self, rules: TreeRules) -> None:
        self._rules = rules
        self._open: list[Element] = []
        self._row: Element | None = None
        self._position: expat.XMLParserType

    @property
    def row(self) -> Element:
        """The row element, once it was closed."""
        if self._row is None:
            raise BadLineError("malformed_xml", "the element has no end")
        return self._row

    def attach(self, parser: expat.XMLParserType) -> None:
        self._position = parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: Sequence[str]) -> None:  # noqa: ARG002 - expat's
        if self._open:
            self._take_text(self._open[-1])
        if len(self._open) >= MAX_DEPTH:
            raise BadLineError("too_deep", f"the record is nested deeper than {MAX_DEPTH} levels")
        element = Element(self._position.CurrentByteIndex)
        if not self._rules.exclude_attribute:
            for key, text in zip(attributes[::2], attributes[1::2], strict=True):
                if key != "xmlns" and not key.startswith("xmlns:"):
                    named = self._rules.attribute_prefix + self._local(key)
                    element.fields.append((named, self._clean(text)))
        self._open.append(element)

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _end(self, name: str) -> None:
        element = self._open.pop()
        element.end = self._position.CurrentByteIndex
        if not self._open:
            self._take_text(element)
            self._row = element
        elif element.fields:
            self._take_text(element)
            self._open[-1].fields.append((self._local(name), element))
        else:
            text = self._clean("".join(element.texts))
            self._open[-1].fields.append((self._local(name), text))

    def _take_text(self, element: Element) -> None:
        """Make a field of the text before a child or an end; white space alone is none."""
        text = "".join(element.texts)
        element.texts = []
        if text.strip(_WHITE):
            element.fields.append((self._rules.value_tag, self._clean(text)))

    def _clean(self, text: str) -> str:
        return text.strip(_WHITE) if self._rules.ignore_surrounding_spaces else text

    def _local(self, name: str) -> str:
        return name.rpartition(":")[2] if self._rules.ignore_namespace else name
