"""XML files from a folder to a table, its quarantine and its schema."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

import lakestream as ls


def books(*rows: str, head: str = "") -> bytes:
    return f"{head}<books>\n{''.join(f'{row}{chr(10)}' for row in rows)}</books>\n".encode()


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


def table_of(landing: Path, **options: Any) -> ls.StreamingTable:
    @ls.streaming_table(str(landing.parent / "table"))
    def table() -> ls.Stream:
        return ls.read_files(str(landing), format="xml", row_tag="book", **options)

    return table


def test_xml_when_fields_come_then_the_table_has_them_and_no_row_is_lost(landing: Path) -> None:
    (landing / "a.xml").write_bytes(
        books("<book id='1'><title>A</title></book>", "<book id='2'><title>B</titl></book>")
    )
    table = table_of(landing, metadata_column="_metadata")
    table.run()
    many = [f"<book id='{n}'><title>T{n}</title></book>" for n in range(3, 3_003)]
    (landing / "b.xml.gz").write_bytes(gzip.compress(books(*many)))
    (landing / "c.xml").write_bytes(
        books("<book id='x'><price cur='EUR'>1.50</price><tag>p</tag><tag>q</tag></book>")
    )
    table.run()

    rows = table.read().read_all().to_pylist()
    assert len(rows) == 3_002
    ids = sorted(row["_id"] for row in rows if row["_id"] is not None)
    assert ids == [1, *range(3, 3_003)]
    (last,) = [row for row in rows if row["_id"] is None]
    assert last["price"] == {"_cur": "EUR", "_VALUE": 1.5}
    assert last["tag"] == ["p", "q"]
    assert last["_rescued_data"].startswith('{"_id":"x","_file_path":"')
    (bad,) = table.quarantine().to_pylist()
    assert (bad["file_key"], bad["line"], bad["code"]) == ("a.xml", 3, "malformed_xml")
    assert bad["raw"] == b"<book id='2'><title>B</titl></book>"


def test_p10_xml_when_it_has_a_dtd_then_the_file_is_quarantined_and_the_rest_is_read(
    landing: Path,
) -> None:
    secret = landing.parent / "secret"
    secret.write_text("s3cr3t")
    head = f'<!DOCTYPE books [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    (landing / "bad.xml").write_bytes(books("<book><title>&x;</title></book>", head=head))
    (landing / "good.xml").write_bytes(books("<book><title>A</title></book>"))
    table = table_of(landing, schema="title STRING")
    table.run()

    assert table.read().read_all().to_pylist() == [{"title": "A"}]
    (bad,) = table.quarantine().to_pylist()
    assert (bad["file_key"], bad["line"]) == ("bad.xml", None)
    assert "document type declaration" in bad["reason"]
    assert "s3cr3t" not in repr(bad)
