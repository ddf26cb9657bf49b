"""The exact path: one line at a time, field by field, on raw values.

It does not make columns. It rewrites a line so that the column parser reads it right: what does
not fit becomes null, a text form becomes the canonical one, and the rescued data stands in the
line as one more field. So good lines and repaired ones go through one parser, in order.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any, Final

import msgspec

from lakestream.formats.infer import (
    FloatLiteral,
    InferenceRules,
    TooDeepError,
    exact_decimal,
    kind_of,
    merge_kinds,
)
from lakestream.formats.json_lenient import Leniency
from lakestream.formats.json_scalars import (
    date_text,
    decimal_text,
    may_leave_calendar,
    non_number_text,
    time_pattern,
    timestamp_text,
)
from lakestream.formats.json_validator import REFUSALS, Validator, has_decimals, has_zoned_times
from lakestream.formats.rescue import Rescued, rescued_data
from lakestream.formats.schema import can_be_column, merge_types
from lakestream.formats.zones import in_utc, zone_of
from lakestream.lazy_pattern import lazy_pattern
from lakestream.limits import MAX_DEPTH
from lakestream.plan import types as t

_RAW_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_ANY: Final = msgspec.json.Decoder(Any, float_hook=FloatLiteral)
_encode: Final = msgspec.json.encode
_NULL: Final = b"null"
MALFORMED: Final = "malformed_json"
_NOT_NUMBERS: Final = (b'"', b"{", b"[", b"t", b"f")
#: Inside arrays and maps nothing is rescued by its own name: the whole value is.
_ITEM: Final = "element"
_VALUE: Final = "value"
_NESTING: Final = lazy_pattern(rb'"(?:[^"\\]++|\\.)*+"|([\[{])|([\]}])', re.DOTALL)


class BadLineError(Exception):
    """A line that is no record.

    Args:
        code: Short and stable.
        reason: One sentence without data.
    """

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(code, reason)


class MismatchError(Exception):
    """A value that its column's type cannot take."""


class ExactRules(msgspec.Struct, frozen=True):
    """What the exact path needs to know beside the schema.

    Args:
        rescued_column: The column that takes rescued data, or None.
        keep_unknown: Whether fields that the schema does not have are rescued.
        drift: Whether they are gathered as drift.
        case_sensitive: Whether names match by case.
        widen: Whether values of a wider type are drift as well.
        non_numbers: Whether ``"NaN"`` and ``"Infinity"`` are floats.
        inference: How drift is typed.
        timestamp_format: A datetime pattern, or None for ISO.
        date_format: The same for dates.
        lenient: What is taken beside strict JSON.
        time_zone: Of timestamps that are written without one; None for UTC.
    """

    rescued_column: str | None = None
    keep_unknown: bool = False
    drift: bool = False
    case_sensitive: bool = True
    widen: bool = False
    non_numbers: bool = True
    inference: InferenceRules = msgspec.field(default_factory=InferenceRules)
    timestamp_format: str | None = None
    date_format: str | None = None
    lenient: Leniency = Leniency()
    time_zone: str | None = None


class Found(msgspec.Struct):
    """What one walk through a value gathers beside its text."""

    rescued: dict[str, Rescued] = msgspec.field(default_factory=dict)
    unknown: str | None = None
    """The first field without a place in the schema that held a value."""
    drift: dict[str, t.SparkType] = msgspec.field(default_factory=dict)


class ExactLine(msgspec.Struct, frozen=True):
    """A line as the column parser is to see it.

    Args:
        data: The JSON object, without line end.
        rescued: Whether it carries rescued data.
        unknown: The first unknown field's name, or None.
        drift: New fields with their types, unsettled, or None.
    """

    data: bytes
    rescued: bool
    unknown: str | None
    drift: t.Struct | None


Reader = Callable[[bytes, Found, str, int], bytes]
"""(raw value, what was found, name to rescue under, depth) -> text for the column parser."""


class ExactPath:
    """Rewrites lines for one schema. Holds no state between lines; used by several threads."""

    def __init__(
        self,
        schema: t.Struct,
        validator: Validator,
        rules: ExactRules,
        *,
        reserved: Sequence[str] = (),
    ) -> None:
        self._rules = rules
        self._validator = validator
        self._root = self._struct_members(schema)
        self._names = frozenset(schema.names)
        self._folded = frozenset(name.casefold() for name in schema.names)
        self._open = msgspec.json.Decoder(validator.rows(schema, reserved=reserved, is_open=True))
        # Without case, an unknown name may be a column; decimals may need rounding.
        self._zoned = has_zoned_times(schema)
        self._extends = rules.case_sensitive and not has_decimals(schema)

    def rewrite(self, line: bytes, file_uri: str) -> ExactLine | None:
        """Give a line as the column parser is to see it.

        Args:
            line: One record, without line end.
            file_uri: For the rescued data.

        Returns:
            The line, or None when it holds comments alone.

        Raises:
            BadLineError: It is no record.
        """
        found = Found()
        try:
            fields = _record(line)
        except BadLineError as error:
            line = self._strict(line, error)
            if not line:
                return None
            fields = _record(line)
        try:
            if self._only_has_more(line, fields):
                self._keep_more(fields, found)
                # The column parser passes over what it does not know.
                members = {"": line.strip()[1:-1]}
            else:
                members = self._root(fields, found, 1)
        except TooDeepError as error:
            raise _too_deep() from error
        column = self._rules.rescued_column
        if column is not None and found.rescued:
            text = rescued_data(found.rescued, file_uri)
            members[column] = _label(column) + _encode(text)
        drift = t.Struct(tuple(found.drift.items())) if found.drift else None
        rescued = column is not None and bool(found.rescued)
        return ExactLine(_object(members), rescued, found.unknown, drift)

    def _strict(self, line: bytes, error: BadLineError) -> bytes:
        """Give a malformed line as strict JSON, if the options allow what is odd about it."""
        if not self._rules.lenient or error.code != MALFORMED:
            raise error
        strict = self._rules.lenient.strict(line)
        if strict is None:
            raise error
        return strict

    def _only_has_more(self, line: bytes, fields: Mapping[str, msgspec.Raw]) -> bool:
        """Tell whether a line would be clean, were it not for fields beside its columns.

        It is the most frequent case (a producer added a field), and worth a way of its own.
        """
        if not self._extends or self._names.issuperset(fields):
            return False
        if self._zoned and may_leave_calendar(line):
            return False
        try:
            self._open.decode(line)
        except REFUSALS:
            return False
        return True

    def _keep_more(self, fields: Mapping[str, msgspec.Raw], found: Found) -> None:
        for name in [name for name in fields if name not in self._names]:
            new = name.casefold() not in self._folded
            self._keep_unknown(name, bytes(fields[name]), found, 1, new=new)

    def _reader(self, kind: t.SparkType) -> Reader:
        """Give the function that reads a value of a type which the strict type refused."""
        match kind:
            case t.Struct():
                return self._struct_reader(kind)
            case t.Array():
                return self._array_reader(kind)
            case t.Map():
                return self._map_reader(kind)
            case _:
                return self._scalar_reader(kind)

    def _nullable(self, kind: t.SparkType) -> Reader:
        if kind == t.STRING:
            return _read_string
        read = self._reader(kind)
        # Decimals may need rounding even where the strict type takes them.
        if has_decimals(kind):
            return lambda raw, found, name, depth: (
                raw if raw == _NULL else read(raw, found, name, depth)
            )
        strict = msgspec.json.Decoder(self._validator.value(kind))
        zoned = has_zoned_times(kind)

        def read_refused(raw: bytes, found: Found, name: str, depth: int) -> bytes:
            try:
                strict.decode(raw)
            except REFUSALS:
                return read(raw, found, name, depth)
            if zoned and may_leave_calendar(raw):
                return read(raw, found, name, depth)
            return raw

        return read_refused

    def _struct_members(
        self, kind: t.Struct
    ) -> Callable[[Mapping[str, msgspec.Raw], Found, int], dict[str, bytes]]:
        """Give the function that reads the members of an object of this type, with labels."""
        columns = {
            name: (name, each, self._nullable(each), _label(name)) for name, each in kind.fields
        }
        folded = {name.casefold(): columns[name] for name in reversed(kind.names)}
        by_case = self._rules.case_sensitive

        def read(fields: Mapping[str, msgspec.Raw], found: Found, depth: int) -> dict[str, bytes]:
            members: dict[str, bytes] = {}
            for name, raw in fields.items():
                value = bytes(raw)
                column = columns.get(name)
                if column is None and not by_case:
                    column = folded.get(name.casefold())
                if column is None:
                    new = name.casefold() not in folded
                    self._keep_unknown(name, value, found, depth, new=new)
                    continue
                try:
                    members[column[0]] = column[3] + column[2](value, found, name, depth)
                except MismatchError:
                    members[column[0]] = column[3] + _NULL
                    self._keep_mismatch(name, column[:2], value, found, depth)
            return members

        return read

    def _keep_unknown(self, name: str, raw: bytes, found: Found, depth: int, *, new: bool) -> None:
        """Keep a field that the schema does not have; null is no value, so nothing to keep."""
        if not self._rules.keep_unknown or raw == _NULL:
            return
        _check_depth(raw, depth)
        found.rescued[name] = raw
        if not new:
            return  # Another spelling of a known name cannot be a column of its own.
        found.unknown = found.unknown or name
        if self._rules.drift and can_be_column(name):
            _add_drift(found, name, self._kind(raw, depth))

    def _keep_mismatch(
        self, name: str, column: tuple[str, t.SparkType], raw: bytes, found: Found, depth: int
    ) -> None:
        _check_depth(raw, depth)
        found.rescued[name] = raw
        if self._rules.widen and self._rules.drift:
            stored = column[1]
            wider = merge_types(stored, self._seen_beside(stored, raw, depth), widen=True)
            if wider != stored:
                _add_drift(found, column[0], wider)

    def _kind(self, raw: bytes, depth: int) -> t.SparkType:
        try:
            value = _ANY.decode(raw)
        except REFUSALS:
            return t.STRING
        return kind_of(value, self._rules.inference, depth + 1)

    def _seen_beside(self, stored: t.SparkType, raw: bytes, depth: int) -> t.SparkType:
        """Give a mismatching value's type; beside a decimal, numbers count by their digits."""
        if isinstance(stored, t.Decimal) and raw[:1] not in _NOT_NUMBERS:
            return exact_decimal(raw.decode()) or t.DOUBLE
        return self._kind(raw, depth)

    def _struct_reader(self, kind: t.Struct) -> Reader:
        read_members = self._struct_members(kind)

        def read(raw: bytes, found: Found, name: str, depth: int) -> bytes:
            if raw[:1] != b"{":
                raise MismatchError
            inner = Found()
            members = read_members(_RAW_OBJECT.decode(raw), inner, depth + 1)
            if inner.rescued:
                found.rescued[name] = inner.rescued
                _note_unknown(found, name, inner)
            if inner.drift:
                _add_drift(found, name, t.Struct(tuple(inner.drift.items())))
            return _object(members)

        return read

    def _array_reader(self, kind: t.Array) -> Reader:
        read_item = self._nullable(kind.element)

        def read(raw: bytes, found: Found, name: str, depth: int) -> bytes:
            if raw[:1] != b"[":
                raise MismatchError
            inner = Found()
            items = [
                read_item(bytes(item), inner, _ITEM, depth + 1) for item in _RAW_ARRAY.decode(raw)
            ]
            _keep_items(name, raw, found, inner, t.Array)
            return b"[" + b",".join(items) + b"]"

        return read

    def _map_reader(self, kind: t.Map) -> Reader:
        read_item = self._nullable(kind.value)

        def read(raw: bytes, found: Found, name: str, depth: int) -> bytes:
            if raw[:1] != b"{":
                raise MismatchError
            inner = Found()
            items = {
                key: _label(key) + read_item(bytes(item), inner, _VALUE, depth + 1)
                for key, item in _RAW_OBJECT.decode(raw).items()
            }
            _keep_items(name, raw, found, inner, lambda item: t.Map(kind.key, item))
            return _object(items)

        return read

    def _scalar_reader(self, kind: t.SparkType) -> Reader:
        canonical = self._canonical_form(kind)

        def read(raw: bytes, _found: Found, _name: str, _depth: int) -> bytes:
            text = canonical(raw) if canonical is not None else None
            if text is None:
                raise MismatchError
            return _encode(text)

        return read

    def _canonical_form(self, kind: t.SparkType) -> Callable[[bytes], str | None] | None:
        """Give the function that reads what the validator refuses of a type, if there is one."""
        rules = self._rules
        match kind:
            case t.Decimal(precision, scale):
                return lambda raw: decimal_text(_number_or_text(raw), precision, scale)
            case t.FLOAT | t.DOUBLE if rules.non_numbers:
                return _of_text(non_number_text)
            case t.DATE if rules.date_format is not None:
                return _of_text(time_pattern(rules.date_format, "date_format").date)
            case t.DATE:
                return _of_text(date_text)
            case t.TIMESTAMP | t.TIMESTAMP_NTZ:
                return self._timestamp_form(zone_allowed=kind == t.TIMESTAMP)
            case t.BINARY:
                return _of_text(_hex_of_base64)
            case _:
                return None

    def _timestamp_form(self, *, zone_allowed: bool) -> Callable[[bytes], str | None]:
        read = partial(timestamp_text, zone_allowed=zone_allowed)
        if self._rules.timestamp_format is not None:
            pattern = time_pattern(self._rules.timestamp_format, "timestamp_format")
            read = partial(pattern.timestamp, zone_allowed=zone_allowed)
        zone = zone_of(self._rules.time_zone)
        if zone is None or not zone_allowed:
            return _of_text(read)
        return _of_text(lambda text: _utc_text(read(text), zone))


def _record(line: bytes) -> dict[str, msgspec.Raw]:
    """Split a line into its fields' raw values, the last of equal names; checks all its bytes."""
    try:
        line.decode()
        return _RAW_OBJECT.decode(line)
    except UnicodeDecodeError as error:
        raise BadLineError("invalid_utf8", "the record is not UTF-8 text") from error
    except RecursionError as error:
        raise _too_deep() from error
    except msgspec.DecodeError as error:
        if isinstance(error, msgspec.ValidationError) and _is_json(line):
            raise BadLineError("not_an_object", "the record is JSON, but not an object") from error
        raise BadLineError(MALFORMED, "the record is not one JSON object") from error


def _is_json(line: bytes) -> bool:
    """Tell whether a line is a whole value: msgspec looks at its type before it sees the end."""
    try:
        _ANY.decode(line)
    except RecursionError as error:
        raise _too_deep() from error
    except msgspec.DecodeError:
        return False
    return True


def _too_deep() -> BadLineError:
    return BadLineError("too_deep", f"the record is nested deeper than {MAX_DEPTH} levels")


def _check_depth(raw: bytes, depth: int) -> None:
    """Refuse a kept value that nests too deep, ``depth`` being that of the object it is in."""
    left = MAX_DEPTH - depth
    if raw.count(b"{") + raw.count(b"[") <= left:
        return
    level = 0
    for match in _NESTING.finditer(raw):
        level += (match[1] is not None) - (match[2] is not None)
        if level > left:
            raise TooDeepError


def _label(name: str) -> bytes:
    return _encode(name) + b":"


def _object(members: Mapping[str, bytes]) -> bytes:
    """Write an object from its members, which carry their labels."""
    return b"{" + b",".join(members.values()) + b"}"


def _add_drift(found: Found, name: str, kind: t.SparkType) -> None:
    found.drift[name] = merge_kinds(found.drift.get(name, t.VOID), kind)


def _note_unknown(found: Found, name: str, inner: Found) -> None:
    """Pass on an unknown field that lies deeper, by the path that a hint takes."""
    if found.unknown is None and inner.unknown is not None:
        found.unknown = f"{name}.{inner.unknown}"


def _keep_items(
    name: str,
    raw: bytes,
    found: Found,
    inner: Found,
    container: Callable[[t.SparkType], t.SparkType],
) -> None:
    """Pass on what the items of an array or a map held: the whole raw value is rescued."""
    if inner.rescued:
        found.rescued[name] = raw
        _note_unknown(found, name, inner)
    for item in inner.drift.values():
        _add_drift(found, name, container(item))


def _read_string(raw: bytes, _found: Found, _name: str, depth: int) -> bytes:
    """Take any value: text as it is, everything else as its raw text."""
    if raw[:1] == b'"' or raw == _NULL:
        return raw
    _check_depth(raw, depth)
    return _encode(raw.decode())


def _utc_text(text: str | None, zone: tzinfo) -> str | None:
    moment = None if text is None else in_utc(datetime.fromisoformat(text), zone)
    return None if moment is None else moment.isoformat()


def _of_text(read: Callable[[str], str | None]) -> Callable[[bytes], str | None]:
    return lambda raw: read(_TEXT.decode(raw)) if raw[:1] == b'"' else None


def _number_or_text(raw: bytes) -> str:
    return _TEXT.decode(raw) if raw[:1] == b'"' else raw.decode()


def _hex_of_base64(text: str) -> str | None:
    """Read base64 as the hex that the column parser reads."""
    try:
        return binascii.a2b_base64(text, strict_mode=True).hex()
    except (binascii.Error, ValueError):
        return None
