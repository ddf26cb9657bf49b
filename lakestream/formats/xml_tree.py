"""One row element as a tree of texts, by expat, which reads no DTD here and knows no entities.

A row is parsed by itself, so a declaration of entities cannot stand before it, and within an
element the grammar has none: nothing can expand, and nothing outside the row is ever opened.
Prefixes of namespaces are parts of names, so those that are declared outside the row need no care.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from lakestream.formats.json_exact import BadLineError
from lakestream.formats.xml_rows import ATTRIBUTES
from lakestream.limits import MAX_DEPTH, MAX_XML_TAGS

_WHITE: Final = "".join(map(chr, range(0x21)))

#: The text of an element without attributes and children, or an element with some.
Node: TypeAlias = str | Element


@dataclass(frozen=True, slots=True)
class TreeRules:
    """How elements become fields; ``XmlFormat`` describes each."""

    attribute_prefix: str = "_"
    value_tag: str = "_VALUE"
    exclude_attribute: bool = False
    ignore_surrounding_spaces: bool = True
    ignore_namespace: bool = False

    def fields(self, element: Element) -> dict[str, list[Node]]:
        """Give the attributes, children and texts of an element, those of one name together."""
        found: dict[str, list[Node]] = {}
        if element.attrib and not self.exclude_attribute:
            for key, text in element.attrib.items():
                if key != "xmlns" and not key.startswith("xmlns:"):
                    named = self.attribute_prefix + self._local(key)
                    found.setdefault(named, []).append(self._clean(text))
        self._add_text(found, element.text)
        for child in element:
            found.setdefault(self._local(child.tag), []).append(self._node(child))
            self._add_text(found, child.tail)
        return found

    def _node(self, element: Element) -> Node:
        if len(element) or (element.attrib and self._has_attributes(element)):
            return element
        return self.text(element)

    def text(self, element: Element) -> str:
        """Give the text of an element without children."""
        return self._clean(element.text or "")

    def _has_attributes(self, element: Element) -> bool:
        return not self.exclude_attribute and any(
            key != "xmlns" and not key.startswith("xmlns:") for key in element.attrib
        )

    def _add_text(self, found: dict[str, list[Node]], text: str | None) -> None:
        """Make a field of the text before a child or an end; white space alone is none."""
        if text and text.strip(_WHITE):
            found.setdefault(self.value_tag, []).append(self._clean(text))

    def _clean(self, text: str) -> str:
        return text.strip(_WHITE) if self.ignore_surrounding_spaces else text

    def _local(self, name: str) -> str:
        return name.rpartition(":")[2] if self.ignore_namespace else name


class XmlTree:
    """A row element's tree, and its bytes.

    Args:
        raw: From the row's start tag to its end tag.

    Raises:
        BadLineError: It is not well-formed, not text of the encoding, nested too deep, or has too
            many tags.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._inner: dict[int, bytes] | None = None
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            reason = "the record holds bytes that are not of the encoding"
            raise BadLineError("invalid_encoding", reason) from error
        if raw.count(b"<") > MAX_XML_TAGS:
            raise BadLineError("too_many_tags", f"the record has more than {MAX_XML_TAGS} tags")
        builder = TreeBuilder()
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = builder.start
        parser.EndElementHandler = builder.end
        parser.CharacterDataHandler = builder.data
        try:
            parser.Parse(raw, True)
        except expat.ExpatError as error:
            reason = f"the element is not well-formed: {expat.ErrorString(error.code)}"
            raise BadLineError("malformed_xml", reason) from error
        self.root = builder.close()
        if raw.count(b"</") >= MAX_DEPTH:
            _check_depth(self.root)

    def inner(self, element: Element) -> str:
        """Give an element's content as it stands in the row."""
        if self._inner is None:
            contents = _contents(self.raw)
            self._inner = dict(zip(map(id, self.root.iter()), contents, strict=True))
        return self._inner[id(element)].decode()


def _check_depth(root: Element) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return
    raise BadLineError("too_deep", f"the record is nested deeper than {MAX_DEPTH} levels")


def _contents(raw: bytes) -> list[bytes]:
    """Give the content of each element, in the order of their start tags."""
    found: list[bytes] = []
    open_: list[tuple[int, int]] = []
    parser = expat.ParserCreate("utf-8")

    def start(_name: str, _attributes: object) -> None:
        tag = ATTRIBUTES.match(raw, parser.CurrentByteIndex + 1)
        open_.append((len(found), tag.end() + 1 if tag else 0))
        found.append(b"")

    def end(_name: str) -> None:
        at, begin = open_.pop()
        found[at] = raw[begin : parser.CurrentByteIndex]

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.Parse(raw, True)
    return found
