from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import WriterProperties, write_deltalake

from lakestream.delta.durability import is_whole

PAGE = 4096


NOISE = os.urandom(50_000)
CONTENTS: dict[str, list[Any]] = {
    "numbers": [0] * 50_000,
    "zeros": [bytes(100_000)] * 3,
    "zeros in noise": [NOISE + bytes(50_000) + NOISE, NOISE + bytes(50_000)],
    "noise": [NOISE],
}


def written(folder: Path, content: list[Any]) -> Path:
    write_deltalake(
        folder,
        pa.table({"x": content}),
        writer_properties=WriterProperties(compression="ZSTD", compression_level=1),
    )
    return next(folder.glob("*.parquet"))


@pytest.mark.parametrize("content", CONTENTS)
def test_file_when_it_holds_zeros_is_whole(tmp_path: Path, content: str) -> None:
    """No false alarm: blobs of zeros leave pages of zeros in the footer, and only there."""
    path = written(tmp_path, CONTENTS[content])
    assert is_whole(path)
    pages = range(0, path.stat().st_size, PAGE)
    assert any(not any(path.read_bytes()[at : at + PAGE]) for at in pages) == ("zeros" in content)


def test_file_when_a_page_did_not_reach_the_disk_is_not_whole(tmp_path: Path) -> None:
    path = written(tmp_path, [bytes(f"{n}", "ascii") + os.urandom(20) for n in range(2_000)])
    content = path.read_bytes()
    assert len(content) > 5 * PAGE
    for start in range(0, len(content), PAGE):
        lost = min(PAGE, len(content) - start)
        path.write_bytes(content[:start] + bytes(lost) + content[start + lost :])
        assert not is_whole(path), f"at {start} of {len(content)}"
    path.write_bytes(content)
    assert is_whole(path)


@pytest.mark.parametrize("end", [0, 3, 11, -9, -1])
def test_file_when_cut_short_is_not_whole(tmp_path: Path, end: int) -> None:
    path = written(tmp_path, ["a", "b"])
    path.write_bytes(path.read_bytes()[:end])
    assert not is_whole(path)


def test_file_when_its_footer_does_not_parse_is_not_whole(tmp_path: Path) -> None:
    path = written(tmp_path, CONTENTS["zeros"])
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[: -8 - length] + bytes(length) + content[-8:])
    assert not is_whole(path)
