"""CSV values: texts read into every type."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from support.rulings.model import Group, Value

_DECIMAL: Final = "DECIMAL(10,2)"
_INTEGERS: Final = {"TINYINT": 7, "SMALLINT": 15, "INT": 31, "BIGINT": 63}


def _whole(number: int, *, decimal: bool = True, single: float | None = None) -> Any:
    taken: dict[str, Any] = {
        kind: number for kind, bits in _INTEGERS.items() if -(2**bits) <= number < 2**bits
    }
    taken |= {"FLOAT": float(number) if single is None else single, "DOUBLE": float(number)}
    return taken | ({_DECIMAL: Decimal(number).quantize(Decimal("0.01"))} if decimal else {})


def _broken(single: float, double: float | None = None, decimal: str | None = None) -> Any:
    taken: dict[str, Any] = {"FLOAT": single, "DOUBLE": single if double is None else double}
    return taken | ({_DECIMAL: Decimal(decimal)} if decimal else {})


def _moment(*parts: int, local: bool = True, day: bool = False) -> Any:
    taken: dict[str, Any] = {"TIMESTAMP": datetime(*parts, tzinfo=UTC)}
    if local:
        taken["TIMESTAMP_NTZ"] = datetime(*parts)
    return taken | ({"DATE": date(*parts)} if day else {})


NUMBERS: Final = (
    Value("zero", "0", _whole(0), "INT"),
    Value("minus-zero", "-0", _whole(0) | _broken(-0.0), "INT"),
    Value("plus", "+1", _whole(1), "INT"),
    Value("leading-zeros", "007", _whole(7), "INT"),
    Value("padded", " 1 ", {}, "STRING", "white space belongs to the field",
          "an integer only where `ignoreLeadingWhiteSpace` is set; likewise"),
    Value("underscore", "1_000", {}, "STRING"),
    Value("hexadecimal", "0x10", {}, "STRING"),
    Value("tinyint-over", "128", _whole(128), "INT"),
    Value("int-over", "2147483648", _whole(2**31, decimal=False), "BIGINT"),
    Value("bigint-max", "9223372036854775807",
          _whole(2**63 - 1, decimal=False, single=2.0**63), "BIGINT"),
    Value("bigint-over", "9223372036854775808", _whole(2**63, decimal=False), "DECIMAL(19,0)"),
    Value("forty-digits", "9" * 40, {"DOUBLE": 1e40}, "DOUBLE", "beyond decimals and floats",
          spark="Infinity, for a float"),
    Value("four-hundred-digits", "9" * 400, {}, "STRING", "400 nines: beyond a double",
          spark="Infinity"),
    Value("one-point", "1.0", _broken(1.0, decimal="1.00"), "DOUBLE", "is no integer"),
    Value("point-first", ".5", _broken(0.5, decimal="0.50"), "DOUBLE"),
    Value("point-last", "1.", _broken(1.0, decimal="1.00"), "DOUBLE"),
    Value("point-alone", ".", {}, "STRING"),
    Value("minus-alone", "-", {}, "STRING"),
    Value("exponent", "1e3", _broken(1000.0, decimal="1000.00"), "DOUBLE", "is no integer"),
    Value("exponent-empty", "1e", {}, "STRING"),
    Value("java-suffix", "1d", {}, "STRING", spark="1.0, as Java reads it"),
    Value("scale-over-half", "1.255", _broken(1.2549999952316284, 1.255, "1.26"), "DOUBLE",
          "rounded half up to the decimal's scale"),
    Value("scale-over-half-even", "1.005", _broken(1.0049999952316284, 1.005, "1.01"), "DOUBLE",
          "up, not to the even neighbour"),
    Value("precision-over-by-rounding", "99999999.995", _broken(100000000.0, 99999999.995),
          "DOUBLE"),
    Value("double-over", "1e400", {}, "STRING", "no infinity in silence", "Infinity"),
    Value("float-over", "3.5e38", {"DOUBLE": 3.5e38}, "DOUBLE", spark="Infinity, for a float"),
    Value("double-under", "1e-400", _broken(0.0, decimal="0.00"), "DOUBLE"),
    Value("nan", "NaN", _broken(math.nan), "DOUBLE", "the option `nan_value`"),
    Value("nan-small", "nan", {}, "STRING"),
    Value("infinity", "Inf", _broken(math.inf), "DOUBLE", "the option `positive_inf`"),
    Value("minus-infinity", "-Inf", _broken(-math.inf), "DOUBLE", "the option `negative_inf`"),
    Value("infinity-long", "Infinity", {}, "STRING", spark="Infinity, as Java reads it"),
    Value("digits-arabic", "\u0661", {}, "STRING", "digits are ASCII",
          spark="1"),
)  # fmt: skip

TEXTS: Final = (
    Value("text", "x", {}, "STRING"),
    Value("null-word", "null", {}, "STRING", "is text, unless `null_value` says otherwise"),
    Value("true", "true", {"BOOLEAN": True}, "BOOLEAN"),
    Value("true-capitals", "TRUE", {"BOOLEAN": True}, "BOOLEAN", "in any case"),
    Value("false-capital", "False", {"BOOLEAN": False}, "BOOLEAN"),
    Value("yes", "yes", {}, "STRING"),
    Value("true-short", "t", {}, "STRING"),
    Value("date", "2026-01-02", _moment(2026, 1, 2, day=True), "DATE"),
    Value("date-short", "2026-1-2", _moment(2026, 1, 2, day=True), "DATE",
          spark="inferred as a timestamp"),
    Value("date-padded", " 2026-01-02 ", _moment(2026, 1, 2, day=True), "DATE",
          spark="inferred as a timestamp"),
    Value("date-no-leap-day", "2023-02-29", {}, "STRING"),
    Value("date-year-0", "0000-01-01", {}, "STRING", "years are 1 to 9999",
          spark="taken"),
    Value("date-year-10000", "10000-01-01", {}, "STRING",
          spark="taken"),
    Value("date-slashes", "2026/01/02", {}, "STRING"),
    Value("date-compact", "20260102", _whole(20260102), "INT"),
    Value("timestamp", "2026-01-02T03:04:05Z", _moment(2026, 1, 2, 3, 4, 5, local=False),
          "TIMESTAMP"),
    Value("timestamp-space", "2026-01-02 03:04:05", _moment(2026, 1, 2, 3, 4, 5), "TIMESTAMP",
          "without a zone UTC"),
    Value("timestamp-minutes", "2026-01-02 03:04", _moment(2026, 1, 2, 3, 4), "TIMESTAMP"),
    Value("timestamp-hour", "2026-01-02 03", {}, "STRING",
          spark="taken"),
    Value("timestamp-offset", "2026-01-02T03:04:05+05:30",
          _moment(2026, 1, 1, 21, 34, 5, local=False), "TIMESTAMP"),
    Value("timestamp-nanoseconds", "2026-01-02T03:04:05.123456789",
          _moment(2026, 1, 2, 3, 4, 5, 123456), "TIMESTAMP",
          "digits behind microseconds are cut off"),
    Value("timestamp-leap-second", "2016-12-31T23:59:60Z", {}, "STRING"),
    Value("timestamp-24", "2026-01-02T24:00:00Z", {}, "STRING"),
    Value("timestamp-out-by-zone", "9999-12-31T23:59:59-01:00", {}, "STRING",
          "in UTC beyond year 9999",
          spark="taken"),
    Value("struct", '{"x": 1}', {}, "STRING", "CSV has no nested types"),
    Value("control", "a\x01\tb", {}, "STRING", "control characters are text"),
    Value("nul", "a\x00b", {}, "STRING", "NUL is a character like another"),
    Value("line-separators", "a\u2028b\u0085c", {}, "STRING", "U+2028 and U+0085 end no line"),
    Value("quote-in-value", 'a"b"', {}, "STRING", "a quote further in is a character"),
    Value("backslash", "a\\nb\\", {}, "STRING", "outside quotes nothing is escaped"),
)  # fmt: skip

GROUPS: Final = (Group("CSV: numbers", NUMBERS), Group("CSV: other values", TEXTS))
