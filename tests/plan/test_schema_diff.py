from __future__ import annotations

from lakestream.plan.schema_diff import schema_changes
from lakestream.plan.types import schema_of_ddl


def _told(before: str, after: str) -> list[str]:
    return [str(each) for each in schema_changes(schema_of_ddl(before), schema_of_ddl(after))]


def test_changes_when_nothing_differs_but_case_and_order_then_none() -> None:
    assert _told("id INT, s STRUCT<a: INT, b: INT>", "s STRUCT<B: INT, a: INT>, ID INT") == []


def test_changes_when_columns_come_and_go_then_each_is_told_once_whole() -> None:
    assert _told("id INT, old STRING", "id INT, s STRUCT<a: INT>") == [
        "+ s STRUCT<`a`: INT>",
        "- old STRING",
    ]


def test_changes_when_nested_then_told_by_the_path_that_a_hint_takes() -> None:
    before = "a STRUCT<b: INT>, l ARRAY<STRUCT<x: INT>>, m MAP<STRING, STRUCT<y: INT>>"
    after = (
        "a STRUCT<b: BIGINT>, l ARRAY<STRUCT<x: INT, z: DATE>>,"
        " m MAP<STRING, STRUCT<y: DECIMAL(4,1)>>"
    )
    assert _told(before, after) == [
        "~ a.b INT -> BIGINT",
        "+ l.element.z DATE",
        "~ m.value.y INT -> DECIMAL(4,1)",
    ]


def test_changes_when_a_map_became_a_struct_then_it_is_retyped_whole() -> None:
    assert _told("m MAP<INT, INT>", "m STRUCT<a: INT>") == ["~ m MAP<INT, INT> -> STRUCT<`a`: INT>"]
    assert _told("m MAP<INT, INT>", "m MAP<STRING, INT>") == ["~ m.key INT -> STRING"]
