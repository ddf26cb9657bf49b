from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lakestream as ls
from lakestream import Stream, StreamingTable
from lakestream.dagster import build_definitions
from lakestream.errors import ConfigError


@pytest.fixture
def numbers(tmp_path: Path) -> StreamingTable:
    landing = tmp_path / "landing"
    landing.mkdir()
    rows = [{"n": n, "text": str(n)} for n in range(10)]
    (landing / "a.json").write_text("".join(json.dumps(row) + "\n" for row in rows))

    @ls.streaming_table(tmp_path / "numbers")
    def numbers() -> Stream:
        return ls.read_files(landing, format="json")

    numbers.run()
    return numbers


def load(
    table: StreamingTable,
    kind: object,
    use: Callable[[Any], Any],
    metadata: dict[str, Any] | None = None,
) -> Any:
    """Run a plain asset that takes the table as ``kind``; gives what ``use`` made of it."""
    seen: list[Any] = []

    def plain(numbers: Any) -> None:
        seen.append(use(numbers))

    plain.__annotations__["numbers"] = kind
    asset = dg.asset(ins={"numbers": dg.AssetIn(metadata=metadata)})(plain)
    defs = dg.Definitions.merge(build_definitions([table]), dg.Definitions(assets=[asset]))
    with dg.DagsterInstance.ephemeral() as instance:
        defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[asset.key]
        )
    return seen[0]


def total(numbers: Any) -> int:
    return sum(numbers)


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        (pa.Table, lambda f: total(f["n"].to_pylist())),
        (pa.RecordBatchReader, lambda f: total(f.read_all()["n"].to_pylist())),
        (pl.DataFrame, lambda f: f["n"].sum()),
        (pl.LazyFrame, lambda f: f.select(pl.col("n").sum()).collect().item()),
        (pd.DataFrame, lambda f: f["n"].sum()),
        (duckdb.DuckDBPyRelation, lambda f: f.sum("n").fetchall()[0][0]),
        (StreamingTable, lambda f: total(f.read().read_all()["n"].to_pylist())),
        (Any, lambda f: total(f.read_all()["n"].to_pylist())),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_input_when_annotated_then_it_is_that_frame(
    numbers: StreamingTable, kind: object, use: Callable[[Any], Any]
) -> None:
    assert load(numbers, kind, use) == 45


def test_input_when_columns_are_given_then_only_these_are_read(numbers: StreamingTable) -> None:
    names = load(numbers, pa.Table, lambda f: f.column_names, metadata={"columns": ["n"]})
    assert names == ["n"]


def test_lazy_frame_when_filtered_and_cut_then_the_answer_is_right(
    numbers: StreamingTable,
) -> None:
    def use(frame: pl.LazyFrame) -> list[str]:
        return frame.filter(pl.col("n") > 3).select("text").head(2).collect()["text"].to_list()

    assert load(numbers, pl.LazyFrame, use) == ["4", "5"]


def test_input_when_annotated_with_something_else_then_an_error_lists_the_frames(
    numbers: StreamingTable,
) -> None:
    with pytest.raises(ConfigError, match=r"loaded as dict\n.*numbers.*\n.*polars\.LazyFrame"):
        load(numbers, dict, lambda f: f)


def test_input_when_upstream_is_no_streaming_table_then_an_error_says_so(
    numbers: StreamingTable,
) -> None:
    @dg.asset(io_manager_key="lakestream_io_manager")
    def other() -> None: ...

    @dg.asset
    def reader(other: pa.Table) -> None: ...

    resources = build_definitions([numbers]).resources
    with pytest.raises(ConfigError, match="what is upstream is no streaming table"):
        dg.materialize([other, reader], selection=[reader], resources=resources)


def test_lazy_frame_when_only_cut_then_no_more_rows_come(numbers: StreamingTable) -> None:
    assert load(numbers, pl.LazyFrame, lambda f: f.head(3).collect()["n"].to_list()) == [0, 1, 2]
