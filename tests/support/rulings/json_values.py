"""JSON values: numbers, texts and the rest, read into every type."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from support.rulings.model import Group, Value

_DECIMAL: Final = "DECIMAL(10,2)"
_INTEGERS: Final = {"TINYINT": 7, "SMALLINT": 15, "INT": 31, "BIGINT": 63}
_FLOATS: Final = ("FLOAT", "DOUBLE")


def _whole(number: int, *, decimal: str | None = None, single: float | None = None) -> Any:
    """Give what a whole number is in every type that is wide enough."""
    taken: dict[str, Any] = {
        kind: number for kind, bits in _INTEGERS.items() if -(2**bits) <= number < 2**bits
    }
    taken |= {"FLOAT": float(number) if single is None else single, "DOUBLE": float(number)}
    return taken | ({_DECIMAL: Decimal(decimal)} if decimal else {})


def _broken(single: float, double: float | None = None, decimal: str | None = None) -> Any:
    """Give what a number with a point or an exponent is."""
    taken: dict[str, Any] = {"FLOAT": single, "DOUBLE": single if double is None else double}
    return taken | ({_DECIMAL: Decimal(decimal)} if decimal else {})


def _text(text: str, **more: Any) -> Any:
    return {"STRING": text} | more


def _moment(*parts: int, local: bool = True) -> Any:
    zoned = {"TIMESTAMP": datetime(*parts, tzinfo=UTC)}
    if local:
        zoned["TIMESTAMP_NTZ"] = datetime(*parts)
    return zoned


NUMBERS: Final = (
    Value("zero", "0", _whole(0, decimal="0.00"), "BIGINT"),
    Value("minus-zero", "-0", _whole(0, decimal="0.00") | _broken(-0.0), "BIGINT"),
    Value("minus-zero-point", "-0.0", _broken(-0.0, decimal="0.00"), "DOUBLE"),
    Value("one", "1", _whole(1, decimal="1.00"), "BIGINT"),
    Value("tinyint-max", "127", _whole(127, decimal="127.00"), "BIGINT"),
    Value("tinyint-over", "128", _whole(128, decimal="128.00"), "BIGINT",
          spark="-128, for a tinyint"),
    Value("tinyint-min", "-128", _whole(-128, decimal="-128.00"), "BIGINT"),
    Value("smallint-over", "32768", _whole(32768, decimal="32768.00"), "BIGINT"),
    Value("int-max", "2147483647", _whole(2**31 - 1, single=2147483648.0), "BIGINT",
          "decimal(10,2) has eight digits before its point"),
    Value("int-over", "2147483648", _whole(2**31), "BIGINT"),
    Value("int-under", "-2147483649", _whole(-(2**31) - 1, single=-2147483648.0), "BIGINT"),
    Value("float-inexact", "16777217", _whole(16777217, decimal="16777217.00", single=16777216.0),
          "BIGINT", "more digits than a float has: the nearest float"),
    Value("double-inexact", "9007199254740993",
          _whole(2**53 + 1, single=9007199254740992.0) | {"DOUBLE": 9007199254740992.0}, "BIGINT",
          "more digits than a double has: the nearest double"),
    Value("bigint-max", "9223372036854775807", _whole(2**63 - 1, single=2.0**63), "BIGINT"),
    Value("bigint-over", "9223372036854775808", _whole(2**63), "DECIMAL(19,0)", "2^63"),
    Value("bigint-min", "-9223372036854775808", _whole(-(2**63)), "BIGINT"),
    Value("bigint-under", "-9223372036854775809", _whole(-(2**63) - 1, single=-(2.0**63)),
          "DECIMAL(19,0)"),
    Value("unsigned-over", "18446744073709551616", _whole(2**64), "DECIMAL(20,0)", "2^64"),
    Value("thirty-digits", "9" * 30, _broken(1.0000000150474662e30, 1e30), "DECIMAL(30,0)"),
    Value("forty-digits", "9" * 40, {"DOUBLE": 1e40}, "DOUBLE",
          "longer than a decimal can be; beyond a float",
          spark="Infinity, for a float"),
    Value("four-hundred-digits", "9" * 400, {}, "DOUBLE", "400 nines: beyond a double",
          spark="Infinity"),
    Value("one-point", "1.0", _broken(1.0, decimal="1.00"), "DOUBLE", "is no integer"),
    Value("half", "1.5", _broken(1.5, decimal="1.50"), "DOUBLE"),
    Value("exponent", "1e3", _broken(1000.0, decimal="1000.00"), "DOUBLE", "is no integer"),
    Value("exponent-capital", "1E+3", _broken(1000.0, decimal="1000.00"), "DOUBLE"),
    Value("exponent-minus", "25e-1", _broken(2.5, decimal="2.50"), "DOUBLE"),
    Value("scale-over-down", "1.254", _broken(1.2539999485015869, 1.254, "1.25"), "DOUBLE",
          "a digit more than the decimal has: rounded half up"),
    Value("scale-over-half", "1.255", _broken(1.2549999952316284, 1.255, "1.26"), "DOUBLE",
          "rounded by its text: the double is below the half"),
    Value("scale-over-half-even", "1.005", _broken(1.0049999952316284, 1.005, "1.01"), "DOUBLE",
          "up, not to the even neighbour"),
    Value("scale-over-negative", "-1.255", _broken(-1.2549999952316284, -1.255, "-1.26"),
          "DOUBLE"),
    Value("precision-full", "99999999.99", _broken(100000000.0, 99999999.99, "99999999.99"),
          "DOUBLE"),
    Value("precision-over-by-rounding", "99999999.995", _broken(100000000.0, 99999999.995),
          "DOUBLE", "one digit more before the point, once rounded"),
    Value("double-max", "1.7976931348623157e308", {"DOUBLE": 1.7976931348623157e308}, "DOUBLE",
          spark="Infinity, for a float"),
    Value("double-over", "1e400", {}, "DOUBLE", "no infinity in silence",
          spark="Infinity"),
    Value("double-over-negative", "-1e400", {}, "DOUBLE",
          spark="-Infinity"),
    Value("float-over", "3.5e38", {"DOUBLE": 3.5e38}, "DOUBLE",
          spark="Infinity, for a float"),
    Value("double-smallest", "5e-324", _broken(0.0, 5e-324, "0.00"), "DOUBLE"),
    Value("double-under", "1e-400", _broken(0.0, decimal="0.00"), "DOUBLE",
          "too small for a double: zero, which is the nearest"),
)  # fmt: skip

TEXTS: Final = (
    Value("text", '"x"', _text("x"), "STRING"),
    Value("text-empty", '""', _text("", BINARY=b""), "STRING", "is not null"),
    Value("text-integer", '"1"', _text("1") | {_DECIMAL: Decimal("1.00")}, "STRING",
          "text is a number for decimals only"),
    Value("text-fraction", '"1.255"', _text("1.255") | {_DECIMAL: Decimal("1.26")}, "STRING"),
    Value("text-plus", '"+1"', _text("+1") | {_DECIMAL: Decimal("1.00")}, "STRING",
          spark="1970-01-02, for a date"),
    Value("text-leading-zeros", '"007"', _text("007") | {_DECIMAL: Decimal("7.00")}, "STRING",
          spark="1970-01-08, for a date"),
    Value("text-padded", '" 1 "', _text(" 1 "), "STRING"),
    Value("text-thousands", '"1,000"', _text("1,000"), "STRING",
          spark="1000.00, for a decimal"),
    Value("text-underscore", '"1_0"', _text("1_0"), "STRING"),
    Value("text-true", '"true"', _text("true", BINARY=b"\xb6\xbb\x9e"), "STRING",
          "is no boolean; is base64"),
    Value("text-yes", '"yes"', _text("yes"), "STRING"),
    Value("text-null", '"null"', _text("null", BINARY=b"\x9e\xe9e"), "STRING", "is no null"),
    Value("text-nan", '"NaN"', _text("NaN", FLOAT=math.nan, DOUBLE=math.nan), "STRING",
          "unless `allow_non_numeric_numbers=False`"),
    Value("text-infinity", '"Infinity"',
          _text("Infinity", FLOAT=math.inf, DOUBLE=math.inf, BINARY=b'"w\xe2\x9e+r'), "STRING"),
    Value("text-minus-inf", '"-INF"', _text("-INF", FLOAT=-math.inf, DOUBLE=-math.inf), "STRING"),
    Value("text-nan-small", '"nan"', _text("nan"), "STRING", "Spark's spellings only"),
    Value("text-base64", '"aGk="', _text("aGk=", BINARY=b"hi"), "STRING"),
    Value("text-base64-unpadded", '"aGk"', _text("aGk"), "STRING"),
    Value("text-date", '"2026-01-02"',
          _text("2026-01-02", DATE=date(2026, 1, 2)) | _moment(2026, 1, 2), "STRING"),
    Value("text-date-short", '"2026-1-2"',
          _text("2026-1-2", DATE=date(2026, 1, 2)) | _moment(2026, 1, 2), "STRING"),
    Value("text-date-padded", '" 2026-01-02 "',
          _text(" 2026-01-02 ", DATE=date(2026, 1, 2)) | _moment(2026, 1, 2), "STRING"),
    Value("text-date-leap-day", '"2024-02-29"',
          _text("2024-02-29", DATE=date(2024, 2, 29)) | _moment(2024, 2, 29), "STRING"),
    Value("text-date-no-leap-day", '"2023-02-29"', _text("2023-02-29"), "STRING",
          "there is no such day"),
    Value("text-date-month-13", '"2026-13-01"', _text("2026-13-01"), "STRING"),
    Value("text-date-year-0", '"0000-01-01"', _text("0000-01-01"), "STRING",
          "years are 1 to 9999",
          spark="taken"),
    Value("text-date-first", '"0001-01-01"',
          _text("0001-01-01", DATE=date(1, 1, 1)) | _moment(1, 1, 1), "STRING"),
    Value("text-date-year-10000", '"10000-01-01"', _text("10000-01-01"), "STRING",
          spark="taken"),
    Value("text-date-slashes", '"2026/01/02"', _text("2026/01/02"), "STRING"),
    Value("text-date-compact", '"20260102"',
          _text("20260102", BINARY=b"\xdbM\xba\xd3]6") | {_DECIMAL: Decimal("20260102.00")},
          "STRING",
          spark="in the year 57440, for a date"),
    Value("text-date-year-month", '"2026-01"', _text("2026-01"), "STRING",
          spark="the first of the month"),
    Value("text-timestamp", '"2026-01-02T03:04:05Z"',
          _text("2026-01-02T03:04:05Z") | _moment(2026, 1, 2, 3, 4, 5, local=False), "STRING",
          "with a zone it is no timestamp_ntz; with a time it is no date"),
    Value("text-timestamp-space", '"2026-01-02 03:04:05"',
          _text("2026-01-02 03:04:05") | _moment(2026, 1, 2, 3, 4, 5), "STRING",
          "without a zone UTC"),
    Value("text-timestamp-minutes", '"2026-01-02T03:04"',
          _text("2026-01-02T03:04") | _moment(2026, 1, 2, 3, 4), "STRING"),
    Value("text-timestamp-hour", '"2026-01-02T03"', _text("2026-01-02T03"), "STRING",
          spark="taken"),
    Value("text-timestamp-offset", '"2026-01-02T03:04:05+05:30"',
          _text("2026-01-02T03:04:05+05:30") | _moment(2026, 1, 1, 21, 34, 5, local=False),
          "STRING"),
    Value("text-timestamp-offset-compact", '"2026-01-02T03:04:05-0130"',
          _text("2026-01-02T03:04:05-0130") | _moment(2026, 1, 2, 4, 34, 5, local=False),
          "STRING"),
    Value("text-timestamp-nanoseconds", '"2026-01-02T03:04:05.123456789Z"',
          _text("2026-01-02T03:04:05.123456789Z")
          | _moment(2026, 1, 2, 3, 4, 5, 123456, local=False), "STRING",
          "digits behind microseconds are cut off"),
    Value("text-timestamp-leap-second", '"2016-12-31T23:59:60Z"',
          _text("2016-12-31T23:59:60Z"), "STRING", "a leap second"),
    Value("text-timestamp-24", '"2026-01-02T24:00:00Z"', _text("2026-01-02T24:00:00Z"), "STRING"),
    Value("text-timestamp-out-by-zone", '"9999-12-31T23:59:59-01:00"',
          _text("9999-12-31T23:59:59-01:00"), "STRING", "in UTC beyond year 9999",
          spark="taken"),
    Value("text-timestamp-out-by-zone-first", '"0001-01-01T00:00:00+01:00"',
          _text("0001-01-01T00:00:00+01:00"), "STRING", "in UTC before year 1",
          spark="taken"),
    Value("text-timestamp-out-escaped", r'"\u0039999-12-31T23:59:59\u002d01:00"',
          _text("9999-12-31T23:59:59-01:00"), "STRING", "the same, written with escapes",
          spark="taken"),
    Value("text-timestamp-last-zoned", '"9999-12-31T23:59:59-00:00"',
          _text("9999-12-31T23:59:59-00:00") | _moment(9999, 12, 31, 23, 59, 59, local=False),
          "STRING"),
    Value("text-timestamp-last", '"9999-12-31T23:59:59.999999"',
          _text("9999-12-31T23:59:59.999999") | _moment(9999, 12, 31, 23, 59, 59, 999999),
          "STRING"),
    Value("text-timestamp-region", '"2026-01-02T03:04:05 Europe/Paris"',
          _text("2026-01-02T03:04:05 Europe/Paris"), "STRING", "zones are offsets",
          spark="taken"),
    Value("text-escapes", r'"\u0061\n\t\"\\\/"', _text('a\n\t"\\/'), "STRING"),
    Value("text-nul", r'"a\u0000b"', _text("a\0b"), "STRING", "an escaped NUL is a character"),
    Value("text-delete", '"a\x7fb"', _text("a\x7fb"), "STRING"),
    Value("text-pair", r'"\ud83d\ude00"', _text("\U0001f600"), "STRING"),
    Value("text-pair-high", r'"\ud840\udc00"', _text("\U00020000"), "STRING"),
    Value("text-noncharacter", '"\uffff\ufdd0"', _text("\uffff\ufdd0"), "STRING"),
    Value("text-line-separators", '"a\u2028b\u0085c"', _text("a\u2028b\u0085c"), "STRING",
          "U+2028 and U+0085 end no line"),
)  # fmt: skip

OTHERS: Final = (
    Value("null", "null", {"STRING": None} | dict.fromkeys(
        ("BOOLEAN", *_INTEGERS, *_FLOATS, _DECIMAL, "DATE", "TIMESTAMP", "TIMESTAMP_NTZ",
         "BINARY")), "STRING", "fits every type"),
    Value("true", "true", {"BOOLEAN": True}, "BOOLEAN"),
    Value("false", "false", {"BOOLEAN": False}, "BOOLEAN"),
    Value("empty-object", "{}", {}, "STRING", "inference: a column of nothing else is a string"),
    Value("object", '{"x": 1}', {}, "STRUCT<x: BIGINT>",
          "a string column takes it as it stands"),
    Value("empty-array", "[]", {}, "ARRAY<STRING>"),
    Value("array", "[1, 2.5]", {}, "ARRAY<DOUBLE>"),
    Value("array-mixed", '[1, "x"]', {}, "ARRAY<STRING>"),
)  # fmt: skip

GROUPS: Final = (
    Group("JSON: numbers", NUMBERS),
    Group("JSON: texts", TEXTS),
    Group("JSON: other values", OTHERS),
)
