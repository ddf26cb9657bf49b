from __future__ import annotations

import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from support import fork_server

from lakestream.cli.output import told
from lakestream.errors import SinkError

PIPELINE = """
import lakestream as ls

@ls.streaming_table("lake/orders")
def orders():
    return ls.read_files("landing", format="json")

@ls.streaming_table("lake/cheap")
def cheap(orders):
    return orders.filter("price < 10")
"""


def lakestream(*words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    return fork_server.run("from lakestream.cli.main import run; run()", *words, given=answer)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "a.json").write_text('{"id": 1, "price": 5}\n{"id": 2, "price": 50}\n')
    (landing / "b.json").write_text('{"id": 3, "price": 7}\n{"id":\n')


def test_run_when_tables_follow_each_other_then_both_are_filled() -> None:
    assert lakestream("run", "pipeline:orders").returncode == 0

    done = lakestream("run", "pipeline:cheap", "--json")

    assert done.returncode == 0, done.stderr
    progress = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["sink"]["numOutputRows"] for each in progress] == [2]
    assert progress[0]["lakestream"]["deltaVersion"] == 1


def test_files_when_some_are_quarantined_in_part_then_shown_with_their_counts() -> None:
    lakestream("run", "pipeline:orders")

    found = json.loads(lakestream("files", "pipeline:orders", "--quarantined", "--json").stdout)

    assert [(each["key"], each["rows"], each["bad"]) for each in found] == [("b.json", 1, 1)]


def test_files_when_moved_after_their_commit_then_told_where_they_are() -> None:
    options = 'format="json", clean_source="move", clean_source_retention=0, '
    options += 'clean_source_move_destination="done"'
    Path("pipeline.py").write_text(PIPELINE.replace('format="json"', options))
    lakestream("run", "pipeline:orders")
    lakestream("run", "pipeline:orders")

    shown = lakestream("files", "pipeline:orders").stdout
    (told, _) = json.loads(lakestream("files", "pipeline:orders", "--json").stdout)

    assert (told["archive_mode"], told["archived_to"]) == (
        "move",
        str(Path("done/a.json").resolve()),
    )
    assert "a.json: moved to" in shown
    assert not list(Path("landing").iterdir())


def test_files_when_narrowed_to_pending_and_glob_then_only_those() -> None:
    lakestream("run", "pipeline:orders")
    Path("landing/c.json").write_text('{"id": 4, "price": 1}\n')
    Path("landing/d.json").write_text('{"id": 5, "price": 1}\n')
    assert lakestream("preview", "pipeline:orders").returncode == 0
    nothing_recorded = lakestream("files", "pipeline:orders", "--pending", "--json")
    lakestream("run", "pipeline:orders")
    found = lakestream("files", "pipeline:orders", "--path", "[cd].json", "--json")

    assert json.loads(nothing_recorded.stdout) == []
    assert [each["key"] for each in json.loads(found.stdout)] == ["c.json", "d.json"]


def test_quarantine_when_a_line_does_not_parse_then_file_line_and_raw_text() -> None:
    lakestream("run", "pipeline:orders")

    (row,) = json.loads(lakestream("quarantine", "pipeline:orders", "--json").stdout)

    assert (row["file_key"], row["line"], row["raw"]) == ("b.json", 2, '{"id":')
    assert row["code"]
    assert row["reason"]


def test_quarantine_when_records_are_mended_in_a_file_then_the_next_run_reads_them() -> None:
    lakestream("run", "pipeline:orders")
    listed = lakestream("quarantine", "pipeline:orders", "--json").stdout
    Path("bad.json").write_text(listed.replace('"{\\"id\\":"', '"{\\"id\\": 4, \\"price\\": 1}"'))
    words = ("quarantine", "pipeline:orders", "replay", "--edit", "bad.json", "--reason", "cut")

    told = lakestream(*words, "--dry-run").stdout
    refused = lakestream(*words, answer="n\n")
    done = lakestream(*words, "--yes")
    again = json.loads(lakestream(*words, "--yes", "--json").stdout)
    progress = lakestream("run", "pipeline:orders", "--json").stdout

    assert "reads again 1 record of 1 file, 1 of them mended" in told
    assert refused.returncode == 1
    assert "done: 1 record" in done.stdout
    assert (again["records"], again["left"]) == ([], {"replayed": 1})
    assert json.loads(progress)["sink"]["numOutputRows"] == 1
    assert "replayed" in lakestream("quarantine", "pipeline:orders").stdout


def test_quarantine_when_the_mended_file_is_none_then_said_how_to_write_it() -> None:
    lakestream("run", "pipeline:orders")
    Path("bad.json").write_text('{"raw": "no id"}')
    words = ("quarantine", "pipeline:orders", "replay", "--edit", "bad.json", "--reason", "cut")

    refused = lakestream(*words, "--yes")

    assert refused.returncode == 2
    assert "quarantine MODULE:TABLE --json" in " ".join(refused.stderr.split()).replace("│ ", "")


def test_run_when_another_table_of_the_module_is_declared_wrong_then_it_runs() -> None:
    typo = '@ls.streaming_table("lake/typo")\ndef typo(order):\n    return order\n'
    Path("pipeline.py").write_text(PIPELINE + typo)

    assert lakestream("run", "pipeline:orders").returncode == 0
    assert "did you mean 'orders'" in lakestream("run", "pipeline:typo").stderr


def test_status_when_a_module_is_given_then_all_its_tables() -> None:
    lakestream("run", "pipeline:orders")

    found = {
        each["name"]: each for each in json.loads(lakestream("status", "pipeline", "--json").stdout)
    }

    assert found["orders"]["state"] == "up to date"
    assert found["orders"]["rows"] == 3
    assert found["orders"]["backlog"] == {
        "files": 0,
        "bytes": 0,
        "complete": True,
        "listed_to": None,
    }
    assert found["cheap"]["state"] == "never run"


def test_status_when_a_table_cannot_be_told_then_the_others_still_are() -> None:
    shown = lakestream("status", "pipeline")
    told_json = lakestream("status", "pipeline", "--json")

    assert (shown.returncode, told_json.returncode) == (1, 1)
    assert "never run" in shown.stdout
    assert shown.stderr.startswith("cheap: [LS-SRC-010] there is no Delta table to read")
    orders, cheap = json.loads(told_json.stdout)
    assert (orders["name"], orders["state"]) == ("orders", "never run")
    assert cheap["name"] == "cheap"
    assert "LS-SRC-010" in cheap["error"]


def test_preview_when_a_value_is_long_or_nested_then_every_column_still_shows() -> None:
    options = 'format="json", metadata_column="_metadata"'
    Path("pipeline.py").write_text(PIPELINE.replace('format="json"', options))
    Path("landing/a.json").write_text(json.dumps({"id": 1, "note": "x" * 5000, "tags": ["a"]}))
    Path("landing/b.json").unlink()

    shown = lakestream("preview", "pipeline:orders").stdout

    assert {"id", "note", "tags", "_rescued_data", "_metadata"} <= set(shown.split())
    assert '["a"]' in shown
    assert "(5,000 characters)" in " ".join(shown.split())
    assert shown.count("x") < 1500


def test_preview_when_nothing_ran_yet_then_rows_and_nothing_is_written() -> None:
    done = lakestream("preview", "pipeline:orders", "--rows", "1", "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == [{"id": 1, "price": 5, "_rescued_data": None}]
    assert "`id` BIGINT" in found["schema"]
    assert not Path("lake").exists()


def test_check_when_a_column_is_misspelt_then_exit_1_and_near_names() -> None:
    Path("wrong.py").write_text(PIPELINE.replace("price < 10", "prise < 10"))
    lakestream("run", "wrong:orders")

    done = lakestream("check", "wrong", "--json")

    assert done.returncode == 1
    orders, cheap = json.loads(done.stdout)
    assert orders["ok"]
    assert not cheap["ok"]
    assert "LS-PLAN-002" in cheap["error"]
    assert "'price'" in cheap["error"]


def test_reset_when_asked_and_declined_then_nothing_is_forgotten() -> None:
    lakestream("run", "pipeline:orders")

    done = lakestream("reset", "pipeline:orders", answer="n\n")

    assert done.returncode == 1
    assert "2 files" in done.stdout
    assert lakestream("run", "pipeline:orders").stdout.strip() == "orders: nothing new"


def test_reset_when_truncating_then_the_next_run_gives_each_row_once() -> None:
    lakestream("run", "pipeline:orders")

    assert lakestream("reset", "pipeline:orders", "--truncate", "--yes").returncode == 0
    done = lakestream("run", "pipeline:orders", "--once", "--json")

    assert done.returncode == 0, done.stderr
    (status,) = json.loads(lakestream("status", "pipeline:orders", "--json").stdout)
    assert (status["rows"], status["batch_id"]) == (3, 0)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("run", "pipeline:ordrs"), 1),
        (("run", "no_such_module:orders"), 1),
        (("run", "pipeline:orders", "--once", "--available-now"), 2),
        (("run", "pipeline:orders", "--interval", "soon"), 2),
        (("rum", "pipeline:orders"), 2),
    ],
)
def test_command_when_it_is_wrong_then_exit_code_tells_whose_fault(
    words: tuple[str, ...], code: int
) -> None:
    done = lakestream(*words)

    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_run_when_no_input_was_ever_found_then_told_where_it_is_looked_for() -> None:
    Path("astray.py").write_text(PIPELINE.replace("landing", "landign"))

    done = lakestream("run", "astray:orders")

    assert (done.returncode, done.stderr) == (0, "")
    assert "no input has been found yet in files[landign, json]" in done.stdout


@pytest.mark.parametrize("verb", ["run", "check", "status"])
def test_table_when_its_log_is_damaged_then_the_cause_is_told(verb: str) -> None:
    lakestream("run", "pipeline:orders")
    Path("lake/orders/_delta_log/00000000000000000001.json").write_text("{garbage")

    done = lakestream(verb, "pipeline:orders")

    assert done.returncode == 1
    (cause,) = [line for line in (done.stdout + done.stderr).splitlines() if "  cause: " in line]
    assert cause.endswith("Encountered unexpected 'g' whilst parsing object")


def test_cause_when_it_has_a_signed_address_then_the_signature_is_left_out() -> None:
    error = SinkError("the table cannot be opened", fix="the cause says why")
    error.__cause__ = OSError("no answer of (https://u:p@a.example/lake?sv=1&sig=abc): timed out")

    assert told(error).endswith(
        "  cause: OSError: no answer of (https://...@a.example/lake?...): timed out"
    )


@pytest.mark.parametrize(
    ("words", "code"), [((), 130), (("--json",), 130), (("--interval", "1s"), 0)]
)
def test_run_when_interrupted_then_the_exit_code_says_whether_it_was_done(
    words: tuple[str, ...], code: int
) -> None:
    interrupted = """
import os, signal
import pyarrow as pa

def interrupt(rows: pa.Table) -> pa.Table:
    os.kill(os.getpid(), signal.SIGINT)
    return rows

@ls.streaming_table("lake/interrupted")
def interrupted():
    return ls.read_files("landing", format="json", schema="id INT").mapBatches(
        interrupt, schema="id INT"
    )
"""
    Path("pipeline.py").write_text(PIPELINE + interrupted)

    assert lakestream("run", "pipeline:interrupted", *words).returncode == code


def test_run_when_a_function_of_the_user_raises_then_told_what(tmp_path: Path) -> None:
    raising = """
import pyarrow as pa

def divide(rows: pa.Table) -> pa.Table:
    return 1 / 0

@ls.streaming_table("lake/raising")
def raising():
    return ls.read_files("landing", format="json", schema="id INT").mapBatches(
        divide, schema="id INT"
    )
"""
    (tmp_path / "pipeline.py").write_text(PIPELINE + raising)

    told_lines = lakestream("run", "pipeline:raising").stderr.splitlines()

    assert told_lines[-1] == "  cause: ZeroDivisionError: division by zero"


def test_run_when_nothing_is_new_then_only_that() -> None:
    lakestream("run", "pipeline:orders")

    assert lakestream("run", "pipeline:orders").stdout == "orders: nothing new\n"


def test_version_when_asked_for_then_shown() -> None:
    assert lakestream("--version").stdout == f"lakestream {version('lakestream')}\n"


def test_files_when_decided_about_then_told_first_and_asked_for() -> None:
    lakestream("run", "pipeline:orders")
    words = ("files", "pipeline:orders", "replay", "a.json", "--again", "--reason", "for the test")

    told = lakestream(*words, "--dry-run")
    declined = lakestream(*words, answer="n\n")

    assert (told.returncode, declined.returncode) == (0, 1)
    for each in (told, declined):
        assert "orders reads again 1 file" in each.stdout
        assert "the rows of 1 file are in the table, and come once more" in each.stdout
    assert json.loads(lakestream("files", "pipeline:orders", "--actions", "--json").stdout) == []

    done = lakestream(*words, answer="y\n")

    assert "done: 1 file" in done.stdout
    lakestream("run", "pipeline:orders")
    states = json.loads(lakestream("files", "pipeline:orders", "--json").stdout)
    assert [each["key"] for each in states].count("a.json") == 2
    shown = lakestream("files", "pipeline:orders", "--actions")
    assert "for the test" in shown.stdout
    assert "a.json" in shown.stdout


def test_files_when_a_decision_fits_none_then_it_says_why_and_does_nothing() -> None:
    lakestream("run", "pipeline:orders")

    left = lakestream("files", "pipeline:orders", "mark-done", "*", "--reason", "x")
    none = lakestream("files", "pipeline:orders", "forget", "z*", "--reason", "x")
    bare = lakestream("files", "pipeline:orders", "forget", "a*")

    assert "left alone: 2 files with rows in the table" in left.stdout
    assert "no known file matches" in none.stdout
    assert (left.returncode, none.returncode, bare.returncode) == (0, 0, 1)
    assert "the reason is missing" in bare.stderr


def test_files_when_decided_about_as_json_then_never_asked() -> None:
    lakestream("run", "pipeline:orders")
    words = ("files", "pipeline:orders", "forget", "a.json", "--reason", "x", "--json")

    assert lakestream(*words).returncode == 2
    found = json.loads(lakestream(*words, "--yes").stdout)

    assert (found["done"], found["verb"], found["files"][0]["key"]) == (True, "forget", "a.json")


def test_files_when_asked_what_expires_then_counted_and_nothing_is_written() -> None:
    lakestream("run", "pipeline:orders")
    before = sorted(str(path) for path in Path("lake").rglob("*"))
    words = ("files", "pipeline:orders", "--expiring")

    shown = lakestream(*words, "20 days")
    found = json.loads(lakestream(*words, "20 days", "--json").stdout)

    assert "knows 2 files" in shown.stdout
    assert (found["known"], found["forgotten"], found["never_taken"]) == (2, 0, 0)
    assert lakestream(*words, "2 days").returncode == 1
    assert sorted(str(path) for path in Path("lake").rglob("*")) == before


def test_run_when_a_column_became_wider_then_it_is_told_beside_the_new_ones() -> None:
    Path("wide.py").write_text(
        "import lakestream as ls\n\n\n"
        "@ls.streaming_table('lake/wide', widening='rewrite')\n"
        "def wide():\n"
        "    return ls.read_files('widening', format='csv', header=True,\n"
        "        schema_evolution='add_new_columns_with_type_widening')\n"
    )
    Path("widening").mkdir()
    Path("widening/a.csv").write_text("id\n1\n")
    lakestream("run", "wide:wide")
    Path("widening/b.csv").write_text("id,note\n3000000000,x\n")

    ran = lakestream("run", "wide:wide").stdout

    assert "1 new column in the table: note" in ran
    assert "1 wider column in the table: id" in ran
    shown = lakestream("schema", "wide:wide", "--history").stdout
    assert "~ id INT -> BIGINT" in shown


def test_schema_when_files_brought_a_column_then_history_tells_which_and_when() -> None:
    lakestream("run", "pipeline:orders")
    Path("landing/c.json").write_text('{"id": 4, "buyer": {"name": "Ada"}}\n')
    lakestream("run", "pipeline:orders")
    Path("landing/d.json").write_text('{"id": 5, "buyer": {"name": "Ada", "age": 7}}\n')
    ran = lakestream("run", "pipeline:orders").stdout

    shown = lakestream("schema", "pipeline:orders", "--history").stdout
    found = json.loads(lakestream("schema", "pipeline:orders", "--history", "--json").stdout)

    assert "1 new column in the table: buyer.age" in ran
    assert "+ buyer.age BIGINT" in shown
    assert [(each["version"], each["cause"]) for each in found] == [
        (0, "inferred"),
        (1, "files"),
        (2, "files"),
    ]
    assert [[c["path"] for c in each["changes"]] for each in found] == [
        [],
        ["buyer"],
        ["buyer.age"],
    ]
    assert all(each["at"] for each in found)


def test_schema_when_diffed_then_tells_what_waiting_files_hold_and_writes_nothing() -> None:
    assert "BIGINT" in lakestream("schema", "pipeline:orders").stdout
    assert not Path("lake").exists()
    Path("landing/w.json").write_text('{"id": 0, "note": "x", "sum": 0.5}\n')
    lakestream("run", "pipeline:orders")
    for each in Path("landing").iterdir():
        each.unlink()
    Path("landing/c.json").write_text('{"id": "four", "city": "Graz", "note": 7, "sum": 1}\n')
    before = sorted(Path("lake").rglob("*"))

    shown = lakestream("schema", "pipeline:orders", "--diff").stdout

    assert "+ city STRING: is added by the batch that brings it" in shown
    assert "~ id BIGINT -> STRING: values that do not fit are rescued" in shown
    assert "- price BIGINT: is null in rows of files without it" in shown
    assert "note" not in shown
    assert "sum" not in shown
    assert sorted(Path("lake").rglob("*")) == before


def test_schema_when_a_hint_is_tried_then_shows_the_columns_or_why_it_cannot_be() -> None:
    fresh = lakestream("schema", "pipeline:orders", "--hint", "price DECIMAL(10,2)").stdout
    lakestream("run", "pipeline:orders")
    later = lakestream("schema", "pipeline:orders", "--hint", "note STRING", "--json")
    refused = lakestream("schema", "pipeline:orders", "--hint", "price DECIMAL(10,2)")

    assert "~ price BIGINT -> DECIMAL(10,2)" in fresh
    (told,) = json.loads(later.stdout)
    assert [each["path"] for each in told["hinted"]] == ["note"]
    assert told["schema"].endswith("`note` STRING")
    assert refused.returncode == 1
    assert "has been bigint since the stream began" in refused.stderr


def test_schema_when_declared_then_hints_are_refused_and_no_history_is_told() -> None:
    declared = PIPELINE.replace('format="json"', 'format="json", schema="id BIGINT"')
    Path("pipeline.py").write_text(declared)

    refused = lakestream("schema", "pipeline:orders", "--hint", "id INT")

    assert refused.returncode == 1
    assert "hints mean nothing" in refused.stderr
    assert "no schema is stored" in lakestream("schema", "pipeline:orders", "--history").stdout
    assert "+ price BIGINT: is left out" in lakestream("schema", "pipeline:orders", "--diff").stdout
    assert lakestream("schema", "pipeline:cheap").returncode == 1


def test_run_when_folders_have_new_keys_then_tells_those_that_are_no_columns() -> None:
    Path("landing/dt=1").mkdir()
    Path("landing/dt=1/z.json").write_text('{"id": 9}\n')
    ran = lakestream("run", "pipeline:orders").stdout

    assert "folders have keys that are no columns: dt" in ran
    assert "+ dt" not in lakestream("schema", "pipeline:orders", "--history").stdout
    diff = lakestream("schema", "pipeline:orders", "--diff").stdout
    assert "+ dt INT: is left out, and told as a folder that gives no column" in diff
