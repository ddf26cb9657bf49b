"""X1 and X2: hostile names of files, columns and tables, end to end."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fault_pipeline import Pipeline
from typer.testing import CliRunner

import lakestream as ls
from lakestream import functions as F  # noqa: N812 - as users write it
from lakestream.cli.main import app

NAMES = {
    "dots": "a../b...json",
    "percent dots": "%2e%2e%2fetc.json",
    "newline": "a\nb\r.json",
    "ansi": "\x1b[31mred\x1b[0m\x1b]0;title\x07.json",
    "rtl": "\u202egpj.json",
    "marks": "a#b?c%d&e=f+g h.json",
    "quotes": "'a\" `b` $(c) ;d.json",
    "backslash": "a\\..\\b.json",
    "glob": "[a]*{b,c}?.json",
    "not utf-8": os.fsdecode(b"\xff\xfe.json"),
    "null marker": "p=__HIVE_DEFAULT_PARTITION__/x.json",
    "long": "l" * 240 + ".json",
    "1,024 bytes": "/".join(["d" * 200] * 5) + "/" + "f" * 14 + ".json",
    "markup": "[red]x[/red][link=http://a].json",
}
CONTROL = {chr(n) for n in (*range(32), 127, 0x202E)} - {"\n"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_x1_file_when_its_name_is_hostile_then_it_is_read_once_and_known_by_its_name(
    tmp_path: Path, name: str
) -> None:
    pipeline = Pipeline(tmp_path, metadata_column="_metadata")
    pipeline.land(name, {"id": 1}, '{"broken')
    pipeline.land("plain.json", {"id": 2})

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (2,): 1}
    assert pipeline.table.run() == []
    (row,) = [r for batch in pipeline.table.read() for r in batch.to_pylist() if r["id"] == 1]
    path = os.fsencode(pipeline.landing / name)
    assert unquote(row["_metadata"]["file_path"], errors="surrogateescape") == "file://" + (
        os.fsdecode(path)
    )
    (state,) = [each for key, each in pipeline.files().items() if key != "plain.json"]
    assert (state.state, state.rows, state.bad) == ("committed", 1, 1)
    (bad,) = pipeline.quarantine()
    assert bad["file_key"] == state.key
    assert {path.name for path in tmp_path.iterdir()} == {"landing", "table"}


def _module(tmp_path: Path, pipeline: Pipeline) -> str:
    path = tmp_path / "pipeline.py"
    path.write_text(
        "import lakestream as ls\n"
        f"@ls.streaming_table({str(pipeline.table_folder)!r}, name='bronze')\n"
        "def bronze():\n"
        f"    return ls.read_files({str(pipeline.landing)!r}, format='json')\n"
    )
    return str(path)


@pytest.mark.parametrize("arguments", [["files"], ["quarantine"], ["status"], ["files", "--json"]])
def test_x1_cli_when_names_and_data_are_hostile_then_it_prints_no_control_character(
    tmp_path: Path, arguments: list[str]
) -> None:
    pipeline = Pipeline(tmp_path)
    for name in NAMES.values():
        pipeline.land(name, '{"id": "\x1b[31m\x07broken')
    pipeline.land("plain.json", {"id": 1, "\x1b[32mcolumn": "\x1b[33mvalue"})
    pipeline.table.run()

    done = CliRunner().invoke(app, [*arguments, f"{_module(tmp_path, pipeline)}:bronze"])

    assert done.exit_code == 0, done.output
    assert not CONTROL.intersection(done.output)
    if "--json" in arguments:
        assert len(json.loads(done.output)) == len(NAMES) + 1


def test_x1_cli_when_an_error_names_a_hostile_file_then_it_prints_no_control_character(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lakestream.cli import main as cli

    pipeline = Pipeline(tmp_path)
    pipeline.land("plain.json", {"id": 1})
    pipeline.table.run()
    path = pipeline.land(NAMES["ansi"], {"id": 2})
    pipeline.table.discover()
    path.unlink()
    monkeypatch.setattr("sys.argv", ["lakestream", "run", f"{_module(tmp_path, pipeline)}:bronze"])
    err = io.StringIO()
    monkeypatch.setattr(cli.ERR, "file", err)

    with pytest.raises(SystemExit) as caught:
        cli.run()

    assert caught.value.code == 1
    text = err.getvalue() + capsys.readouterr().out
    assert "LS-SRC-002" in text
    assert not CONTROL.intersection(text)


NAME = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
INJECTIONS = [
    "a; DROP TABLE x--",
    "'",
    '"',
    "`",
    "a\"b'c`d",
    "x) FROM y --",
    "\u202e",
    "select",
    "a.b",
]


def _insensitive(names: list[str]) -> bool:
    return len({each.casefold() for each in names}) == len(names) and not any(
        each.casefold() in {"id", "_rescued_data", "up"} for each in names
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(NAME | st.sampled_from(INJECTIONS), min_size=1, max_size=4).filter(_insensitive))
def test_x2_columns_when_their_names_are_hostile_then_they_come_through_engine_and_table(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("x2")
    pipeline = Pipeline(folder)
    values = {name: f"value of {number}" for number, name in enumerate(names)}
    pipeline.land("a.json", {"id": 1, **values})

    def quoted(name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    @ls.streaming_table(str(folder / "silver"), name="silver")
    def silver() -> ls.Stream:
        stream = ls.read_files(str(pipeline.landing), format="json")
        return stream.filter(F.col("id") > 0).withColumn("up", F.upper(F.col(quoted(names[0]))))

    pipeline.table.run()
    silver.run()

    for table in (pipeline.table, silver):
        (row,) = [row for batch in table.read() for row in batch.to_pylist()]
        assert {name: row.get(name) for name in names} == values
    assert row["up"] == "VALUE OF 0"


@pytest.mark.parametrize("name", ["it's", 'a "b"', "x; --", "a b", "\u00fcn\u00ef", "a`b"])
def test_x2_tables_when_their_names_are_hostile_then_each_keeps_its_rows(
    tmp_path: Path, name: str
) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "a.json").write_text('{"id": 1}\n{"id": 2}\n')

    def bronze() -> ls.Stream:
        return ls.read_files(str(landing), format="json")

    first = ls.streaming_table(str(tmp_path / name), name=name)(bronze)

    def silver(orders: Any) -> ls.Stream:
        return ls.sql("SELECT id + 1 AS id FROM orders WHERE id > 1", orders=orders)

    second = ls.streaming_table(str(tmp_path / f"{name} 2"), inputs={"orders": first})(silver)
    first.run()
    second.run()

    assert Counter(r["id"] for batch in second.read() for r in batch.to_pylist()) == {3: 1}
    assert second.run() == []


@pytest.mark.parametrize("value", ["../../etc", "a/b", "a=b", "x%2fy", "'; --", " ", "ü\n"])
def test_x2_partition_when_its_value_is_hostile_then_the_rows_stay_in_the_table(
    tmp_path: Path, value: str
) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "a.json").write_text(json.dumps({"id": 1, "p": value}))

    @ls.streaming_table(str(tmp_path / "table"), partition_by="p")
    def parted() -> ls.Stream:
        return ls.read_files(str(landing), format="json")

    parted.run()

    rows = [row for batch in parted.read() for row in batch.to_pylist()]
    assert [(row["id"], row["p"]) for row in rows] == [(1, value)]
    assert {path.name for path in tmp_path.iterdir()} == {"landing", "table"}
