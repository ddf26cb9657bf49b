from __future__ import annotations

import pytest

from lakestream.errors import BadFileError
from lakestream.plan import types as t
from lakestream.sources.files.partitions import (
    canonical,
    infer_partitions,
    raw_values,
    raw_values_of,
    typed_values,
)


def test_folder_names_when_percent_encoded_are_decoded() -> None:
    assert raw_values("a%3Db=x%2Fy/n=__HIVE_DEFAULT_PARTITION__/f.json") == {
        "a=b": "x/y",
        "n": None,
    }


def test_folder_names_when_one_is_not_hive_give_no_columns() -> None:
    assert raw_values("day=1/raw/f.json") == {}
    assert raw_values_of("day=1/raw/f.json", ["day", "hour"]) == {"day": "1", "hour": None}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "007"], t.INT),
        (["1", "3000000000"], t.LONG),
        (["1", "9" * 25], t.Decimal(38, 0)),
        (["1", "2.5"], t.DOUBLE),
        (["2026-11-21"], t.DATE),
        (["2026-11-21", "2026-11-21 10:00:00"], t.TIMESTAMP),
        (["2026-13-21"], t.STRING),
        (["1", "x"], t.STRING),
        (["__HIVE_DEFAULT_PARTITION__"], t.STRING),
        (["__HIVE_DEFAULT_PARTITION__", "3"], t.INT),
    ],
)
def test_partition_type_is_the_narrowest_that_all_values_have(
    values: list[str], kind: t.SparkType
) -> None:
    keys = [f"k={value}/f" for value in values]
    assert infer_partitions(keys, infer_types=True) == t.Struct((("k", kind),))
    assert infer_partitions(keys, infer_types=False) == t.Struct((("k", t.STRING),))


def test_partitions_when_files_disagree_are_none() -> None:
    assert infer_partitions(["a=1/f", "a=1/b=2/f"], infer_types=True) == t.Struct(())
    assert infer_partitions(["a=1/f", "f"], infer_types=True) == t.Struct(())


def test_partition_value_when_of_another_type_is_an_error_of_the_file() -> None:
    columns = t.Struct((("k", t.INT), ("s", t.STRING)))
    assert typed_values({"k": "007"}, columns) == ("7", None)
    with pytest.raises(BadFileError, match="'k' is no int"):
        typed_values({"k": "x"}, columns)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("128", t.BYTE, None),
        ("TRUE", t.BOOLEAN, "true"),
        ("1.50", t.Decimal(4, 2), "1.50"),
        ("1.505", t.Decimal(4, 2), None),
        ("123.4", t.Decimal(4, 2), None),
        ("nan", t.DOUBLE, None),
        ("x", t.BINARY, None),
    ],
)
def test_partition_value_when_declared_follows_its_type(
    value: str, kind: t.SparkType, text: str | None
) -> None:
    assert canonical(value, kind) == text
