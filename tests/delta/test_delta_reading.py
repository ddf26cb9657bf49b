"""Reading a table whole, its log, and the two public functions."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from arro3.core import RecordBatchReader
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from lakestream.delta.columns import conformed, fit
from lakestream.delta.log import DeltaLog, UnreadableCommitError
from lakestream.delta.reading import read_table
from lakestream.delta.reshape import column_as, readable_as
from lakestream.delta.table import TableAddress
from lakestream.errors import (
    ConfigError,
    SinkDamagedError,
    SinkSchemaError,
    SourceError,
    SourceNotFoundError,
    StorageUnavailableError,
    TableFeatureError,
    UnknownColumnError,
)
from lakestream.plan.types import Struct, parse_type, schema_of_ddl
from lakestream.read_delta import read_delta, table
from lakestream.sinks.delta import DeltaSink
from lakestream.sources.delta.description import DeltaDescription
from lakestream.sources.delta.static import StaticDeltaTable
from lakestream.storage import stores
from lakestream.storage.options import StorageOptions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "table"
    for each in range(3):
        rows = {"id": [each], "part": [f"p {each % 2}"]}
        write_deltalake(found, pa.table(rows), mode="append", partition_by=["part"])
    return found


def log_of(path: Path) -> DeltaLog:
    return DeltaLog(stores.open_read_store(str(path)))


def entry(path: Path, version: int) -> Path:
    return path / "_delta_log" / f"{version:020d}.json"


def test_read_table_gives_every_row_of_the_newest_version(path: Path) -> None:
    DeltaTable(path).delete("id = 0")
    found = read_table(str(path)).read_all().to_pylist()
    assert Counter((row["id"], row["part"]) for row in found) == Counter([(1, "p 1"), (2, "p 0")])


def test_read_table_of_some_columns_keeps_their_order(path: Path) -> None:
    reader = read_table(str(path), columns=["part", "id"])
    assert reader.schema.names == ["part", "id"]
    assert sorted(reader.read_all()["id"].to_pylist()) == [0, 1, 2]
    assert read_table(str(path), columns=["part"]).read_all().num_rows == 3


def test_read_table_of_a_column_that_is_none_names_the_near_one(path: Path) -> None:
    with pytest.raises(UnknownColumnError, match="did you mean 'part'"):
        read_table(str(path), columns=["prat"])


def test_read_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        read_table(str(tmp_path / "none"))


def test_read_table_with_column_mapping_is_refused(path: Path) -> None:
    text = entry(path, 0).read_text()
    mapped = text.replace(
        '"configuration":{}', '"configuration":{"delta.columnMapping.mode":"name"}'
    )
    assert mapped != text
    entry(path, 0).write_text(mapped)
    with pytest.raises(TableFeatureError, match="maps its column names"):
        read_table(str(path))


@pytest.mark.parametrize("damage", [b"{", b'{"add": 1}\n'])
def test_table_with_a_damaged_log_is_a_coded_error(path: Path, damage: bytes) -> None:
    entry(path, 2).write_bytes(damage)
    with pytest.raises(UnreadableCommitError, match="version 2"):
        log_of(path).read(2)
    with pytest.raises(SourceError, match="cannot be opened"):
        read_table(str(path))
    with pytest.raises(SinkDamagedError):
        DeltaSink(str(path), query_id="q", query_name="n").table_id()


def test_table_on_a_store_that_is_down_is_a_transient_error() -> None:
    options = StorageOptions.of(
        {
            "endpoint": "http://127.0.0.1:9",
            "allow_http": "true",
            "access_key_id": "a",
            "secret_access_key": "not-to-be-shown",
            "region": "us-east-1",
            "max_retries": 0,
            "retry_timeout": "1s",
        },
        where="test",
    )
    with pytest.raises(StorageUnavailableError) as raised:
        read_table("s3://bucket/table", options)
    assert "not-to-be-shown" not in str(raised.value)


def test_log_reads_actions_of_a_version(path: Path) -> None:
    DeltaTable(path).delete("id = 0")
    log = log_of(path)
    first, last = log.read(0), log.read(3)
    assert first is not None
    assert last is not None
    assert first.metadata is not None
    assert first.metadata.schema() == schema_of_ddl("id BIGINT, part STRING")
    assert first.metadata.partition_columns == ["part"]
    assert (first.operation, first.rows, last.operation) == ("WRITE", 1, "DELETE")
    assert [each.data_change for each in last.removes] == [True]
    assert (path / first.adds[0].key).exists()
    assert log.read(4) is None


def test_log_counts_rows_by_statistics_where_there_are_no_metrics(path: Path) -> None:
    text = entry(path, 0).read_text()
    entry(path, 0).write_text("\n".join(x for x in text.splitlines() if "commitInfo" not in x))
    commit = log_of(path).read(0)
    assert commit is not None
    assert (commit.rows, commit.operation) == (1, "unknown operation")


def test_log_lists_versions_and_finds_the_newest(path: Path) -> None:
    DeltaTable(path).create_checkpoint()
    entry(path, 0).unlink()
    log = log_of(path)
    assert [version for version, _ in log.entries()] == [1, 2]
    assert log.newest(1) == 2
    assert [commit.version for commit in log.backwards(2, 0)] == [2, 1]
    assert {key: each is None for key, each in log.read_many(range(4)).items()} == {
        0: True, 1: False, 2: False, 3: True,
    }  # fmt: skip


def test_table_under_a_path_that_looks_encoded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="URL-encoded"):
        TableAddress.of(str(tmp_path / "a%20b"))
    assert TableAddress.of(str(tmp_path / "100% a b")).is_local


@pytest.mark.parametrize("name", ["orders#1", "orders?x", "a%20b"])
def test_table_on_a_store_when_deltalake_would_take_another_folder_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="another folder"):
        TableAddress.of(f"s3://lake/{name}")


@pytest.mark.parametrize("mark", "[]^|\\\n")
def test_table_when_deltalake_panics_under_its_path_is_refused(tmp_path: Path, mark: str) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        TableAddress.of(str(tmp_path / f"a{mark}b")).check_writable()
    TableAddress.of(str(tmp_path / "a b#?+&ü")).check_writable()


def test_table_in_memory_is_refused() -> None:
    with pytest.raises(ConfigError, match="memory"):
        TableAddress.of("memory://lake/t")


def test_table_under_an_odd_path_is_written_and_read(tmp_path: Path) -> None:
    path = str(tmp_path / "ü b #?&=+%")
    sink = DeltaSink(path, query_id="q", query_name="n")
    table_id = sink.prepare(schema_of_ddl("id BIGINT"))
    look = sink.inspect(0, table_id=table_id, plan_digest="d", receipt_version=None)
    look.commit(RecordBatchReader.from_arrow(pa.table({"id": [1]})), {"planDigest": "d"})
    receipt = sink.find_receipt(0)
    assert receipt is not None
    sink.verify(receipt)
    assert read_table(path).read_all().to_pylist() == [{"id": 1}]


def test_read_delta_and_table_describe_leaves_without_reading() -> None:
    stream = read_delta("s3://lake/orders", starting_version="latest", ignore_deletes=True)
    description = stream.plan.description
    assert isinstance(description, DeltaDescription)
    assert description.rules.ignore_deletes
    static = table("s3://lake/airlines").plan.description
    assert isinstance(static, StaticDeltaTable)


def test_describing_a_source_loads_no_heavy_library() -> None:
    code = (
        "import sys; from lakestream.sources.delta.describe import describe_delta;"
        "describe_delta('s3://lake/t');"
        "print([m for m in ('deltalake', 'pyarrow', 'duckdb', 'obstore') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout == "[]\n"


LEAVES = ["TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "STRING", "BOOLEAN", "DATE",
          "TIMESTAMP", "TIMESTAMP_NTZ", "BINARY", "DECIMAL(5,2)", "DECIMAL(6,2)"]  # fmt: skip


@settings(deadline=None)
@given(have=st.sampled_from(LEAVES), want=st.sampled_from(LEAVES))
def test_fit_takes_a_column_of_the_very_same_type_only(have: str, want: str) -> None:
    stream = Struct((("x", parse_type(have)),))
    wanted = Struct((("X", parse_type(want)),))
    if have == want:
        assert fit(stream, wanted, where="t").schema == wanted
        return
    with pytest.raises(SinkSchemaError):
        fit(stream, wanted, where="t")


@pytest.mark.parametrize(
    ("stream", "table_columns", "merge"),
    [
        ("a INT, b INT", "b INT, a INT", False),
        ("a INT", "a INT, b INT", True),
        ("a INT, c INT", "a INT", True),
        ("s STRUCT<x: INT>", "s STRUCT<x: INT>", False),
        ("s STRUCT<x: INT, y: INT>", "s STRUCT<x: INT>", True),
        ("s ARRAY<STRUCT<y: INT>>", "s ARRAY<STRUCT<x: INT>>", True),
    ],
)
def test_fit_merges_when_columns_or_fields_differ(
    stream: str,
    table_columns: str,
    merge: bool,  # noqa: FBT001 - a parametrised value
) -> None:
    found = fit(schema_of_ddl(stream), schema_of_ddl(table_columns), where="t")
    assert found.merge is merge


@pytest.mark.parametrize(
    ("stream", "table_columns"),
    [
        ("s STRUCT<X: INT>", "s STRUCT<x: INT>"),
        ("m MAP<STRING, STRUCT<a: INT, b: INT>>", "m MAP<STRING, STRUCT<a: INT>>"),
        ("s ARRAY<STRUCT<x: BIGINT>>", "s ARRAY<STRUCT<x: INT>>"),
    ],
)
def test_fit_refuses_nested_fields_that_cannot_be_merged(stream: str, table_columns: str) -> None:
    with pytest.raises(SinkSchemaError):
        fit(schema_of_ddl(stream), schema_of_ddl(table_columns), where="t")


def test_stream_that_conforms_already_is_passed_through() -> None:
    stream = RecordBatchReader.from_arrow(pa.table({"id": [1]}))
    assert conformed(stream, schema_of_ddl("id BIGINT")) is stream


NUMBERS = st.integers(-(2**31), 2**31 - 1)
RECORDS = st.one_of(st.none(), st.fixed_dictionaries({"a": st.one_of(st.none(), NUMBERS)}))


@settings(deadline=None)
@given(
    values=st.lists(
        st.fixed_dictionaries(
            {
                "s": RECORDS,
                "l": st.one_of(st.none(), st.lists(RECORDS, max_size=3)),
                "m": st.one_of(st.none(), st.lists(st.tuples(st.text(), RECORDS), max_size=2)),
            }
        ),
        max_size=6,
    ),
    start=st.integers(0, 3),
)
def test_nested_columns_of_old_files_keep_their_values(values: list[dict], start: int) -> None:
    old = pa.struct([("a", pa.int32())])
    outer = pa.struct([("s", old), ("l", pa.list_(old)), ("m", pa.map_(pa.string(), old))])
    kind = parse_type(
        "STRUCT<m: MAP<STRING, STRUCT<b: STRING, a: BIGINT>>, l: ARRAY<STRUCT<a: INT, b: DATE>>,"
        "s: STRUCT<a: INT, n: STRUCT<z: INT>>>"
    )
    have = parse_type("STRUCT<s: STRUCT<a: INT>, l: ARRAY<STRUCT<a: INT>>>")
    assert readable_as(have, kind)
    array = pa.array(values, outer)
    reader = RecordBatchReader.from_arrow(pa.table({"x": array}))
    for batch in reader:
        column = batch.slice(min(start, batch.num_rows)).column(0)
        found = pa.array(column_as(column, kind)).to_pylist()
        for given_row, row in zip(values[start:], found, strict=True):
            assert row == expected(given_row)


def expected(row: dict) -> dict:
    def grown(record: dict | None, name: str) -> dict | None:
        return None if record is None else {"a": record["a"], name: None}

    lists, maps = row["l"], row["m"]
    return {
        "s": grown(row["s"], "n"),
        "l": None if lists is None else [grown(each, "b") for each in lists],
        "m": None if maps is None else [(key, grown(each, "b")) for key, each in maps],
    }


def test_read_table_of_another_writers_lists_and_maps_gives_their_values(tmp_path: Path) -> None:
    counts = pa.map_(pa.string(), pa.int64())
    nested = pa.struct([("counts", counts), ("parts", pa.list_(pa.struct([("counts", counts)])))])
    rows = pa.table(
        {
            "counts": pa.array([[("a", 1)], None, []], counts),
            "ids": pa.array([[1], [2, None], None], pa.list_(pa.int64())),
            "nested": pa.array(
                [{"counts": [("b", 2)], "parts": [{"counts": [("c", 3)]}]}, None, {}], nested
            ),
        }
    )
    write_deltalake(tmp_path / "table", rows)
    found = read_table(str(tmp_path / "table")).read_all()
    assert found.to_pylist() == rows.to_pylist()
