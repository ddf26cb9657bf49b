"""The parsing rulings from files on disk to a table and its quarantine, plain and compressed."""

from __future__ import annotations

import bz2
import gzip
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from support.rulings.model import File, Value
from support.rulings.page import GROUPS
from support.rulings.runs import as_file, expected, plain, without_path

import lakestream as ls

#: By format, schema and options, so that one table reads all that goes together.
SOURCES: dict[tuple[str, str, str], list[File]] = defaultdict(list)
for _group in GROUPS:
    _name = _group.title.partition(":")[0].lower()
    for _each in _group.rulings:
        _file = as_file(_each, _name) if isinstance(_each, Value) else _each
        SOURCES[_name, _file.schema, repr(_file.options)].append(_file)
PACKED = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".two.gz": None}


def packed(ending: str, data: bytes) -> bytes:
    if ending == ".two.gz":  # a file of two members, cut anywhere
        return gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :])
    return PACKED[ending](data)


@pytest.mark.parametrize("source", SOURCES, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(SOURCES)])
def test_p1_p6_p7_ruling_when_read_into_a_table_then_the_same_compressed_or_not(
    source: tuple[str, str, str], tmp_path: Path
) -> None:
    name, schema, _ = source
    landing = tmp_path / "landing"
    landing.mkdir()
    says = {}
    for file in SOURCES[source]:
        for ending in PACKED:
            key = f"{file.id}.{name}{ending}"
            (landing / key).write_bytes(packed(ending, file.data))
            says[key] = expected(file.gives)
    options = SOURCES[source][0].options

    @ls.streaming_table(str(tmp_path / "table"))
    def table() -> Any:
        return ls.read_files(
            str(landing), format=name, schema=schema, rescued_data_column="_rescued_data",
            metadata_column="_metadata", **options,
        )  # fmt: skip

    table.run()

    rows, bad = defaultdict(list), defaultdict(list)
    read = table.read().read_all()
    for *values, rescued, metadata in zip(*(c.to_pylist() for c in read.columns), strict=True):
        rows[metadata["file_name"]].append(plain(*values, without_path(rescued)))
    for record in table.quarantine().to_pylist():
        bad[record["file_key"]].append((record["line"], record["code"]))
    for key, each in says.items():
        assert sorted(rows[key]) == sorted(each.rows), key
        if each.failure is None:
            assert sorted(bad[key]) == each.bad, key
        else:
            assert [line for line, _ in bad[key]] == [None], key
