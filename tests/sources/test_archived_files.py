"""Archives that land: each member is a file, the archive is what the ledger knows."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from support.fault_pipeline import Pipeline

import lakestream as ls
from lakestream.errors import BadRecordError, ConfigError
from lakestream.formats import archives
from lakestream.sources.files import fetch, members

Pack = Callable[[Mapping[str, bytes]], bytes]


def zipped(files: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    target = io.BytesIO()
    kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload]  # a parameter
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


PACKS: dict[str, Pack] = {
    "a.zip": zipped,
    "a.tar": tarred,
    "a.tar.gz": lambda files: tarred(files, "w:gz"),
    "a.txz": lambda files: tarred(files, "w:xz"),
}


def _file(kind: str, first: int, count: int) -> bytes:
    """Make a file of rows ``id``, in any of the formats."""
    ids = range(first, first + count)
    table = pa.table({"id": pa.array(ids, pa.int64())})
    target = io.BytesIO()
    match kind:
        case "json":
            return b"".join(b'{"id": %d}\n' % each for each in ids)
        case "csv":
            return b"id\n" + b"".join(b"%d\n" % each for each in ids)
        case "text":
            return b"".join(b"line %d\n" % each for each in ids)
        case "xml":
            return b"<all>" + b"".join(b"<r><id>%d</id></r>" % each for each in ids) + b"</all>"
        case "parquet":
            pq.write_table(table, target)
        case "orc":
            orc.write_table(table, target)
        case "avro":
            schema = {"type": "record", "name": "r", "fields": [{"name": "id", "type": "long"}]}
            fastavro.writer(target, schema, table.to_pylist())
        case _:
            return bytes(ids)
    return target.getvalue()


OPTIONS: dict[str, dict[str, Any]] = {
    "json": {},
    "csv": {"header": True},
    "text": {},
    "xml": {"row_tag": "r"},
    "parquet": {},
    "orc": {},
    "avro": {},
    "binaryFile": {"archives": True},
}


@pytest.mark.parametrize("ranged", [False, True], ids=["held", "in ranges"])
@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("kind", OPTIONS)
def test_archive_of_files_then_the_rows_of_the_files_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, pack: str, *, ranged: bool
) -> None:
    if ranged:
        monkeypatch.setattr(fetch, "_WHOLE_BYTES", 100)
        monkeypatch.setattr(members, "_WINDOW_BYTES", 300)
        monkeypatch.setattr(members, "_STEP_BYTES", 50)
    files = {f"x/{at}.dat": _file(kind, 10 * at, 10) for at in range(5)}
    files["__MACOSX/x/0.dat"] = files[".hidden"] = files["x/_temporary/0.dat"] = b"\0\1"
    plain = Pipeline(tmp_path / "plain", format=kind, **OPTIONS[kind])
    packed = Pipeline(tmp_path / "packed", format=kind, **OPTIONS[kind])
    for name, data in files.items():
        plain.land(name, data)
    packed.land(pack, PACKS[pack](files))
    packed.land("b.dat", _file(kind, 50, 10))
    plain.land("b.dat", _file(kind, 50, 10))
    column = {"text": "value", "binaryFile": "content"}.get(kind, "id")

    plain.table.run()
    packed.table.run()

    assert packed.rows(column) == plain.rows(column)
    assert packed.rows(column).total() == (6 if kind == "binaryFile" else 60)
    assert set(packed.files()) == {pack, "b.dat"}
    assert packed.files()[pack].rows == packed.rows(column).total() * 5 // 6
    assert packed.quarantine() == []
    packed.again().run()
    assert packed.rows(column) == plain.rows(column)


def test_rows_of_a_member_then_they_tell_its_name_and_the_archives_place(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, metadata_column="m", schema_hints="id BIGINT")
    one, two = b'{"id": 1}\n', b'{"id": "x y"}\n{"id":\n'
    pipeline.land("day=2/a.zip", zipped({"day=9/one.json": one, "../t wo.json": two}))

    pipeline.table.run()

    archive = f"file://{tmp_path}/landing/day%3D2/a.zip"
    rows = [row for batch in pipeline.table.read() for row in batch.to_pylist()]
    assert [
        (row["id"], row["day"], row["m"]["file_path"], row["m"]["file_name"], row["m"]["file_size"])
        for row in rows
    ] == [
        (1, 2, f"{archive}!/day%3D9/one.json", "one.json", len(one)),
        (None, 2, f"{archive}!/t%20wo.json", "t wo.json", len(two)),
    ]
    assert {row["m"]["seq"] for row in rows} == {0}
    assert f'"_file_path":"{archive}!/t%20wo.json"' in rows[1]["_rescued_data"].replace("\\/", "/")
    assert [(each["file_key"], each["line"], each["raw"]) for each in pipeline.quarantine()] == [
        ("day=2/a.zip!/t wo.json", 2, b'{"id":')
    ]


@pytest.mark.parametrize("pack", ["a.zip", "a.tar.gz"])
def test_record_of_a_member_when_replayed_then_read_with_its_header_and_its_place(
    tmp_path: Path, pack: str
) -> None:
    pipeline = Pipeline(tmp_path, format="csv", schema_hints="id BIGINT", metadata_column="m")
    files = {"../first.csv": b"n,id\n1,1\n", "day=9/bad.csv": b"id,n\n2,1\n3\n"}
    pipeline.land(f"day=2/{pack}", PACKS[pack](files))
    pipeline.table.run()
    (bad,) = pipeline.quarantine()
    assert (bad["file_key"], bad["line"]) == (f"day=2/{pack}!/day=9/bad.csv", 3)

    pipeline.table.replay_quarantined(edits={bad["id"]: "3,7"}, reason="cut short")
    pipeline.table.run()

    assert pipeline.rows("id", "n", "day") == {(1, 1, 2): 1, (2, 1, 2): 1, (3, 7, 2): 1}
    rows = [row for batch in pipeline.table.read() for row in batch.to_pylist()]
    assert len({row["m"]["file_path"] for row in rows if row["id"] > 1}) == 1


@pytest.mark.parametrize(
    ("files", "cut", "why"),
    [
        ({"1": b'{"id": 1}\n' * 9, "2.json.gz": gzip.compress(b"{}")[:-3]}, 0, "member 2.json.gz"),
        ({"1": b'{"id": 1}\n' * 9, "inner.tar.gz": b""}, 0, "member inner.tar.gz"),
        ({"1": b'{"id": 1}\n' * 9}, 30, "cut off"),
    ],
)
@pytest.mark.parametrize("pack", PACKS)
def test_archive_when_a_part_cannot_be_read_then_it_is_in_quarantine_whole(
    tmp_path: Path, pack: str, files: dict[str, bytes], cut: int, why: str
) -> None:
    pipeline = Pipeline(tmp_path, schema="id INT")
    data = PACKS[pack](files)
    end = len(data) - cut if pack != "a.tar" or not cut else 600
    pipeline.land(pack, data[:end])
    pipeline.land("b.json", {"id": 7})

    pipeline.table.run()

    assert pipeline.rows() == {(7,): 1}
    (bad,) = pipeline.quarantine()
    assert (bad["file_key"], bad["line"], bad["code"]) == (pack, None, "LS-SRC-006")
    assert why in bad["reason"]
    assert pipeline.files()[pack].state == "quarantined"
    pipeline.land(pack, PACKS[pack]({"1": b'{"id": 1}\n' * 9}))
    pipeline.table.act_on_files("replay", pack, reason="written again")
    pipeline.table.run()
    assert pipeline.rows() == {(7,): 1, (1,): 9}


def test_archives_when_off_then_a_zip_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, schema="id INT", archives=False)
    pipeline.land("a.zip", zipped({"a.json": b'{"id": 1}\n'}))

    pipeline.table.run()

    (bad,) = pipeline.quarantine()
    assert "compressed with zip" in bad["reason"]
    assert pipeline.rows() == {}


def test_archives_when_a_glob_then_only_members_of_that_name(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, archives="*.{json,jsonl}")
    files = {"x/a.json": b'{"id": 1}\n', "README.txt": b"hello", "b.jsonl": b'{"id": 2}\n'}
    pipeline.land("a.zip", zipped({**files, "inner.zip": b"never opened"}))
    pipeline.land("b.txt", {"id": 3})

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (2,): 1, (3,): 1}
    assert pipeline.quarantine() == []


def test_binary_files_then_an_archive_is_its_bytes_unless_asked_for(tmp_path: Path) -> None:
    data = zipped({"a": b"1", "inner.zip": b"2"})
    pipeline = Pipeline(tmp_path / "plain", format="binaryFile")
    opened = Pipeline(tmp_path / "opened", format="binaryFile", archives=True)
    for each in (pipeline, opened):
        each.land("a.zip", data)
        each.table.run()

    assert pipeline.rows("content") == {(data,): 1}
    assert opened.rows("content", "length") == {(b"1", 1): 1, (b"2", 1): 1}


def test_archive_without_files_then_recorded_and_no_rows(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, schema="id INT")
    for name, pack in PACKS.items():
        pipeline.land(name, pack({}))
    pipeline.land("empty.zip", b"")

    pipeline.table.run()

    assert pipeline.rows() == {}
    assert {each.state for each in pipeline.files().values()} == {"committed"}


def test_archive_with_one_name_twice_then_both(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.json", b'{"id": 1}\n')
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.json", b'{"id": 2}\n')
    pipeline.land("a.zip", target.getvalue())

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (2,): 1}


@pytest.mark.parametrize("members", [1, 40], ids=["one", "many"])
def test_archive_over_the_limits_then_in_quarantine_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: int
) -> None:
    monkeypatch.setattr(archives, "COMPRESSION_RATIO_FROM_BYTES", 2**16)
    monkeypatch.setattr(archives, "MAX_COMPRESSION_RATIO", 100)
    pipeline = Pipeline(tmp_path, schema="id INT")
    inner = gzip.compress(b'{"id": 1}\n' * (200_000 // members))
    pipeline.land("bomb.zip", zipped({f"{each}.json.gz": inner for each in range(members)}))
    pipeline.land("b.json", {"id": 7})

    pipeline.table.run()

    assert pipeline.rows() == {(7,): 1}
    (bad,) = pipeline.quarantine()
    assert "unpacks to more than" in bad["reason"]


@pytest.mark.parametrize("pack", ["a.zip", "a.tar"])
@pytest.mark.parametrize(
    ("kind", "options", "bad"),
    [
        ("json", {}, b"x\n"),
        ("json", {"multi_line": True}, b'{"id":'),
        ("csv", {"header": True}, b'id\n"1" 2\n'),
        ("xml", {"row_tag": "r"}, b"<all><r><id>1</r></all>"),
    ],
    ids=["json", "multi_line", "csv", "xml"],
)
def test_archive_when_its_last_member_has_but_bad_records_then_they_are_in_quarantine(
    tmp_path: Path, pack: str, kind: str, options: dict[str, Any], bad: bytes
) -> None:
    pipeline = Pipeline(tmp_path, format=kind, schema="id INT", **options)
    pipeline.land(pack, PACKS[pack]({"bad.dat": bad}))

    pipeline.table.run()

    found = pipeline.quarantine()
    assert {(each["file_key"], each["line"] is None) for each in found} == {
        (f"{pack}!/bad.dat", False)
    }
    assert pipeline.rows() == {}
    assert pipeline.files()[pack].bad == len(found)


def test_batch_when_members_have_more_bad_records_than_allowed_then_stopped_and_one_named(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline(tmp_path, schema="id INT", max_bad_records=1)
    pipeline.land("a.zip", zipped({"good.json": b'{"id": 1}\n', "bad.json": b"x\n" * 2}))

    with pytest.raises(BadRecordError, match="max_bad_records=1") as caught:
        pipeline.table.run()

    assert str(caught.value.where).endswith("a.zip!/bad.json")


@pytest.mark.parametrize("wanted", [1, b"*.csv", "[a"])
def test_archives_option_of_another_kind_then_an_error(wanted: Any) -> None:
    with pytest.raises(ConfigError, match="archives"):
        ls.read_files("landing", format="json", archives=wanted)
