"""Whole columns of text to typed columns, in C++ where its answer is the table's.

Three steps, each for what the one before did not settle: one cast of the whole column; a cast
of the values that match a pattern which the cast is known to read as the table does; and
``csv_values.value_of`` for each value left. A property test holds all three equal.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from lakestream.formats.csv_values import ValueRules, kind_of, merged_kind, value_of
from lakestream.formats.lazy_pyarrow import Column, arrow_type, compute, null_column, pyarrow
from lakestream.formats.zones import zone_of
from lakestream.plan import types as t

_DAY: Final = r"(?:[1-9][0-9]{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
_TIME: Final = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_INTEGER_DIGITS: Final = {t.BYTE: 2, t.SHORT: 4, t.INT: 9, t.LONG: 18}
_PROBED_VALUES: Final = 256


def typed_column(text: Column, kind: t.SparkType, rules: ValueRules) -> tuple[Column, list[int]]:
    """Turn a column of text into a column of a type.

    Args:
        text: A pyarrow string array; null stays null.
        kind: The wanted type.
        rules: How values are written.

    Returns:
        The typed array, null where the text is not of the type, and the rows of those.
    """
    if kind == t.STRING or text.null_count == len(text):
        return (text if kind == t.STRING else null_column(len(text), kind)), []
    whole = _whole(text, kind, rules)
    return (whole, []) if whole is not None else _value_by_value(text, kind, rules)


def column_kind(text: Column, rules: ValueRules) -> t.SparkType:
    """Give the type that inference finds for a column of text; ``VOID`` when all is null."""
    pc = compute()
    values = pc.drop_null(text)
    found: t.SparkType = t.VOID
    for each in values[:_PROBED_VALUES].to_pylist():
        found = merged_kind(found, kind_of(each, rules))
    # A double also reads what is an integer, a timestamp what is a date: the probe's type
    # stands when the whole column is of it, since it is the narrowest of its own beginning.
    if found in (t.VOID, t.STRING) or _whole(values, found, rules) is not None:
        return found
    for each in pc.unique(values[_PROBED_VALUES:]).to_pylist():
        found = merged_kind(found, kind_of(each, rules))
        if found == t.STRING:
            break
    return found


def _whole(text: Column, kind: t.SparkType, rules: ValueRules) -> Column | None:
    """Cast a column at once, or give None where that could differ from the table."""
    pa = pyarrow()
    for cast in _whole_casts(kind, rules):
        try:
            found = cast(text, kind)
        except pa.ArrowInvalid:
            continue
        if found is not None:
            return found
    return None


def _whole_casts(
    kind: t.SparkType, rules: ValueRules
) -> tuple[Callable[[Column, t.SparkType], Column | None], ...]:
    match kind:
        case t.BOOLEAN:
            return (_booleans,)
        case t.BYTE | t.SHORT | t.INT | t.LONG:
            return (_integers,)
        case t.FLOAT | t.DOUBLE:
            return (_floats,)
        case t.Decimal(_, scale):
            return (partial(_decimals, scale=scale),)
        case t.BINARY:
            return (_cast,)
        case t.DATE if rules.date_format is None:
            return (_dates,)
        case t.TIMESTAMP if rules.timestamp_format is None and zone_of(rules.time_zone) is None:
            return (_local_times, _zoned_times)
        case t.TIMESTAMP_NTZ if rules.timestamp_format is None:
            return (_local_times,)
        case _:
            return ()


def _cast(text: Column, kind: t.SparkType) -> Column:
    return text.cast(arrow_type(kind))


def _booleans(text: Column, _kind: t.SparkType) -> Column | None:
    pc = compute()
    lower = pc.ascii_lower(text)
    true = pc.equal(lower, "true")
    return true if _all(pc.or_(true, pc.equal(lower, "false"))) else None


def _integers(text: Column, kind: t.SparkType) -> Column | None:
    pc = compute()
    found = _cast(text, kind)
    # pyarrow reads "0x10" as 16.
    hexadecimal = pc.match_substring_regex(text, "[xX]")
    return None if _any(hexadecimal) else found


def _floats(text: Column, kind: t.SparkType) -> Column | None:
    pc = compute()
    found = _cast(text, t.DOUBLE)
    if kind == t.FLOAT:
        found = found.cast(arrow_type(kind), safe=False)
    # "inf", "nan" and numbers beyond the range are read as such; the table has its own words.
    return found if _all(pc.is_finite(found)) else None


def _decimals(text: Column, kind: t.SparkType, *, scale: int) -> Column | None:
    pc = compute()
    # pyarrow's cast wraps around in silence once a number has more digits than 128 bits hold.
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    if longest > t.MAX_PRECISION - scale or _may_have_exponent(text):
        return None
    return _cast(text, kind)


def _may_have_exponent(text: Column) -> bool:
    """Look for an exponent in all bytes at once, also in those that a slice leaves out."""
    values = text.buffers()[2]
    data = b"" if values is None else values.to_pybytes()
    return b"e" in data or b"E" in data


def _dates(text: Column, kind: t.SparkType) -> Column | None:
    pc = compute()
    return None if _any(pc.starts_with(text, "0000")) else _cast(text, kind)


def _local_times(text: Column, kind: t.SparkType) -> Column | None:
    found = _cast(text, t.TIMESTAMP_NTZ) if _have_minutes(text) else None
    return found if found is None or kind == t.TIMESTAMP_NTZ else found.cast(arrow_type(kind))


def _zoned_times(text: Column, kind: t.SparkType) -> Column | None:
    pa, pc = pyarrow(), compute()
    found = _cast(text, kind) if _have_minutes(text) else None
    if found is None:
        return None
    # Within a day of the calendar's ends, the zone can lead out of it.
    ends = pc.min_max(found.cast(pa.int64())).as_py()
    return found if ends["min"] > _FIRST_US and ends["max"] < _LAST_US else None


_FIRST_US: Final = -62_135_510_400_000_000  # 0001-01-02 12:00
_LAST_US: Final = 253_402_214_400_000_000  # 9999-12-31


def _have_minutes(text: Column) -> bool:
    """Tell whether all is ``yyyy-MM-dd`` or longer than ``yyyy-MM-ddTHH``, from year 1 on."""
    pc = compute()
    day = pc.equal(pc.binary_length(text), len("yyyy-MM-dd"))
    minutes = pc.equal(pc.utf8_slice_codeunits(text, 13, 14), ":")
    return _all(pc.or_(day, minutes)) and not _any(pc.starts_with(text, "0000"))


def _all(mask: Column) -> bool:
    pc = compute()
    return bool(pc.all(mask).as_py() is not False)


def _any(mask: Column) -> bool:
    pc = compute()
    return bool(pc.any(mask).as_py() is True)


def _plain_pattern(kind: t.SparkType, rules: ValueRules) -> str | None:
    """Give the pattern of values that the casts are sure to read, each as the table does."""
    match kind:
        case t.BYTE | t.SHORT | t.INT | t.LONG:
            return rf"^-?[0-9]{{1,{_INTEGER_DIGITS[kind]}}}$"
        case t.FLOAT | t.DOUBLE:
            return r"^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$"
        case t.Decimal(precision, scale) if precision > scale > 0:
            return rf"^-?[0-9]{{1,{precision - scale}}}(?:\.[0-9]{{1,{scale}}})?$"
        case t.DATE if rules.date_format is None:
            return f"^{_DAY}$"
        case t.TIMESTAMP | t.TIMESTAMP_NTZ if rules.timestamp_format is None:
            return f"^{_DAY}(?:{_TIME})?$"
        case _:
            return None


def _value_by_value(text: Column, kind: t.SparkType, rules: ValueRules) -> tuple[Column, list[int]]:
    pa, pc = pyarrow(), compute()
    pattern = _plain_pattern(kind, rules)
    plain, rest = None, text
    if pattern is not None:
        # "$" of RE2 is the end of the text only, so a newline behind a number does not pass.
        mask = pc.match_substring_regex(text, pattern)
        null = pa.scalar(None, pa.string())
        plain = _whole(pc.if_else(mask, text, null), kind, rules)
        rest = text if plain is None else pc.if_else(mask, null, text)
    rows = pc.indices_nonzero(pc.is_valid(rest)).to_pylist()
    texts = rest.take(pa.array(rows, pa.int64())).to_pylist()
    read: dict[str, Any] = {each: value_of(each, kind, rules) for each in set(texts)}
    values: list[Any] = [None] * len(text)
    mismatched: list[int] = []
    for row, each in zip(rows, texts, strict=True):
        values[row] = read[each]
        if read[each] is None:
            mismatched.append(row)
    exact = pa.array(values, arrow_type(kind))
    return (exact if plain is None else pc.coalesce(plain, exact)), mismatched
