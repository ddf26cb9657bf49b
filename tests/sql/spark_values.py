"""Values as the golden files keep Spark's answers, and as pyarrow takes and gives them."""

# ruff: noqa: C901 - an arm a type

import datetime as dt
import decimal
from dataclasses import dataclass

import pytest

from lakestream.plan import types as t


def arrow_value(kind, value):
    """Give a kept value as what pyarrow takes."""
    if value is None:
        return None
    match kind:
        case t.Decimal():
            return decimal.Decimal(value)
        case t.FLOAT | t.DOUBLE:
            return float(value)
        case t.DATE:
            return dt.date.fromisoformat(value)
        case t.TIMESTAMP:
            return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
        case t.BINARY:
            return bytes.fromhex(value)
        case t.Array(element):
            return [arrow_value(element, each) for each in value]
        case t.Map():
            return list(value.items())
        case t.Struct(fields):
            pairs = zip(fields, value, strict=True)
            return {name: arrow_value(each, inner) for (name, each), inner in pairs}
        case _:
            return value


def plain(kind, value):
    """Give a value as the golden files keep it."""
    if value is None:
        return None
    match kind:
        case t.DOUBLE | t.FLOAT:
            return {"float": repr(float(value))}
        case t.Decimal():
            return {"decimal": value}
        case t.TIMESTAMP:
            naive = value.astimezone(dt.UTC).replace(tzinfo=None)
            return {"timestamp": naive.isoformat(timespec="microseconds")}
        case t.TIMESTAMP_NTZ:
            return {"timestamp": value.isoformat(timespec="microseconds")}
        case t.DATE:
            return {"date": value.isoformat()}
        case t.BINARY:
            return {"binary": value.hex()}
        case t.Map(k, v):
            return {"map": sorted([plain(k, a), plain(v, b)] for a, b in value)}
        case t.Struct(fields):
            return {"struct": [plain(k, value[name]) for name, k in fields]}
        case t.Array(element):
            return [plain(element, each) for each in value]
        case _:
            return value


def expected(value):
    """Give a kept answer as what ``plain`` gives must equal."""
    if isinstance(value, dict) and "float" in value:
        return {"float": Approximately(float(value["float"]))}
    if isinstance(value, dict) and "decimal" in value:
        return {"decimal": decimal.Decimal(value["decimal"])}
    if isinstance(value, dict):
        return {key: expected(each) for key, each in value.items()}
    if isinstance(value, list):
        return [expected(each) for each in value]
    return value


@dataclass
class Approximately:
    """A float that libraries may round differently in its last digits; its sign counts."""

    value: float

    def __eq__(self, other):
        close = pytest.approx(self.value, rel=1e-14, abs=0.0, nan_ok=True)
        return float(other) == close and (self.value != 0 or other == repr(self.value))

    __hash__ = None
