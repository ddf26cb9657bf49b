"""XML: what becomes of elements, wherever the file is cut, and that nothing reaches out."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.format_runs import decode, plan_of
from support.rulings.model import Bad, Fails, Outcome, Row
from support.rulings.runs import Finding, alone, expected, infer, plan_for
from support.volume import examples

from lakestream.errors import BadRecordError, ConfigError, NewColumnsError, SchemaInferenceError
from lakestream.formats.xml import XmlFormat
from lakestream.formats.xml_rows import ATTRIBUTES, RowScanner
from lakestream.limits import MAX_DEPTH, MAX_RECORD_BYTES
from lakestream.plan import types as t

SCHEMA = "a BIGINT, b STRING"


def by_every_path(data: bytes, schema: str, **options: Any) -> Finding:
    """Decode a file alone, in chunks, cut at every byte and between others; all must agree."""
    form, plan = XmlFormat(row_tag="r", **options), plan_for(schema)
    (usual,) = alone(form, data, plan)
    for step in (1, 7):
        assert alone(form, data, plan, step=step) == [usual], step
    other = b"<x><r><b>other</b></r></x>"
    files = {"v": other, "x": data, "y": data, "z": other}
    found = decode(form, files, plan_of(schema))
    mine = [len(found.rows_of(1)), len(found.rows_of(2))]
    assert mine == ([len(usual.rows)] * 2 if usual.failure is None else [0, 0])
    return usual


def row(a: Any, b: Any = None, rescued: str | None = None) -> Row:
    return Row((a, b), rescued)


@pytest.mark.parametrize(
    ("data", "gives"),
    [
        (b"<x><r><a>1</a><b>x</b></r><r><a>2</a></r></x>", [row(1, "x"), row(2)]),
        (b"<r><a>1</a></r>", [row(1)]),
        (b"<r/><r></r>\n<r />", [row(None), row(None), row(None)]),
        (b"<x/>", []),
        (b"", []),
        (b" \n", []),
        (b"<x><rr><a>1</a></rr><R><a>1</a></R><n:r><a>1</a></n:r></x>", []),
        (b"<r\n>\n<a\t>1</a ></r\n>", [row(1)]),
        (b"<r><a/><b/></r>", [row(None, "")]),
        (b"<r><a> 1 </a><b> x\ny </b></r>", [row(1, "x\ny")]),
        (b"<r><b>x &amp; &lt;y&gt; &#x20ac;&#8364; &quot;&apos;</b></r>",
         [row(None, "x & <y> \u20ac\u20ac \"'")]),
        (b"<r><b><![CDATA[<a>1</a> &amp;]]></b></r>", [row(None, "<a>1</a> &amp;")]),
        (b"<r><b>x<!-- no -->y<?no way?>z</b></r>", [row(None, "xyz")]),
        (b"<r><b>x<c>1</c>y</b></r>", [row(None, "x<c>1</c>y")]),
        (b'<r><b c="1>2">x</b></r>', [row(None, "x")]),
        (b'<r><b c="1"> x &amp;<![CDATA[<y>]]><!-- no --> </b></r>', [row(None, "x &<y>")]),
        (b'<r><b c="1"/></r>', [row(None, "")]),
        (b"<r><a>x</a></r>", [row(None, None, '{"a":"x"}')]),
        (b"<r><a>1.0</a></r>", [row(None, None, '{"a":"1.0"}')]),
        (b"<r><a><c>1</c></a></r>", [row(None, None, '{"a":{"c":"1"}}')]),
        (b"<r><a>1</a><a>2</a><b>x</b><b>y</b></r>", [row(None, '["x","y"]', '{"a":["1","2"]}')]),
        (b"<r><a>1</a><z>007</z></r>", [row(1, None, '{"z":"007"}')]),
        (b"<r><a>1</a><z/></r>", [row(1, None, '{"z":""}')]),
        (b'<r q="1"><a>1</a>t</r>', [row(1, None, '{"_q":"1","_VALUE":"t"}')]),
        (b"<r><A>1</A></r>", [row(None, None, '{"A":"1"}')]),
        (b"<r><a>1</b></r>\n<r><a>2</a></r>", [Bad(1, "malformed_xml"), row(2)]),
        (b"<r><a>1</r>\n<r><a>2</a></r>", [Bad(1, "malformed_xml"), row(2)]),
        (b"<r><a>1</a>\n<r><a>2</a></r>\n<r><a>3", [Bad(1, "malformed_xml"), row(2),
                                                     Bad(3, "malformed_xml")]),
        (b"<r q=1><a>1</a></r>\n<r><a>2</a></r>", [Bad(1, "malformed_xml"), row(2)]),
        (b"<r q='1' q='2'/>", [Bad(1, "malformed_xml")]),
        (b"<r q='<'/>\n<r/>", [Bad(1, "malformed_xml"), row(None)]),
        (b"</r><r><a>1</a></r></r>", [row(1)]),
        (b"\n<r>&nbsp;</r>\n<r>&#0;</r><r>&</r>", [Bad(2, "malformed_xml")] +
         [Bad(3, "malformed_xml")] * 2),
        (b"<r><b>\xff</b></r><r><a>1</a></r>", [Bad(1, "invalid_encoding"), row(1)]),
        (b"<r><b>\x01</b></r>", [Bad(1, "malformed_xml")]),
        (b"<!-- <r><a>0</a></r> --><r><a>1</a></r><![CDATA[<r/>]]><?r <r/>?>", [row(1)]),
        (b"<r><a>1</a><!-- </r> --><b><![CDATA[</r>]]></b></r>", [row(1, "</r>")]),
        (b"<r><b>x</b><c><r>2</r></c></r>", [row(None, "x", '{"c":{"r":"2"}}')]),
        (b"<r><a>1</a></r><!-- never closed <r/>", [row(1)]),
        (b'<r xmlns="u" xmlns:n="v"><n:a>1</n:a><a>2</a></r>', [row(2, None, '{"n:a":"1"}')]),
        (b"not XML", [Fails("the file has no XML element")]),
        (b'{"a": "1 < 2"}', [Fails("the file has no XML element")]),
    ],
)  # fmt: skip
def test_p6_p7_file_when_read_by_any_path_then_so(data: bytes, gives: list[Outcome]) -> None:
    assert by_every_path(data, SCHEMA) == expected(tuple(gives))


DEEP = b"<a>" * (MAX_DEPTH - 1) + b"1" + b"</a>" * (MAX_DEPTH - 1)


@pytest.mark.parametrize(
    ("data", "gives"),
    [
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x><r><a>1</a></r></x>',
         [Fails("the file has a document type declaration (DTD)")]),
        ((b'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY l "lol"><!ENTITY m "&l;&l;">]>\n'
          b"<x><r><b>&m;</b></r></x>"), [Fails("the file has a document type declaration (DTD)")]),
        ((b'<x><r><!DOCTYPE r [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]><b>&e;</b></r>\n'
          b"<r><a>1</a></r></x>"), [Bad(1, "malformed_xml"), row(1)]),
        (b"<r><b>&xxe;</b></r>", [Bad(1, "malformed_xml")]),
        (b'<r xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd"/></r>',
         [row(None, None, '{"xi:include":{"_href":"/etc/passwd"}}')]),
        (b"<r>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</r>\n<r><a>1</a></r>",
         [Bad(1, "too_deep"), row(1)]),
        (b"<r>" * 3_000, [Bad(1, "malformed_xml")] * 3_000),
    ],
    ids=["external", "expansion", "inner", "entity", "include", "deep", "open"],
)  # fmt: skip
def test_p10_file_when_it_reaches_out_or_explodes_then_refused(
    data: bytes, gives: list[Outcome]
) -> None:
    (found,) = alone(XmlFormat(row_tag="r"), data, plan_for(SCHEMA))
    assert found == expected(tuple(gives))


def test_p10_record_when_as_deep_as_may_be_then_read_and_when_deeper_bad() -> None:
    form = XmlFormat(row_tag="r")
    schema, _ = infer(form, b"<r>" + DEEP + b"</r>")
    assert len(alone(form, b"<r>" + DEEP + b"</r>", plan_for(schema))[0].rows) == 1
    (found,) = alone(form, b"<r><a>" + DEEP + b"</a></r>", plan_for(SCHEMA))
    assert found.bad == [(1, "too_deep")]


def test_p10_record_when_it_has_too_many_tags_then_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakestream.formats.xml_tree.MAX_XML_TAGS", 100)
    data = b"<r>" + b"<a/>" * 99 + b"</r><r>" + b"<b/>" * 98 + b"</r>"
    (found,) = alone(XmlFormat(row_tag="r"), data, plan_for("a ARRAY<INT>"))
    assert found.bad == [(1, "too_many_tags")]
    assert found.counts[0] == 1


@pytest.mark.parametrize(
    ("unit", "found"), [(b"<r>", 50_000), (b"<r><r/>", 100_000), (b"<r/>", 50_000)]
)
def test_p10_rows_when_opened_without_end_then_memory_stays_bounded(
    unit: bytes, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakestream.formats.xml_rows._MAX_INNER", 1_000)
    scanner = RowScanner("r", any_prefix=False, where="x")
    begin = b"<r>" if unit == b"<r/>" else b""
    rows, kept = len(scanner.feed(begin, last=False)), 0
    for at in range(50):
        rows += len(scanner.feed(unit * 1_000, last=at == 49))
        kept = max(kept, len(scanner._starts) + len(scanner._inner))
    assert kept <= 1_001 + MAX_DEPTH
    assert rows == found + len(begin[:1])


def test_attributes_end_before_one_whose_value_is_not_there_yet() -> None:
    """Pythons before 3.11.5 go on from where the last round of "(?:...)*+" failed."""
    found = ATTRIBUTES.match(b" b='x' c=\"y")
    assert found is not None
    assert found[0] == b" b='x' c="


@pytest.mark.parametrize("begin", [b"<r>", b"<r><r>x</r>", b"<r><b>", b"<r q='", b"<r "])
def test_record_when_over_the_limit_then_bad_and_the_next_is_read(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakestream.formats.xml_rows.MAX_RECORD_BYTES", 1_000)
    scanner = RowScanner("r", any_prefix=False, where="x")
    data = begin + b"y" * 20_000 + b"\n<r><a>1</a></r>"
    rows, kept = [], 0
    for at in range(0, len(data), 100):
        rows += scanner.feed(data[at : at + 100], last=at + 100 >= len(data))
        kept = max(kept, len(scanner._buffer))
    assert kept <= 6_000
    assert rows[-1].raw == b"<r><a>1</a></r>"
    assert rows[0].line == 1
    assert rows[-1].line == 2


class Counting:
    """The pattern of a tag's attributes, counting the bytes that it is given."""

    def __init__(self) -> None:
        self.given = 0

    def match(self, data: bytes, at: int) -> Any:
        self.given += len(data) - at
        return ATTRIBUTES.match(data, at)


@pytest.mark.parametrize("begin", [b"<x><r a='", b"<x><r><b/><r a='"])
def test_tag_when_it_comes_in_many_pieces_then_looked_at_a_few_times(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    monkeypatch.setattr("lakestream.formats.xml_rows.ATTRIBUTES", counting)
    scanner = RowScanner("r", any_prefix=False, where="x")
    for piece in (begin, *[b"y" * 100] * 1_000):
        assert scanner.feed(piece, last=False) == []
    assert counting.given < 500_000
    (found,) = scanner.feed(b"'/>" + b"</r>" * begin.count(b"<b/>"), last=True)
    assert found.raw.count(b"y") == 100_000


@pytest.mark.parametrize("noise", [b"<!--", b"<![CDATA[", b"<?", b"<x>", b"text", b"<" + b"x" * 50])
def test_text_between_rows_when_long_then_memory_is_flat(noise: bytes) -> None:
    scanner = RowScanner("r", any_prefix=True, where="x")
    scanner.feed(b"<x><r/>" + noise, last=False)
    for _ in range(100):
        assert scanner.feed(b"z" * 10_000, last=False) == []
    assert len(scanner._buffer) < 20_000
    assert MAX_RECORD_BYTES > 20_000


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("STRING", "x", "x"), ("STRING", "", ""), ("STRING", "007", "007"),
        ("BOOLEAN", "true", True), ("BOOLEAN", "FALSE", False), ("BOOLEAN", "1", True),
        ("BOOLEAN", "0", False), ("BOOLEAN", "yes", None), ("BOOLEAN", "", None),
        ("TINYINT", "127", 127), ("TINYINT", "128", None), ("INT", "+007", 7), ("INT", "1.0", None),
        ("BIGINT", "-9223372036854775808", -(2**63)), ("BIGINT", "9223372036854775808", None),
        ("FLOAT", "1.5", 1.5), ("FLOAT", "1e39", None), ("DOUBLE", "1e3", 1000.0),
        ("DOUBLE", "-INF", float("-inf")), ("DOUBLE", "Inf", None), ("DOUBLE", "1e999", None),
        ("DECIMAL(10,2)", "1.005", Decimal("1.01")), ("DECIMAL(10,2)", "1e9", None),
        ("DATE", "2026-01-02", date(2026, 1, 2)), ("DATE", "2026-13-02", None),
        ("TIMESTAMP", "2026-01-02T03:04:05+01:00", datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("TIMESTAMP_NTZ", "2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5)),
        ("TIMESTAMP_NTZ", "2026-01-02T03:04:05Z", None), ("BINARY", "aGk=", b"hi"),
        ("ARRAY<INT>", "1", [1]), ("ARRAY<INT>", "x", None), ("STRUCT<`_VALUE`: INT>", "1",
                                                             {"_VALUE": 1}),
        ("STRUCT<x: INT>", "1", None), ("MAP<STRING, INT>", "1", None),
    ],
)  # fmt: skip
def test_p8_value_when_read_into_a_type_then_follows_the_table(
    kind: str, text: str, value: Any
) -> None:
    form = XmlFormat(row_tag="r")
    for data in (f"<r><v>{text}</v></r>", f'<r v="{text}"></r>'):
        name = "v" if "<v>" in data else "_v"
        (found,) = alone(form, data.encode(), plan_for(f"`{name}` {kind}"))
        is_lost = value is None and text != ""
        rescued = f'{{"{name}":"{text}"}}' if is_lost else None
        if kind.startswith("ARRAY") and is_lost:
            rescued = f'{{"{name}":["{text}"]}}'
        assert found == expected((Row((value,), rescued),)), data


@pytest.mark.parametrize(
    ("data", "schema"),
    [
        (b"<r><a>1</a><b>x</b></r>", "a BIGINT, b STRING"),
        (b"<r><a>1</a></r><r><a>1.5</a></r>", "a DOUBLE"),
        (b"<r><a>1</a></r><r><a>x</a></r>", "a STRING"),
        (b"<r><a/></r>", "a STRING"),
        (b"<r><a/></r><r><a>1</a></r>", "a BIGINT"),
        (b"<r><a>true</a><b>2026-01-02</b><c>2026-01-02T00:00:00Z</c></r>",
         "a BOOLEAN, b DATE, c TIMESTAMP"),
        (b"<r><a>2026-01-02</a><a>2026-01-02 10:00:00</a></r>", "a ARRAY<TIMESTAMP>"),
        (b"<r><a>99999999999999999999</a></r>", "a DECIMAL(20,0)"),
        (b"<r><a>INF</a></r>", "a DOUBLE"),
        (b'<r i="1"><a j="2">3</a></r>', "`_i` BIGINT, a STRUCT<`_j`: BIGINT, `_VALUE`: BIGINT>"),
        (b"<r><a>1</a><a>2</a></r><r><a>3</a></r>", "a ARRAY<BIGINT>"),
        (b"<r><a>1</a></r><r><a>2</a><a>x</a></r>", "a ARRAY<STRING>"),
        (b"<r><a>1</a></r><r><a k='2'>x</a></r>", "a STRUCT<`_VALUE`: STRING, `_k`: BIGINT>"),
        (b"<r><a><b>1</b></a></r><r><a><b>2</b><b>3</b><c>4</c></a></r>",
         "a STRUCT<b: ARRAY<BIGINT>, c: BIGINT>"),
        (b"<r>text</r>", "`_VALUE` STRING"),
        (b"<r>x<a>1</a>y</r>", "`_VALUE` ARRAY<STRING>, a BIGINT"),
        (b"<r><a>1</a></r><r><A>x</A></r>", "a STRING"),
        (b"<r><a>1</b></r><r><a>1</a></r>", "a BIGINT"),
    ],
)  # fmt: skip
def test_schema_when_inferred_then_sparks_and_every_row_fits(data: bytes, schema: str) -> None:
    form = XmlFormat(row_tag="r")
    found, _ = infer(form, data)
    assert t.schema_ddl(found) == t.schema_ddl(t.schema_of_ddl(schema))
    if b"<A>" not in data:
        assert alone(form, data, plan_for(found))[0].counts[1] == 0


def test_schema_when_types_are_not_inferred_then_strings_in_their_structure() -> None:
    found, _ = infer(XmlFormat(row_tag="r"), b"<r i='1'><a>1</a><a>2</a></r>", infer_types=False)
    assert t.schema_ddl(found) == "`_i` STRING, `a` ARRAY<STRING>"


def test_schema_when_times_have_patterns_then_by_these_and_every_row_fits() -> None:
    form = XmlFormat(row_tag="r", date_format="dd.MM.yyyy", timestamp_format="dd.MM.yyyy HH:mm")
    data = b"<r><a>02.01.2026</a><b>02.01.2026 03:04</b><c>2026-01-02</c></r>"
    found, _ = infer(form, data)
    assert t.schema_ddl(found) == "`a` DATE, `b` TIMESTAMP, `c` STRING"
    assert alone(form, data, plan_for(found))[0].counts[1] == 0


@pytest.mark.parametrize("data", [b"", b"<x/>", b"<r><a></r>", b"<!DOCTYPE x><r/>", b"plain"])
def test_schema_when_there_is_no_row_then_an_error(data: bytes) -> None:
    with pytest.raises(SchemaInferenceError):
        infer(XmlFormat(row_tag="r"), data)


def test_schema_when_sampled_then_of_every_other_row() -> None:
    data = b"<r><a>1</a></r><r><b>1</b></r><r><c>1</c></r><r><d>1</d></r>"
    found, _ = infer(XmlFormat(row_tag="r", sampling_ratio=0.5), data)
    assert found.names == ("b", "d")


@pytest.mark.parametrize(
    ("options", "data", "schema", "gives"),
    [
        ({"attribute_prefix": "@"}, b'<r q="1"/>', "`@q` INT", Row((1,))),
        ({"attribute_prefix": ""}, b'<r q="1"/>', "q INT", Row((1,))),
        ({"value_tag": "text"}, b"<r>x</r>", "text STRING", Row(("x",))),
        ({"exclude_attribute": True}, b'<r q="1"><a k="2">3</a></r>', "a INT", Row((3,))),
        ({"ignore_surrounding_spaces": False}, b"<r q=' y '><a> x </a></r>",
         "a STRING, `_q` STRING", Row((" x ", " y "))),
        ({"ignore_surrounding_spaces": False}, b"<r> <a> </a> </r>", "a STRING", Row((" ",))),
        ({"ignore_namespace": True}, b'<n:r xmlns:n="u" n:q="1"><n:a>2</n:a></n:r>',
         "a INT, `_q` INT", Row((2, 1))),
        ({"null_value": "-"}, b"<r q='-'><a>-</a><b><c>-</c></b></r>",
         "`_q` STRING, a STRING, b STRUCT<c: STRING>", Row((None, None, {"c": None}))),
        ({"date_format": "dd.MM.yyyy"}, b"<r><a>02.01.2026</a></r>", "a DATE",
         Row((date(2026, 1, 2),))),
        ({"timestamp_format": "dd.MM.yyyy HH:mm"}, b"<r><a>02.01.2026 03:04</a></r>",
         "a TIMESTAMP", Row((datetime(2026, 1, 2, 3, 4, tzinfo=UTC),))),
        ({"date_format": "dd.MM.yyyy"}, b"<r><a>2026-01-02</a></r>", "a DATE",
         Row((None,), '{"a":"2026-01-02"}')),
        ({"time_zone": "Europe/Paris"}, b"<r><a>2026-01-02 03:04</a><b>2026-01-02 03:04</b></r>",
         "a TIMESTAMP, b TIMESTAMP_NTZ",
         Row((datetime(2026, 1, 2, 2, 4, tzinfo=UTC), datetime(2026, 1, 2, 3, 4)))),
        ({"encoding": "latin1"}, b"<r><a>caf\xe9</a></r>", "a STRING", Row(("caf\u00e9",))),
        ({"encoding": "latin1"}, b'<?xml version="1.0" encoding="utf-8"?><r><a>\xe9</a></r>',
         "a STRING", Row(("\u00e9",))),
    ],
)  # fmt: skip
def test_option_when_given_then_every_path_follows_it(
    options: dict[str, Any], data: bytes, schema: str, gives: Row
) -> None:
    assert by_every_path(data, schema, **options) == expected((gives,))


@pytest.mark.parametrize(
    "data",
    [
        "<r><b>\u00e9\u20ac</b></r>".encode(),
        "\ufeff<r><b>\u00e9\u20ac</b></r>".encode(),
        '<?xml version="1.0" encoding="utf-8" ?>\n<r><b>\u00e9\u20ac</b></r>'.encode(),
        b'<?xml version="1.0" encoding="windows-1252"?>\n<r><b>\xe9\x80</b></r>',
        b"<?xml version='1.0' encoding='ISO-8859-15'?><r><b>\xe9\xa4</b></r>",
        '<?xml version="1.0" encoding="UTF-16"?><r><b>\u00e9\u20ac</b></r>'.encode("utf-16"),
        "<r><b>\u00e9\u20ac</b></r>".encode("utf-16-le"),
        "<r><b>\u00e9\u20ac</b></r>".encode("utf-16-be"),
    ],
)
def test_p7_encoding_when_marked_or_declared_then_honoured(data: bytes) -> None:
    assert by_every_path(data, SCHEMA) == expected((row(None, "\u00e9\u20ac"),))


def test_p7_encoding_when_unknown_then_the_file_is_bad() -> None:
    data = b'<?xml version="1.0" encoding="ebcdic-zz"?><r/>'
    (found,) = alone(XmlFormat(row_tag="r"), data, plan_for(SCHEMA))
    assert "not known" in (found.failure or "") or "ebcdic-zz" in (found.failure or "")


@pytest.mark.parametrize(
    "options",
    [{}, {"row_tag": ""}, {"row_tag": "a b"}, {"row_tag": "<r>"}, {"row_tag": "r", "value_tag": ""},
     {"row_tag": "r", "sampling_ratio": 0.0}, {"row_tag": "r", "sampling_ratio": 1.5},
     {"row_tag": "r", "time_zone": "Mars"}, {"row_tag": "r", "encoding": "no"},
     {"row_tag": "r", "date_format": "QQQ"}],
)  # fmt: skip
def test_options_when_they_cannot_work_then_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        XmlFormat(**options)


def test_new_fields_when_evolving_then_drift_has_their_types() -> None:
    data = (
        b"<r><a>1</a><n>007</n><s><x>1</x><y>2026-01-02</y></s><l><k>1</k></l></r>"
        b"<r><n>2</n><n>x</n><s k='1.5'/></r>"
    )
    plan = plan_of("a BIGINT, s STRUCT<x: INT>, l ARRAY<STRUCT<j: INT>>", unknown="evolve")
    found = decode(XmlFormat(row_tag="r"), {"x": data}, plan)
    assert found.outcomes.drift is not None
    assert t.schema_ddl(found.outcomes.drift) == (
        "`n` ARRAY<STRING>, `s` STRUCT<`y`: DATE, `_k`: DOUBLE>, `l` ARRAY<STRUCT<`k`: BIGINT>>"
    )
    assert '"n":"007"' in found.rows[0]["_rescued_data"]


def test_new_field_when_refused_then_named() -> None:
    with pytest.raises(NewColumnsError, match="'z'"):
        decode(XmlFormat(row_tag="r"), {"x": b"<r><z>1</z></r>"},
               plan_of(SCHEMA, unknown="fail"))  # fmt: skip


@pytest.mark.parametrize("case_sensitive", [True, False])
def test_name_in_another_case_then_rescued_or_matched(*, case_sensitive: bool) -> None:
    plan = plan_for("a INT", case_sensitive=case_sensitive, unknown="evolve")
    (found,) = alone(XmlFormat(row_tag="r"), b"<r><A>1</A></r>", plan)
    gives = Row((None,), '{"A":"1"}') if case_sensitive else Row((1,))
    assert found == expected((gives,))


@pytest.mark.parametrize("mode", ["permissive", "dropmalformed", "failfast"])
def test_p6_bad_row_when_in_each_mode_then_where_it_says(mode: str) -> None:
    data = b"<x>\n<r><a>1</a></r>\n <r><a>2</b></r></x>"
    plan = plan_for(SCHEMA, mode=mode)
    if mode == "failfast":
        with pytest.raises(BadRecordError):
            alone(XmlFormat(row_tag="r"), data, plan)
        return
    (found,) = alone(XmlFormat(row_tag="r"), data, plan)
    assert found.bad == ([(3, "malformed_xml")] if mode == "permissive" else [])
    assert found.raw == ([b"<r><a>2</b></r>"] if mode == "permissive" else [])


def test_p6_bad_row_when_there_is_a_corrupt_column_then_its_text() -> None:
    plan = plan_for(f"{SCHEMA}, _corrupt STRING", corrupt_column="_corrupt")
    (found,) = alone(XmlFormat(row_tag="r"), b"<r><a>1</b></r>", plan)
    assert found.rows == expected((Row((None, None, "<r><a>1</b></r>")),)).rows


def test_map_when_declared_then_attributes_and_children_by_name() -> None:
    data = b"<r><m k='1'><x>2</x></m></r><r><m><x>2</x><x>3</x></m></r>"
    (found,) = alone(XmlFormat(row_tag="r"), data, plan_for("m MAP<STRING, INT>"))
    says = (Row(([("_k", 1), ("x", 2)],)), Row((None,), '{"m":{"x":["2","3"]}}'))
    assert found == expected(says)


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=["Cc", "Cs", "Cn"]),
    max_size=8,
)
NAMES = st.sampled_from(["a", "b", "r", "rr", "c-d", "\u00e9"])


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> ET.Element:
    element = ET.Element(draw(NAMES), draw(st.dictionaries(NAMES, TEXTS, max_size=2)))
    element.text = draw(TEXTS)
    for _ in range(draw(st.integers(0, 2 if depth < 3 else 0))):
        child = draw(elements(depth + 1))
        child.tail = draw(TEXTS)
        element.append(child)
    return element


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(elements(), max_size=4), st.data())
def test_rows_when_another_parser_reads_the_file_then_the_same(
    found: list[ET.Element], data: st.DataObject
) -> None:
    root = ET.Element("root")
    root.extend(found)
    text = ET.tostring(root, "utf-8")
    outer = [each for each in root.iter("r") if not has_ancestor_row(root, each)]
    step = data.draw(st.integers(1, 40))
    plan = plan_for("a STRING")
    scanner = RowScanner("r", any_prefix=False, where="x")
    rows = []
    for at in range(0, len(text), step):
        rows += scanner.feed(text[at : at + step], last=at + step >= len(text))
    assert [ET.tostring(ET.XML(each.raw)) for each in rows] == [
        ET.tostring(without_tail(each)) for each in outer
    ]
    (decoded,) = alone(XmlFormat(row_tag="r"), text, plan, step=step)
    assert decoded.counts[0] == len(outer)
    assert decoded.bad == []


def has_ancestor_row(root: ET.Element, element: ET.Element) -> bool:
    return any(each is not element and element in each.iter() for each in root.iter("r"))


def without_tail(element: ET.Element) -> ET.Element:
    element.tail = None
    return element


def test_rows_when_a_file_is_read_then_the_columns_are_inferred(tmp_path: Path) -> None:
    path = tmp_path / "books.xml"
    path.write_bytes(b"<books><book id='7'><title>A</title><price>1.5</price></book></books>")
    form = XmlFormat(row_tag="book")
    schema, _ = infer(form, path.read_bytes())
    assert t.schema_ddl(schema) == "`_id` BIGINT, `title` STRING, `price` DOUBLE"
    (found,) = alone(form, path.read_bytes(), plan_for(schema))
    assert found == expected((Row((7, "A", 1.5)),))
