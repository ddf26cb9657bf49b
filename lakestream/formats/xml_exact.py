"""A row element as a line of JSON for its schema, and from there as any other line.

Texts have no types in XML: they get those of their columns here, and stay texts where they do not
fit. Then the exact path of JSON does what it does for JSON: it makes values canonical, rescues
what does not fit, and keeps what the schema does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

import msgspec

from lakestream.formats.csv_values import value_of
from lakestream.formats.json_decode import Rewriter
from lakestream.formats.json_exact import ExactLine
from lakestream.formats.json_scalars import non_number_text
from lakestream.formats.schema import can_be_column, merge_types
from lakestream.formats.xml_tree import Node, TreeRules, XmlTree
from lakestream.formats.xml_types import VALUES, TypeRules, kind_of, kind_of_nodes, merged
from lakestream.plan import types as t

_encode: Final = msgspec.json.encode
_NULL: Final = b"null"
_BOOLEANS: Final = {"true": b"true", "1": b"true", "false": b"false", "0": b"false"}


@dataclass(frozen=True, slots=True)
class DriftRules:
    """What is gathered as drift."""

    wanted: bool
    widen: bool
    case_sensitive: bool


class XmlPath:
    """Rewrites row elements for one schema, as ``ExactPath`` does lines of JSON.

    Args:
        schema: The columns that input fills.
        exact: The exact path for the same schema, which gathers no drift.
        tree: How elements become fields.
        types: How texts get types where the schema has none.
        drift: What is gathered as drift.
    """

    def __init__(
        self,
        schema: t.Struct,
        exact: Rewriter,
        tree: TreeRules,
        types: TypeRules,
        drift: DriftRules,
    ) -> None:
        self._schema = schema
        self._exact = exact
        self._tree = tree
        self._types = types
        self._drift = drift
        #: By the identity of the schema's structs, which live as long.
        self._known: dict[int, Mapping[str, t.SparkType]] = {}

    def rewrite(self, raw: bytes, file_uri: str) -> ExactLine | None:
        """Give a row element as the column parser is to see it.

        Raises:
            BadLineError: It is no record.
        """
        tree = XmlTree(raw)
        line = self._exact.rewrite(self._object(tree.root, self._schema, tree), file_uri)
        if line is None or not self._drift.wanted:
            return line
        drift = self._new_fields(tree.root, self._schema)
        return msgspec.structs.replace(line, drift=drift) if drift.fields else line

    def _object(self, element: Element, kind: t.Struct, tree: XmlTree) -> bytes:
        columns = self._columns(kind)
        members = [
            _encode(name) + b":" + self._field(nodes, columns.get(self._key(name)), tree)
            for name, nodes in self._tree.fields(element).items()
        ]
        return b"{" + b",".join(members) + b"}"

    def _columns(self, kind: t.Struct) -> Mapping[str, t.SparkType]:
        found = self._known.get(id(kind))
        if found is None:
            found = {self._key(name): each for name, each in reversed(kind.fields)}
            self._known[id(kind)] = found
        return found

    def _key(self, name: str) -> str:
        return name if self._drift.case_sensitive else name.casefold()

    def _field(self, nodes: list[Node], kind: t.SparkType | None, tree: XmlTree) -> bytes:
        """Write all the fields of one name; without a type as they stand."""
        if isinstance(kind, t.Array):
            return _list(self._value(node, kind.element, tree) for node in nodes)
        if len(nodes) > 1:
            return _list(self._value(node, None, tree) for node in nodes)
        return self._value(nodes[0], kind, tree)

    def _value(self, node: Node, kind: t.SparkType | None, tree: XmlTree) -> bytes:
        if isinstance(node, str):
            return self._text(node, kind)
        match kind:
            case t.Struct():
                return self._object(node, kind, tree)
            case t.Map(_, value):
                return self._object_of_any(node, value, tree)
            case t.STRING if not len(node):
                return self._text(self._tree.text(node), kind)
            case t.STRING:
                return _encode(tree.inner(node))
            case _:
                return self._object_of_any(node, None, tree)

    def _object_of_any(self, element: Element, kind: t.SparkType | None, tree: XmlTree) -> bytes:
        members = [
            _encode(name) + b":" + self._field(nodes, kind, tree)
            for name, nodes in self._tree.fields(element).items()
        ]
        return b"{" + b",".join(members) + b"}"

    def _text(self, text: str, kind: t.SparkType | None) -> bytes:
        if text == self._types.null_value or (not text and kind not in (t.STRING, None)):
            return _NULL
        match kind:
            case t.Struct() if self._tree.value_tag in kind.names:
                inner = dict(kind.fields)[self._tree.value_tag]
                member = (
                    _list([self._text(text, inner.element)])
                    if isinstance(inner, t.Array)
                    else self._text(text, inner)
                )
                return b"{" + _encode(self._tree.value_tag) + b":" + member + b"}"
            case t.BOOLEAN:
                return _BOOLEANS.get(text.lower()) or _encode(text)
            case t.BYTE | t.SHORT | t.INT | t.LONG:
                number = value_of(text, kind, VALUES)
                return _encode(text if number is None else number)
            case t.FLOAT | t.DOUBLE if non_number_text(text) is None:
                number = value_of(text, kind, VALUES)
                return _encode(text if number is None else number)
            case _:
                return _encode(text)

    def _new_fields(self, element: Element, known: t.Struct) -> t.Struct:
        """Give the fields, nested ones included, that the schema does not have."""
        columns = self._columns(known)
        folded = {name.casefold() for name in known.names}
        spelling = {self._key(name): name for name in reversed(known.names)}
        found: dict[str, t.SparkType] = {}
        for name, nodes in self._tree.fields(element).items():
            kind = columns.get(self._key(name))
            if kind is not None:
                inner = self._new_in(nodes, kind)
                if inner != t.VOID:
                    found[spelling[self._key(name)]] = inner
            elif name.casefold() not in folded and can_be_column(name):
                found[name] = kind_of_nodes(nodes, self._types)
        return t.Struct(tuple(found.items()))

    def _new_in(self, nodes: list[Node], kind: t.SparkType) -> t.SparkType:
        """Give what the values of a known field have beyond its type; ``VOID`` for nothing."""
        element = kind.element if isinstance(kind, t.Array) else kind
        found: t.SparkType = t.VOID
        for node in nodes:
            found = merged(found, self._beyond(node, element), self._types)
        if found == t.VOID:
            return t.VOID
        return t.Array(found) if isinstance(kind, t.Array) else found

    def _beyond(self, node: Node, kind: t.SparkType) -> t.SparkType:
        if isinstance(node, Element) and isinstance(kind, t.Struct):
            new = self._new_fields(node, kind)
            return new if new.fields else t.VOID
        if isinstance(node, str) and self._drift.widen and not isinstance(kind, t.Struct):
            wider = merge_types(kind, kind_of(node, self._types), widen=True)
            return t.VOID if wider == kind else wider
        return t.VOID


def _list(items: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"
