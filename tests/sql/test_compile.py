# ruff: noqa: B017, PT011 - tests read as sentences; the reader's own errors are of any kind

import datetime as dt
import subprocess
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from arro3.core import RecordBatch, RecordBatchReader

from lakestream.errors import (
    ConfigError,
    ExpectationFailedError,
    PlanError,
    QueryError,
    UnknownColumnError,
    UnsupportedOperationError,
    UserFunctionError,
)
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.expectations import Expectation, expect, named_expectations
from lakestream.plan.nodes import Source
from lakestream.sql.analysis import column_lineage
from lakestream.sql.compile import compile_plan
from lakestream.sql.session import session
from lakestream.sql.sql_text import sql
from lakestream.stream import Stream

NOW = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)
SCHEMA = t.schema_of_ddl("id BIGINT, name STRING")


class Described:
    kind = "files"
    description = "files[x]"
    location = "x"
    asset_key = None
    declared_schema = SCHEMA


def stream() -> Stream:
    return Stream.from_source(Described())


def batches(count=3, rows=4):
    for i in range(count):
        ids = list(range(i * rows, (i + 1) * rows))
        table = pa.table({"id": ids, "name": [f"n{each}" if each % 3 else None for each in ids]})
        yield RecordBatch.from_arrow(table.to_batches()[0])


def start(made: Stream, expectations=(), source=None):
    (leaf,) = [n for n in [_leaf(made.plan)] if isinstance(n, Source)]
    transform = compile_plan(made.plan, {leaf: SCHEMA}, expectations)
    reader = RecordBatchReader.from_batches(arrow_schema(SCHEMA), source or batches())
    return transform, transform.run({leaf: reader}, now=NOW)


def _leaf(node):
    while not isinstance(node, Source):
        node = node.input
    return node


def test_identity_when_compiled_then_same_reader_comes_out():
    made = stream()
    transform = compile_plan(made.plan, {made.plan: SCHEMA})
    reader = RecordBatchReader.from_batches(arrow_schema(SCHEMA), batches())

    assert transform.is_identity
    assert transform.run({made.plan: reader}, now=NOW).stream is reader


def test_identity_when_run_then_no_engine_is_imported():
    code = """
import sys
from lakestream.plan.nodes import Source
from lakestream.plan import types as t
from lakestream.sql.compile import compile_plan
from lakestream.stream import Stream
s = Stream(Source(type("D", (), {"declared_schema": None})()))
compile_plan(s.plan, {s.plan: t.schema_of_ddl("id INT")})
print([m for m in ("duckdb", "sqlglot", "pyarrow") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_run_when_input_fails_then_failure_is_the_inputs_own_error():
    class StopHereError(Exception):
        pass

    def broken():
        yield from batches(1)
        raise StopHereError

    _, run = start(stream().filter("id >= 0"), source=broken())
    with pytest.raises(Exception):
        pa.table(run.stream)

    assert isinstance(run.failure, StopHereError)


def test_run_when_value_cannot_be_cast_then_error_names_no_value():
    _, run = start(stream().selectExpr("cast(name as int) AS x"))
    with pytest.raises(Exception):
        pa.table(run.stream)

    assert isinstance(run.failure, QueryError)
    assert "n1" not in str(run.failure)
    assert run.failure.__cause__ is None


def test_run_when_input_is_long_then_it_is_read_as_output_is_taken():
    taken = []

    def counted():
        for batch in batches(2_000, 1_000):
            taken.append(batch.num_rows)
            yield batch

    _, run = start(stream().filter("id >= 0"), source=counted())
    first = run.stream.read_next_batch()

    assert first.num_rows
    assert sum(taken) < 1_500_000


def as_table(batch: pa.Table) -> pa.Table:
    return batch.append_column("n", pa.array([batch.num_rows] * batch.num_rows, pa.int64()))


def as_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*batch.columns, batch.column(0)], [*batch.schema.names, "n"])


def as_polars(frame: "pl.DataFrame") -> "pl.DataFrame":
    return frame.with_columns(n=pl.col("id") + 1)


def as_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(n=frame["id"] + 1)


@pytest.mark.parametrize("function", [as_table, as_batch, as_polars, as_pandas])
def test_map_batches_when_frame_is_annotated_then_rows_go_through(function):
    made = stream().filter("id > 0").mapBatches(function, schema="id BIGINT, name STRING, n BIGINT")
    transform, run = start(made.selectExpr("id", "n"))

    assert transform.schema == t.schema_of_ddl("id BIGINT, n BIGINT")
    assert pa.table(run.stream).num_rows == 11


def test_map_batches_when_schema_is_not_given_then_it_is_learned_on_no_rows():
    transform, run = start(stream().mapBatches(as_table))

    assert transform.schema == t.schema_of_ddl("id BIGINT, name STRING, n BIGINT")
    assert pa.table(run.stream).column("n").to_pylist() == [12] * 12


def test_map_batches_when_function_raises_then_user_error_without_data():
    def boom(batch: pa.Table) -> pa.Table:
        raise ValueError("secret n1")

    _, run = start(stream().mapBatches(boom, schema="id BIGINT"))
    with pytest.raises(Exception):
        pa.table(run.stream)

    assert isinstance(run.failure, UserFunctionError)
    assert "boom" in str(run.failure)
    assert "secret" not in str(run.failure)
    assert isinstance(run.failure.__cause__, ValueError)


@pytest.mark.parametrize("schema", ["id BIGINT", "id INT, name STRING", "id BIGINT, nome STRING"])
def test_map_batches_when_output_differs_from_schema_then_user_error(schema):
    def same(batch: pa.Table) -> pa.Table:
        return batch

    _, run = start(stream().mapBatches(same, schema=schema))
    with pytest.raises(Exception):
        pa.table(run.stream)

    assert isinstance(run.failure, UserFunctionError)


def test_map_batches_when_annotation_is_missing_or_other_then_config_error():
    with pytest.raises(ConfigError, match="does not say"):
        stream().mapBatches(lambda batch: batch)

    def lists(batch: list) -> list:
        return batch

    with pytest.raises(ConfigError, match="list"):
        stream().mapBatches(lists)


EXPECTATIONS = (
    Expectation("named", "name IS NOT NULL", "warn"),
    Expectation("small", "id < 10", "drop"),
)


def test_expectations_when_rows_break_them_then_counted_and_dropped():
    transform, run = start(stream(), EXPECTATIONS)
    table = pa.table(run.stream)

    assert not transform.is_identity
    assert table.column_names == ["id", "name"]
    assert table.column("id").to_pylist() == list(range(10))
    named, small = run.expectations["named"], run.expectations["small"]
    assert (named.passed, named.failed, named.dropped) == (8, 4, 0)
    assert (small.passed, small.failed, small.dropped) == (10, 2, 2)


def test_expectation_when_condition_is_null_then_row_broke_it():
    _, run = start(stream(), [Expectation("e", "name <> 'n1'", "warn")])
    pa.table(run.stream)

    assert run.expectations["e"].failed == 5


def test_expectation_when_it_fails_then_stream_raises_with_the_whole_count():
    _, run = start(stream(), [Expectation("small", "id < 10", "fail")])
    with pytest.raises(Exception):
        pa.table(run.stream)

    assert isinstance(run.failure, ExpectationFailedError)
    assert "'small' by 2" in str(run.failure)


def test_expectation_when_column_is_unknown_then_error_at_compile():
    with pytest.raises(UnknownColumnError, match="name"):
        start(stream(), [Expectation("e", "nam > 1", "warn")])


def test_expect_when_on_fail_is_unknown_then_config_error():
    with pytest.raises(ConfigError, match="drop"):
        expect("id > 1", on_fail="dropp")
    assert named_expectations({"a": "id > 1"}) == (Expectation("a", "id > 1", "warn"),)


def test_output_when_two_columns_share_a_name_then_plan_error():
    with pytest.raises(PlanError, match="two columns"):
        start(stream().select("id", "ID"))


def test_lineage_when_columns_are_computed_and_mapped_then_origins_are_leaf_columns():
    made = stream().selectExpr("id + length(name) AS x", "id AS y", "1 AS z")
    leaf = _leaf(made.plan)
    found = column_lineage(made.plan, {leaf: SCHEMA})

    assert {k: [c for _, c in v] for k, v in found.items()} == {
        "x": ["id", "name"], "y": ["id"], "z": [],
    }  # fmt: skip
    mapped = made.select("y").mapBatches(lambda_table, schema="q BIGINT")
    found = column_lineage(mapped.plan, {_leaf(mapped.plan): SCHEMA})
    assert [c for _, c in found["q"]] == ["id"]


def lambda_table(batch: pa.Table) -> pa.Table:
    return batch.rename_columns(["q"])


def test_sql_package_when_it_shadows_the_function_then_it_can_be_called():
    import lakestream.sql as package

    made = package("SELECT id FROM x", x=stream())

    assert made.columns == sql("SELECT id FROM x", x=stream()).columns == ["id"]


def test_session_when_process_forks_then_child_computes_and_exits():
    code = (
        "import os, sys\n"
        "from lakestream.sql.session import session\n"
        "def total():\n"
        "    with session() as connection:\n"
        "        query = 'SELECT sum(range) FROM range(3000000)'\n"
        "        return connection.execute(query).fetchone()[0]\n"
        "first = total()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    sys.exit(0 if total() == first else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or total() != first)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)

    assert done.returncode == 0


def test_session_when_opened_twice_then_nothing_is_shared_and_no_setting_can_change():
    with session(NOW) as one, session() as two:
        one.execute("CREATE TEMP TABLE t0 AS SELECT 1 AS a")

        with pytest.raises(duckdb.CatalogException):
            two.execute("SELECT * FROM t0")
        assert two.execute("SELECT getvariable('now')").fetchone() == (None,)
        with pytest.raises(duckdb.Error):
            two.execute("SET TimeZone = 'Europe/Berlin'")
        with pytest.raises(duckdb.Error):
            two.execute("SELECT * FROM read_csv('/etc/hostname')")


@pytest.mark.parametrize("expression", ["name:id", "id + name:id"])
def test_expression_when_it_has_a_path_into_json_then_it_is_refused(expression):
    with pytest.raises(UnsupportedOperationError, match="get_json_object"):
        start(stream().selectExpr(expression))
    with pytest.raises(UnsupportedOperationError, match="get_json_object"):
        start(sql("SELECT id, name:id FROM s", s=stream()))


@pytest.mark.parametrize(
    "text", ["name IS NULL = true", "name LIKE 'a' = true", "id BETWEEN 1 AND 2 = true"]
)
def test_condition_when_compared_without_brackets_then_it_asks_for_them(text):
    with pytest.raises(PlanError, match="brackets are needed"):
        stream().filter(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("id = 1 IS NULL", False),
        ("id > 0 IN (false)", True),
        ("4 | 1 & 2", 4),
        ("1 | 2 ^ 3", 1),
        ("'1' || 1 + 2", 13),
        ("NOT id = 7 IS NULL", True),
        ("array(id, 5)[1]", 5),
        ("left('abc', CAST(NULL AS INT))", None),
        ("lpad('abc', -2, '')", ""),
        ("substring('abc', CAST(name AS INT), 2)", None),
        ("substring_index('a.b', '.', CAST(name AS INT))", None),
        ("space(CAST(NULL AS INT))", None),
        ("array(1, NULL) < array(1, 2)", True),
        ("greatest(array(1, NULL), array(1, 2))", [1, 2]),
        ("sort_array(array(array(2), array(NULL)))", [[None], [2]]),
        ("array_min(array(array(2), array(CAST(NULL AS INT))))", [None]),
        ("struct(CAST(NULL AS INT) AS a) < struct(1 AS a)", True),
    ],
)
def test_combination_when_computed_then_it_is_what_spark_gives(text, value):
    _, run = start(stream().filter("id = 0").selectExpr(f"{text} AS r"))

    assert pa.table(run.stream).column("r").to_pylist() == [value]
