from __future__ import annotations

import importlib
import pickle
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from lakestream.errors import ConfigError, EnvironmentNotSetError, PlanError, UnknownOptionError
from lakestream.plan import types as t
from lakestream.sources.base import ReadLimit
from lakestream.sources.files.describe import describe_files, option_names
from lakestream.sources.files.description import FilesDescription
from lakestream.sources.files.notifications.sqs import SqsQueue
from lakestream.storage.location import env

public = importlib.import_module("lakestream.read_files")


def _describe(format: str = "json", **options: Any) -> FilesDescription:  # noqa: A002 - Spark's word
    own = {name: options.pop(name) for name in list(options) if name in option_names(format)}
    return describe_files("landing", format=format, format_options=own, **options)


def test_description_when_equal_is_equal_and_hashable() -> None:
    one, two = _describe(schema="a INT"), _describe(schema="a INT")
    assert one == two
    assert hash(one) == hash(two)
    assert one.description == "files[landing, json]"


@pytest.mark.parametrize(
    ("options", "evolution", "rescued"),
    [
        ({}, "add_new_columns", "_rescued_data"),
        ({"schema": "a INT"}, "none", None),
        ({"schema": "a INT", "schema_evolution": "rescue"}, "rescue", "_rescued_data"),
        ({"schema": "a INT", "rescued_data_column": "kept"}, "none", "kept"),
        ({"schema_hints": "a INT"}, "add_new_columns", "_rescued_data"),
        ({"format": "text"}, "none", None),
    ],
)
def test_defaults_hang_on_the_schema(
    options: dict[str, Any], evolution: str, rescued: str | None
) -> None:
    found = _describe(**options)
    assert (found.evolution, found.rescued_column) == (evolution, rescued)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schema": "a INT", "schema_evolution": "add_new_columns_with_type_widening"}, "declared"),
        ({"schema": "a INT", "schema_evolution": "add_new_columns"}, "declared schema"),
        ({"schema": "a INT", "schema_hints": "b INT"}, "exclude each other"),
        ({"schema_evolution": "addNewColumns"}, "add_new_columns"),
        ({"mode": "PERMISIVE"}, "permissive"),
        ({"format": "jsn"}, "json"),
        ({"format": "text", "schema": "a INT"}, "columns of its own"),
        ({"format": "text", "rescued_data_column": "r"}, "nothing to rescue"),
        ({"format": "binaryFile", "schema_evolution": "rescue"}, "never change"),
        ({"schema": 5}, "schema cannot be a int"),
        ({"infer_types": "yes"}, "infer_types must be bool"),
        ({"multi_line": "yes"}, "multi_line must be bool"),
        ({"max_files_per_trigger": 0}, "at least 1"),
        ({"schema_inference_max_files": 0}, "at least 1"),
        ({"schema_inference_max_files": "7"}, "must be int"),
        ({"schema_inference_max_bytes": "much"}, "schema_inference_max_bytes"),
        ({"max_files_per_trigger": True}, "must be int"),
        ({"max_bytes_per_trigger": "10 apples"}, "no size"),
        ({"min_age": "soon"}, "no duration"),
        ({"modified_after": "yesterday"}, "no time"),
        ({"modified_after": "2026-01-02", "modified_before": "2026-01-01"}, "no time lies"),
        ({"path_glob_filter": "a/*.json"}, "file names only"),
        ({"path_glob_filter": "[a"}, "not closed"),
        ({"include_patterns": []}, "no file would be taken"),
        ({"include_patterns": ["a", ""]}, "empty pattern"),
        ({"exclude_patterns": "re:"}, "empty pattern"),
        ({"exclude_patterns": "{a"}, "not closed"),
        ({"exclude_patterns": ["re:(a"]}, "not a regular expression"),
        ({"include_patterns": 5}, "a str or several"),
        ({"include_patterns": [5]}, "must be str"),
        ({"use_strict_globber": "no"}, "must be bool"),
        ({"order_by": "size"}, "order_by cannot be 'size'"),
        ({"listing_parallelism": 0}, "from 1 to 64"),
        ({"listing_parallelism": "8"}, "must be int"),
        ({"order_by": "key", "notifications": SqsQueue("http://q/1/q")}, "no order"),
        ({"partition_columns": ["a", "A"]}, "twice"),
        ({"metadata_column": ""}, "empty"),
        ({"metadata_column": "_rescued_data"}, "one name"),
        ({"schema": "a INT", "metadata_column": "A"}, "a column 'A' already"),
        ({"asset_key": "a//b"}, "empty part"),
        ({"storage_options": {"aws_regoin": "x"}}, "aws_region"),
    ],
)
def test_options_when_they_cannot_work_are_refused_at_once(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _describe(**options)
    assert words in str(caught.value)


def test_option_when_misspelt_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownOptionError, match="multi_line"):
        describe_files("landing", format="json", format_options={"multiline": True})
    with pytest.raises(UnknownOptionError, match="schema_hints"):
        describe_files("landing", format="json", format_options={"schema_hint": "a INT"})


def test_option_when_of_another_format_says_whose_it_is() -> None:
    with pytest.raises(UnknownOptionError, match="of format 'csv'"):
        describe_files("landing", format="json", format_options={"sep": ";"})


@pytest.mark.parametrize("path", ["", "  ", "landing/[a", "landing/{a,b"])
def test_path_when_malformed_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        describe_files(path, format="json")


def test_path_when_no_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a str"):
        describe_files(5, format="json")


def test_schema_when_ddl_is_wrong_is_refused() -> None:
    with pytest.raises(PlanError):
        _describe(schema="a INTT")
    with pytest.raises(PlanError):
        _describe(schema_hints="a")


@pytest.mark.parametrize(
    "schema", ["a BIGINT, b STRING", pa.schema({"a": pa.int64(), "b": "string"})]
)
def test_schema_when_declared_is_known_without_io(schema: object) -> None:
    found = _describe(schema=schema, metadata_column="_meta", partition_columns="b, day")
    assert found.declared_schema is not None
    assert found.declared_schema.names == ("a", "b", "day", "_meta")
    assert found.declared_schema.get("day") == t.STRING


def test_schema_when_inferred_is_not_known_without_io() -> None:
    assert _describe().declared_schema is None
    assert _describe("text").declared_schema is None
    assert _describe("text", partition_columns=[]).declared_schema == t.Struct(
        (("value", t.STRING),)
    )


def test_path_when_below_an_environment_variable_is_resolved_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LANDING", raising=False)
    found = describe_files(env("LANDING") / "orders/*.json", format="json")
    assert found.location == "$LANDING/orders/*.json"
    with pytest.raises(EnvironmentNotSetError):
        found.fingerprint()
    monkeypatch.setenv("LANDING", "/data")
    assert found.fingerprint() == {"path": "/data/orders", "format": "json"}


def test_times_without_zone_are_utc() -> None:
    naive = datetime.fromisoformat("2026-12-01")
    found = _describe(modified_after="2026-11-21T10:00:00", modified_before=naive)
    assert found.modified_after == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert found.modified_before == datetime(2026, 12, 1, tzinfo=UTC)


def test_limits_when_declared_are_kept() -> None:
    assert _describe().limit is None
    found = _describe(max_files_per_trigger=5, max_bytes_per_trigger="1k")
    assert found.limit == ReadLimit(5, 1024)


def test_description_when_pickled_is_itself() -> None:
    found = _describe(path_glob_filter="*.json", schema="a INT")
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("json", public.JsonOptions),
        ("csv", public.CsvOptions),
        ("text", public.TextOptions),
        ("xml", public.XmlOptions),
        ("parquet", public.FilesOptions),
        ("binaryFile", public.FilesOptions),
    ],
)
def test_typed_options_are_those_that_the_format_takes(name: str, options: Any) -> None:
    common = set(public.FilesOptions.__annotations__)
    taken = set(describe_files.__kwdefaults__) - {"format_options"}
    assert common == taken
    assert set(options.__annotations__) == common | set(option_names(name))
