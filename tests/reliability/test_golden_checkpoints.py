"""K2, K3: a lake as the first checkpoint format wrote it, whole and damaged, read today."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support import golden_lake
from support.oracle import rows_of_files

from lakestream.errors import LakestreamError

DAMAGED = tomllib.loads((golden_lake.GOLDEN / "damaged.toml").read_text(encoding="utf-8"))
CASES = DAMAGED["damaged"]
OUTCOME = {"name", "code", "says"}
V1 = "32316cd5ea06d20dba1d5612edf3a6cc2d3cab71150c46d068704fc00c4411d6"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    golden_lake.take("v1", tmp_path / "lake")
    return tmp_path / "lake"


def _land(lake: Path, number: int) -> None:
    record = {"id": number, "name": "new", "price": "9.99", "day": "2026-11-02"}
    (lake / "landing" / f"{number}.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


def _rows(lake: Path) -> list[dict[str, Any]]:
    table = golden_lake.declared(lake)
    return [row for batch in table.read() for row in batch.to_pylist()]


def _ids(lake: Path) -> Counter[Any]:
    return Counter(row["id"] for row in _rows(lake))


def _assert_goes_on(lake: Path) -> None:
    for number in (901, 902):
        _land(lake, number)
        golden_lake.declared(lake).run()
    assert golden_lake.declared(lake).run() == []
    assert _ids(lake) == Counter(
        key for (key,) in rows_of_files(lake / "landing", ["id"]).elements()
    )
    logs = lake / "table" / "_lakestream"
    for log in ("offsets", "commits"):
        found = sorted(int(p.name) for p in (logs / log).iterdir() if p.name in map(str, range(20)))
        assert found == list(range(found[0], 14))


def test_k3_golden_lake_when_kept_then_not_one_byte_of_it_changes() -> None:
    assert golden_lake.digest(golden_lake.GOLDEN / "v1") == V1


def test_k3_golden_lake_when_its_format_is_the_first_then_today_goes_on(lake: Path) -> None:
    _assert_goes_on(lake)

    rows = {row["id"]: row for row in _rows(lake)}
    assert rows[111] == {
        "id": 111,
        "name": "n1",
        "price": Decimal("11.10"),
        "at": dt.datetime(2026, 11, 12, 8, 0, 1, tzinfo=dt.UTC),
        "tags": ["a"],
        "day": "2026-11-02",
        "_rescued_data": None,
        "late": {"x": 11},
    }
    assert rows[901]["price"] == Decimal("9.99")


def test_k3_golden_lake_when_read_then_files_batches_and_quarantine_are_told(lake: Path) -> None:
    table = golden_lake.declared(lake)

    files = {each.key: each for each in table.files()}
    assert {key: each.batch_id for key, each in files.items()} == {
        f"{number:02d}.json": number for number in range(12)
    }
    assert {each.state for each in files.values()} == {"committed"}
    (bad,) = table.quarantine().to_pylist()
    assert (bad["file_key"], bad["line"], bad["batch_id"]) == ("05.json", 4, 5)
    assert bad["raw"] == b'{"id": 99, "name": "broken"'


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_k2_golden_lake_when_damaged_then_it_stops_by_code_or_each_row_is_there_once(
    lake: Path, case: dict[str, Any]
) -> None:
    golden_lake.damage(lake, {act: on for act, on in case.items() if act not in OUTCOME})
    if "code" not in case:
        _assert_goes_on(lake)
        return
    _land(lake, 901)
    before = golden_lake.contents(lake)
    for _ in range(2):
        with pytest.raises(LakestreamError) as caught:
            golden_lake.declared(lake).run()
        assert (caught.value.code, case["says"] in caught.value.what) == (case["code"], True)
        assert str(lake) in str(caught.value.where)
        assert caught.value.fix
    after = golden_lake.contents(lake)
    assert {path: after.get(path) for path in before} == before
    # What was found and planned before the damage showed is kept, and nothing else.
    assert {path.rpartition("/")[2].lstrip("0") for path in after.keys() - before.keys()} <= {"12"}
