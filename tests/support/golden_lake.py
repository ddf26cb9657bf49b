"""The lakes kept below ``tests/golden``: taken out of their frozen folder, moved, damaged.

Nothing here asks the product how an entry is written: the rules are those of the format that the
lake was made with, written down once more.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import lakestream as ls
from lakestream.streaming_table import StreamingTable

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "checkpoints"
#: Where the kept lakes say that they are.
HOME: Final = "/lake"
_LOG_CHECKSUM: Final = re.compile(rb'checksum":"([0-9a-f]{64})"')


def declared(lake: Path) -> StreamingTable:
    """Declare the table of a golden lake, wherever it lies."""

    @ls.streaming_table(str(lake / "table"), name="golden", partition_by=["day"])
    def golden() -> ls.Stream:
        return ls.read_files(
            str(lake / "landing"), format="json", schema_hints="price DECIMAL(10,2), at TIMESTAMP"
        )

    return golden


def take(version: str, lake: Path) -> None:
    """Copy a kept lake and tell its checkpoint and table where they are now."""
    shutil.copytree(GOLDEN / version, lake)
    move(lake, HOME, lake)


def move(lake: Path, old: object, new: object) -> None:
    """Write into a lake's checkpoint and table that its folder is another one."""
    metadata = lake / "table" / "_lakestream" / "metadata"
    metadata.write_bytes(sealed(metadata.read_bytes().replace(_quoted(old), _quoted(new))))
    first = lake / "table" / "_delta_log" / f"{0:020d}.json"
    first.write_bytes(first.read_bytes().replace(_quoted(old), _quoted(new)))


def digest(folder: Path) -> str:
    """Give one digest of the names and bytes of all files below a folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def contents(folder: Path) -> dict[str, bytes]:
    """Give the bytes of all files below a folder, without the claims of runs."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "epochs"
    }


def sealed(data: bytes, batch_id: int = 0) -> bytes:
    """Give an entry of the checkpoint with the checksum that fits what it says.

    Args:
        data: The entry.
        batch_id: The batch, if it is one of a log: its checksum is over the number as well.
    """
    if data.startswith(b"v"):
        old = _LOG_CHECKSUM.search(data)
        assert old is not None, "no sealed entry"
        bare = data.replace(old.group(1), b"0" * 64)
        checksum = hashlib.sha256(f"{batch_id}\n".encode() + bare).hexdigest()
        return data.replace(old.group(1), checksum.encode())
    tree = json.loads(data)
    del tree["checksum"]
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({**tree, "checksum": checksum}, indent=1).encode()


def damage(lake: Path, patch: Mapping[str, Any]) -> None:
    """Do to a lake what a case of ``damaged.toml`` says.

    Args:
        lake: A lake that was taken.
        patch: Acts and what they act on, in order; see the head of that file.
    """
    for act, objects in patch.items():
        _ACTS[act](lake / "table", objects)


def _delete(table: Path, patterns: list[str]) -> None:
    for path in _found(table, patterns):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _empty(table: Path, patterns: list[str]) -> None:
    for path in _found(table, patterns):
        path.write_bytes(b"")


def _halve(table: Path, patterns: list[str]) -> None:
    for path in _found(table, patterns):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])


def _put(table: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (table / name).parent.mkdir(parents=True, exist_ok=True)
        (table / name).write_text(text, encoding="utf-8")


def _copy(table: Path, pairs: Mapping[str, str]) -> None:
    for target, source in pairs.items():
        (table / target).write_bytes(_found(table, [source])[0].read_bytes())


def _replace(table: Path, changes: Mapping[str, list[str]]) -> None:
    for name, (old, new) in changes.items():
        for path in _found(table, [name]):
            data = path.read_bytes()
            assert old.encode() in data, f"{name} does not hold {old}"
            path.write_bytes(data.replace(old.encode(), new.encode()))


def _seal(table: Path, patterns: list[str]) -> None:
    for path in _found(table, patterns):
        batch_id = int(path.name) if path.name.isdigit() else 0
        path.write_bytes(sealed(path.read_bytes(), batch_id))


_ACTS: Final[Mapping[str, Callable[[Path, Any], None]]] = {
    "delete": _delete,
    "empty": _empty,
    "halve": _halve,
    "put": _put,
    "copy": _copy,
    "replace": _replace,
    "seal": _seal,
}


def _found(table: Path, patterns: list[str]) -> list[Path]:
    found = [path for pattern in patterns for path in sorted(table.glob(pattern))]
    assert found, f"nothing fits {patterns}"
    return found


def _quoted(path: object) -> bytes:
    return str(path).encode()
