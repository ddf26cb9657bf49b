"""Avro and ORC through a whole pipeline: each file once, new columns in the batch that has them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from pyarrow import orc

import lakestream as ls
from lakestream import Stream


def _avro(rows: list[dict[str, Any]]) -> bytes:
    kinds = {int: "long", str: "string"}
    fields = [{"name": name, "type": kinds[type(value)]} for name, value in rows[0].items()]
    out = io.BytesIO()
    fastavro.writer(out, {"type": "record", "name": "order", "fields": fields}, rows)
    return out.getvalue()


def _orc(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    orc.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


WRITERS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {"avro": _avro, "orc": _orc}


@pytest.mark.parametrize("name", WRITERS)
def test_files_of_typed_formats_land_once_with_new_columns(tmp_path: Path, name: str) -> None:
    landing, write = tmp_path / "landing", WRITERS[name]
    landing.mkdir()
    read: Any = ls.read_files

    @ls.streaming_table(path=tmp_path / "orders")
    def orders() -> Stream:
        stream: Stream = read(landing, format=name, metadata_column="file")
        return stream

    first = [{"id": 1, "city": "Oslo"}, {"id": 2, "city": "Rom"}]
    (landing / f"1.{name}").write_bytes(write(first))
    orders.run(trigger=ls.available_now())
    (landing / f"2.{name}").write_bytes(write([{"id": 3, "city": "Bern", "vip": 7}]))
    (landing / f"3.{name}").write_bytes(b"neither of the two")
    orders.run(trigger=ls.available_now())
    orders.run(trigger=ls.available_now())

    rows = sorted(orders.read().read_all().to_pylist(), key=lambda row: row["id"])
    assert [(row["id"], row["city"], row["vip"]) for row in rows] == [
        (1, "Oslo", None), (2, "Rom", None), (3, "Bern", 7),
    ]  # fmt: skip
    states = {each.key: each.state for each in orders.files()}
    committed = dict.fromkeys((f"1.{name}", f"2.{name}"), "committed")
    assert states == {**committed, f"3.{name}": "quarantined"}
