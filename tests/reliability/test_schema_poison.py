"""P5 and P9: records and schemas that are too big, or that pretend to be ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.fault_pipeline import Pipeline

from lakestream.errors import SchemaRejectedError, SourceError
from lakestream.limits import MAX_COLUMNS

TESTS = Path(__file__).parents[1]


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.land("good.json", {"id": 1})
    made.table.run()
    return made


@pytest.mark.parametrize("case", ["line", "open quote", "csv field", "csv open quote", "flat"])
def test_p5_record_when_giant_then_it_is_bad_and_memory_stays_bounded(
    tmp_path: Path, case: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "support.giant_records", str(tmp_path), case],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["peak_mb"] < found["allowed_mb"]
    assert found["good_rows"] == found["wanted_rows"]
    assert found["bad"] == found["wanted_bad"]
    assert found["reasons"]


def test_p9_schema_when_100000_new_columns_come_then_it_is_refused_and_nothing_is_written(
    pipeline: Pipeline,
) -> None:
    path = pipeline.land("poison.json", {f"c{n}": n for n in range(100_000)})
    pipeline.land("other.json", {"id": 2})

    with pytest.raises(SchemaRejectedError, match="LS-SRC-007") as caught:
        pipeline.table.run()

    assert str(caught.value.where)
    assert f"{MAX_COLUMNS:,}" in str(caught.value) or str(MAX_COLUMNS) in str(caught.value)
    assert caught.value.fix
    assert pipeline.rows() == {(1,): 1}
    # The rescue mode takes the same record, whole: nothing of it is lost.
    pipeline.table = pipeline.again(schema_evolution="rescue")
    pipeline.table.run()
    assert pipeline.rows() == {(1,): 1, (2,): 1, (None,): 1}
    (rescued,) = [row[0] for row in pipeline.rows("_rescued_data") if row[0] is not None]
    kept = json.loads(str(rescued))
    assert {name: kept[name] for name in kept if name != "_file_path"} == json.loads(
        path.read_text()
    )


@pytest.mark.parametrize(("columns", "code"), [(20_000, "LS-SRC-007"), (100_000, "LS-SRC-00[37]")])
def test_p9_schema_when_too_many_columns_are_seen_first_then_it_is_refused(
    tmp_path: Path, columns: int, code: str
) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.land("poison.json", {f"c{n}": n for n in range(columns)})

    with pytest.raises(SourceError, match=code) as caught:
        pipeline.table.run()

    assert caught.value.where
    assert caught.value.fix


def test_p9_columns_when_they_differ_in_case_only_then_no_value_is_lost(
    pipeline: Pipeline,
) -> None:
    pipeline.land("case.json", {"id": 2, "ID": 20}, {"Id": 30})

    pipeline.table.run()

    found = pipeline.rows("id", "_rescued_data")
    assert sum(found.values()) == 3
    text = " ".join(str(row) for row in found)
    assert "20" in text
    assert "30" in text
    pipeline.land("more.json", {"id": 4})
    pipeline.table.run()
    assert pipeline.rows("id")[(4,)] == 1


def test_p9_columns_when_the_first_file_differs_in_case_only_then_no_value_is_lost(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.land("case.json", {"id": 2, "ID": 20}, {"ID": 30})

    pipeline.table.run()

    text = " ".join(str(row) for batch in pipeline.table.read() for row in batch.to_pylist())
    assert "20" in text
    assert "30" in text


def test_p9_key_when_twice_in_a_record_then_one_wins_or_the_record_is_kept_aside(
    pipeline: Pipeline,
) -> None:
    pipeline.land("twice.json", '{"id": 2, "id": 3}', '{"id": 4, "x": {"a": 1, "a": 2}}')

    pipeline.table.run()

    assert sum(pipeline.rows().values()) + len(pipeline.quarantine()) == 3
    assert pipeline.table.run() == []


def test_p9_column_when_null_in_all_records_then_it_is_there_once_it_has_values(
    pipeline: Pipeline,
) -> None:
    pipeline.land("null.json", {"id": 2, "late": None}, {"id": 3, "late": None})
    pipeline.table.run()
    pipeline.land("value.json", {"id": 4, "late": "now"})

    pipeline.table.run()

    pipeline.assert_exactly_once("id", "late")


def test_p9_type_when_it_flips_then_the_value_is_rescued(pipeline: Pipeline) -> None:
    pipeline.land("flip.json", {"id": "two"}, {"id": {"a": 1}}, {"id": [1]}, {"id": 2})

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (2,): 1, (None,): 3}
    rescued = [json.loads(str(row[0]))["id"] for row in pipeline.rows("_rescued_data") if row[0]]
    assert sorted(map(str, rescued)) == sorted(map(str, ["two", {"a": 1}, [1]]))


@pytest.mark.parametrize("known", ["first file", "later file"])
@pytest.mark.parametrize("metadata_column", [None, "_metadata"])
def test_p9_field_when_named_like_a_column_of_ours_then_it_is_rescued(
    tmp_path: Path, known: str, metadata_column: str | None
) -> None:
    pipeline = Pipeline(tmp_path, metadata_column=metadata_column)
    if known == "later file":
        pipeline.land("a.json", {"id": 1})
        pipeline.table.run()
    pipeline.land("b.json", {"id": 2, "_rescued_data": "mine", "_Metadata": "also mine"})
    pipeline.land("c.json", {"id": 3})

    pipeline.table.run()

    pipeline.assert_exactly_once("id")
    (row,) = [r for batch in pipeline.table.read() for r in batch.to_pylist() if r["id"] == 2]
    assert json.loads(row["_rescued_data"])["_rescued_data"] == "mine"
    kept = row if metadata_column is None else json.loads(row["_rescued_data"])
    assert kept["_Metadata"] == "also mine"
    assert pipeline.table.run() == []


def test_p9_names_when_hostile_then_they_are_columns_or_a_coded_error(tmp_path: Path) -> None:
    names = [
        "",
        " ",
        "a b",
        "a,b;{}()\n\t=",
        "`",
        '"',
        "'; DROP TABLE x--",
        "\u202e",
        "a.b",
        "x" * 300,
    ]
    for number, name in enumerate(names):
        pipeline = Pipeline(tmp_path / str(number))
        pipeline.land("a.json", {"id": 1, name: 7})
        pipeline.table.run()
        (row,) = [row for batch in pipeline.table.read() for row in batch.to_pylist()]
        assert row["id"] == 1
        assert row.get(name) == 7 or "7" in str(row["_rescued_data"]), name
