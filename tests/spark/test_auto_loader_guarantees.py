"""Guarantees of Auto Loader that only whole pipelines show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lakestream as ls
from lakestream.errors import CheckpointMismatchError
from lakestream.spark import spark


def land(file: Path, *ids: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({"id": each}) + "\n" for each in ids))


def declare(table: Path, path: str, *, name: str, checkpoint: Path) -> ls.StreamingTable:
    @ls.streaming_table(str(table), name=name, checkpoint=str(checkpoint))
    def orders() -> ls.Stream:
        reader = spark.readStream.format("cloudFiles").schema("id INT")
        return reader.option("cloudFiles.format", "json").load(path)

    return orders


def ids_in(table: ls.StreamingTable) -> list[int]:
    return sorted(row["id"] for row in table.read().read_all().to_pylist())


@pytest.mark.parametrize("other", ["new/orders", "old", "old/orders/deep"])
def test_path_when_changed_to_another_folder_then_refused_and_nothing_is_read(
    tmp_path: Path, other: str
) -> None:
    land(tmp_path / "old/orders/deep/a.json", 1)
    land(tmp_path / "new/orders/deep/a.json", 2)
    place = {"name": "orders", "checkpoint": tmp_path / "checkpoint"}
    table = declare(tmp_path / "table", str(tmp_path / "old/orders"), **place)
    table.run()

    with pytest.raises(CheckpointMismatchError):
        declare(tmp_path / "table", str(tmp_path / other), **place).run()

    assert ids_in(table) == [1]


def test_path_when_its_pattern_is_changed_then_files_that_were_read_stay_known(
    tmp_path: Path,
) -> None:
    land(tmp_path / "orders/a.json", 1)
    land(tmp_path / "orders/a.txt", 2)
    place = {"name": "orders", "checkpoint": tmp_path / "checkpoint"}
    declare(tmp_path / "table", str(tmp_path / "orders/*.json"), **place).run()
    wider = declare(tmp_path / "table", str(tmp_path / "orders/*.{json,txt}"), **place)

    wider.run()

    assert ids_in(wider) == [1, 2]


def test_globber_when_nothing_is_said_then_it_is_lax_as_auto_loaders(tmp_path: Path) -> None:
    land(tmp_path / "orders/deep/a.json", 1)
    land(tmp_path / "orders/b.json.new", 2)
    table = declare(
        tmp_path / "table",
        str(tmp_path / "orders/*.json"),
        name="orders",
        checkpoint=tmp_path / "checkpoint",
    )

    table.run()

    assert ids_in(table) == [1, 2]


def test_streams_when_several_feed_one_table_then_each_row_is_there_once(tmp_path: Path) -> None:
    names = ["east", "west"]
    streams = [
        declare(
            tmp_path / "table", str(tmp_path / name), name=name, checkpoint=tmp_path / f"c-{name}"
        )
        for name in names
    ]
    for round_ in range(2):
        for number, name in enumerate(names):
            land(tmp_path / name / f"{round_}.json", 10 * round_ + number)
        for stream in streams:
            stream.run()

    assert ids_in(streams[0]) == [0, 1, 10, 11]
