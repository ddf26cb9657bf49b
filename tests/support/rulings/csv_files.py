"""CSV files: lines, encodings, quotes, widths and headers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from support.rulings.model import CSV_FILE_SCHEMA, ZONE_CASES, Bad, Fails, File, Group, Outcome, Row

_A1: Final = Row((1, "x"))
_A2: Final = Row((2, "y"))


def _file(
    name: str,
    case: str,
    data: bytes,
    *gives: Outcome,
    schema: str = CSV_FILE_SCHEMA,
    inferred: str | None = CSV_FILE_SCHEMA,
    **more: Any,
) -> File:
    return File(name, case, data, gives, schema, inferred, **more)


def _texts(name: str, case: str, record: bytes, *gives: Outcome, **more: Any) -> File:
    """Give the ruling of records of two texts."""
    more.setdefault("inferred", "a STRING, b STRING")
    return _file(name, case, b"a,b\n" + record, *gives, schema="a STRING, b STRING", **more)


LINES: Final = (
    _file("lines", "two records", b"a,b\n1,x\n2,y\n", _A1, _A2),
    _file("no-final-newline", "no line end behind the last record", b"a,b\n1,x\n2,y", _A1, _A2),
    _file("crlf", "`\\r\\n` ends lines", b"a,b\r\n1,x\r\n2,y\r\n", _A1, _A2),
    _file("crlf-count", "and counts once", b"a,b\r\n1,x\r\n9\r\n", _A1, Bad(3, "column_count")),
    _file("cr", "`\\r` ends lines", b"a,b\r1,x\r2,y\r", _A1, _A2),
    _file("mixed-ends", "line ends of all three kinds", b"a,b\r1,x\r\n2,y\n", _A1, _A2),
    _file("blank-lines", "blank lines are no records, but count", b"\na,b\n\n1,x\n \t\n9\n",
          _A1, Bad(6, "column_count")),
    _file("empty", "an empty file", b"", inferred=None),
    _file("newlines", "nothing but blank lines", b"\n\r\n \n", inferred=None),
    _file("header-only", "a header and no record", b"a,b\n", inferred="a STRING, b STRING"),
    _file("header-only-open", "the same without a line end", b"a,b",
          inferred="a STRING, b STRING"),
    _file("truncated", "the last record is cut off between fields", b"a,b\n1,x\n2", _A1,
          Bad(3, "column_count")),
    _file("truncated-quote", "the last record is cut off in quotes", b'a,b\n1,x\n2,"y', _A1,
          Bad(3, "unclosed_quote"),
          spark="the field ends with the file"),
    _file("own-line-end", "`line_sep`: nothing else ends a line", b"a,b|1,x\ny|2,y|",
          Row((1, "x\ny")), _A2, options={"line_sep": "|"}),
    _file("skip-rows", "`skip_rows` lines before the header are left out",
          b"made by us\n\na,b\n1,x\n", _A1, options={"skip_rows": 2},
          spark="has no such option"),
    _file("comment", "`comment` lines are left out", b"#c\na,b\n#1,z\n1,x\n", _A1,
          options={"comment": "#"}),
)  # fmt: skip

ENCODINGS: Final = (
    _file("bom", "a byte order mark at the start of the file", b"\xef\xbb\xbfa,b\n1,x\n", _A1),
    _file("bom-quoted", "the same before a quoted name", b'\xef\xbb\xbf"a",b\n1,x\n', _A1),
    _file("bom-alone", "nothing but a byte order mark", b"\xef\xbb\xbf", inferred=None),
    _texts("bom-later", "a byte order mark further in is a character", b"\xef\xbb\xbfp,q\n",
           Row(("\ufeffp", "q"))),
    _file("utf-16", "UTF-16, declared", "a,b\n1,x\n".encode("utf-16"), _A1,
          options={"encoding": "utf-16"},
          spark="a wrong character at each line's end"),
    _file("utf-16-be", "UTF-16 without a mark, declared", "a,b\n1,\u00e9\n".encode("utf-16-be"),
          Row((1, "\u00e9")), options={"encoding": "utf-16-be"}),
    _file("utf-16-undeclared", "UTF-16, not declared: the header cannot be read",
          "a,b\n1,x\n".encode("utf-16"), Fails("it is not utf-8"), inferred=None),
    _file("latin-1", "ISO 8859-1, declared", b"a,b\n1,caf\xe9\n", Row((1, "caf\u00e9")),
          options={"encoding": "iso-8859-1"}),
    _file("latin-1-undeclared", "ISO 8859-1, not declared", b"a,b\n1,caf\xe9\n2,y\n",
          Bad(2, "invalid_encoding"), _A2, spark="a replacement character in its place"),
    _file("overlong", "an overlong form of `/`", b"a,b\n1,\xc0\xaf\n2,y\n",
          Bad(2, "invalid_encoding"), _A2, spark="a replacement character in its place"),
    _file("surrogate-bytes", "a surrogate as UTF-8", b"a,b\n1,\xed\xa0\x80\n2,y\n",
          Bad(2, "invalid_encoding"), _A2, spark="a replacement character in its place"),
    _file("cut-character", "half a character at the end of the file", b"a,b\n2,y\n1,\xc3", _A2,
          Bad(3, "invalid_encoding"), spark="a replacement character in its place"),
    _file("header-invalid", "a header that is not UTF-8 fails the file", b"a,\xff\n1,x\n",
          Fails("it is not utf-8"), inferred=None, spark="a replacement character in its place"),
    _file("utf-16-odd", "half a character at the end, declared UTF-16",
          "a,b\n2,y\n1,x".encode("utf-16-le") + b"\x00", _A2, Bad(3, "invalid_encoding"),
          options={"encoding": "utf-16-le"}),
)  # fmt: skip

QUOTES: Final = (
    _texts("quoted", "quotes are not part of the field", b'"p","q"\n', Row(("p", "q"))),
    _texts("quoted-separator", "a separator in quotes is a character", b'"p,r",q\n',
           Row(("p,r", "q"))),
    _texts("quoted-newline", "a line end in quotes needs `multi_line`", b'"p\nr",q\n',
           Bad(2, "unclosed_quote"), Row(('r"', "q")), multi_line=(Row(("p\nr", "q")),)),
    _texts("quoted-crlf", "and stays as it stands", b'"p\r\nr",q\r\n', Bad(2, "unclosed_quote"),
           Row(('r"', "q")), multi_line=(Row(("p\r\nr", "q")),)),
    _texts("quoted-cr", "the same for `\\r`", b'"p\rr",q\n', Bad(2, "unclosed_quote"),
           Row(('r"', "q")), multi_line=(Row(("p\rr", "q")),)),
    _texts("quote-doubled", "a doubled quote is one quote", b'"p""r","""q"""\n',
           Row(('p"r', '"q"')),
          spark="quotes stay as they stand"),
    _texts("quote-escaped", "an escaped quote is a quote", rb'"p\"r","\"q\""' + b"\n",
           Row(('p"r', '"q"'))),
    _texts("escape-escaped", "an escaped escape is one", rb'"p\\","\\\\q"' + b"\n",
           Row(("p\\", "\\\\q"))),
    _texts("escape-other", "before anything else the escape is a character", rb'"p\n","\q"'
            b"\n", Row((r"p\n", r"\q"))),
    _texts("escape-outside", "outside quotes it always is", rb'p\,q\"' + b"\n",
           Row(("p\\", r"q\""))),
    _texts("escape-before-close", "an escaped quote closes nothing", rb'"p\",q' + b"\n",
           Bad(2, "unclosed_quote")),
    _texts("quote-within", "a quote further in is a character", b'p"r,q"\n',
           Row(('p"r', 'q"'))),
    _texts("quote-unclosed", "a quote that is not closed", b'"p,q\ns,t\n',
           Bad(2, "unclosed_quote"), Row(("s", "t")), multi_line=(Bad(2, "unclosed_quote"),)),
    _texts("quote-unclosed-last", "the same in the last field", b'p,"q\ns,t\n',
           Bad(2, "unclosed_quote"), Row(("s", "t")), multi_line=(Bad(2, "unclosed_quote"),),
          spark="the field ends with the line"),
    _texts("text-after-quote", "text behind a closing quote", b'"p"r,q\n',
           Bad(2, "text_after_quote"),
          spark="the field as it stands"),
    _texts("space-after-quote", "a space behind a closing quote", b'"p" ,q\n',
           Bad(2, "text_after_quote"),
          spark="the space is lost"),
    _texts("space-before-quote", "a space before a quote: the field is not quoted",
           b' "p","q"\n', Row((' "p"', "q"))),
    _texts("space-before-quote-ignored", "unless leading white space is ignored", b' "p", "q"\n',
           Row(("p", "q")), options={"ignore_leading_white_space": True}),
    _texts("space-after-quote-ignored", "and likewise behind it", b'"p" ,"q" \n',
           Row(("p", "q")), options={"ignore_trailing_white_space": True}),
    _texts("spaces", "spaces around separators belong to the fields", b" p , q \n",
           Row((" p ", " q "))),
    _texts("spaces-ignored", "unless they are ignored", b" p ,\tq \n", Row(("p", "q")),
           options={"ignore_leading_white_space": True, "ignore_trailing_white_space": True}),
    _texts("spaces-quoted", "in quotes they always stay", b'" p "," q "\n', Row((" p ", " q ")),
           options={"ignore_leading_white_space": True, "ignore_trailing_white_space": True}),
    _texts("empty-fields", "an empty field is null, quoted or not", b',""\n', Row((None, None)),
           inferred="a STRING, b STRING"),
    _texts("empty-value", "`empty_value`: what a quoted empty field is", b',""\n',
           Row((None, "E")), options={"empty_value": "E"}),
    _texts("null-value", "`null_value`: null as well, quoted or not", b'NA,"NA"\n,q\n',
           Row((None, None)), Row((None, "q")), options={"null_value": "NA"}),
    _texts("null-value-empty", "and a quoted empty field is empty text then", b'NA,""\n',
           Row((None, "")), options={"null_value": "NA"}),
    _texts("quote-off", "`quote=None`: quotes are characters", b'"p",q"\n', Row(('"p"', 'q"')),
           options={"quote": None}),
    _texts("quote-single", "`quote=\"'\"`", b"'p,r',q\n", Row(("p,r", "q")),
           options={"quote": "'"}),
    _texts("escape-is-quote", "`escape='\"'`: doubled quotes alone", rb'"p\","q""r"' + b"\n",
           Row(("p\\", 'q"r')), options={"escape": '"'}),
    _file("separator-long", '`sep="||"`', b"a||b\np|r||q\n", Row(("p|r", "q")),
          schema="a STRING, b STRING", inferred="a STRING, b STRING", options={"sep": "||"}),
)  # fmt: skip

_UNESCAPED: Final = "unescaped_quote_handling"
_BEHIND: Final = b'"p,"r,q\n"s","t"\n'
_LAST: Final = Row(("s", "t"))

HANDLING: Final = (
    _texts("unescaped-stop", "the field as it stands, up to the separator", _BEHIND,
           Row(('"p,"r', "q")), _LAST, options={_UNESCAPED: "stop_at_delimiter"}),
    _texts("unescaped-back", "the same", _BEHIND, Row(('"p,"r', "q")), _LAST,
           options={_UNESCAPED: "back_to_delimiter"},
           spark="the field ends at the first separator"),
    _texts("unescaped-skip", "the field is null", _BEHIND, Row((None, "q")), _LAST,
           options={_UNESCAPED: "skip_value"}),
    _texts("unescaped-skip-last", "also at the end of the record", b'p,"q"r\n', Row(("p", None)),
           options={_UNESCAPED: "skip_value"}),
    _texts("unescaped-on", "up to the quote before a separator", b'"p"r""s",q\np,"q"r"\n',
           Row(('p"r"s', "q")), Row(("p", 'q"r')), options={_UNESCAPED: "stop_at_closing_quote"},
           spark="doubled quotes stay as they stand"),
    _texts("unescaped-on-open", "there is none", b'"p"r,q\n"s","t"\n', Bad(2, "unclosed_quote"),
           _LAST, options={_UNESCAPED: "stop_at_closing_quote"},
           spark="the field ends with the line"),
    _texts("unescaped-space", "a space behind the closing quote", b'"p" ,q\n', Row(('"p" ', "q")),
           options={_UNESCAPED: "stop_at_delimiter"},
           spark="the space is lost, and the quotes"),
    _texts("unescaped-space-ignored", "unless it is ignored", b'"p" ,q\n', Row(("p", "q")),
           options={_UNESCAPED: "stop_at_delimiter", "ignore_trailing_white_space": True}),
    _texts("unescaped-open", "a quote that is not closed", b'"p,q\n"s","t"\n',
           Bad(2, "unclosed_quote"), _LAST, multi_line=(Row(('"p,q\n"s"', "t")),),
           options={_UNESCAPED: "stop_at_delimiter"},
           spark="the field ends with the line"),
    _texts("unescaped-open-back", "it is a character then", b'"p,q\n"s","t"\n',
           Row(('"p', "q")), _LAST, options={_UNESCAPED: "back_to_delimiter"},
           spark="the field ends with the line"),
    _texts("escape-of-escape", "`char_to_escape_quote_escaping='^'`", rb'"p\"r","q^\"' + b"\n",
           Row(('p"r', "q\\")), options={"char_to_escape_quote_escaping": "^"}),
    _texts("escape-of-escape-only", "the escape character escapes itself no longer",
           rb'"p\\"r","^q"' + b"\n", Row((r'p\"r', "^q")),
           options={"char_to_escape_quote_escaping": "^"},
           spark="such a character is lost before any other"),
    _texts("escape-of-escape-open", "so it may escape the last quote", rb'"p\\",q' + b"\n",
           Bad(2, "unclosed_quote"), options={"char_to_escape_quote_escaping": "^"},
           spark="the field ends with the line"),
)  # fmt: skip

LIMITS: Final = (
    _texts("long-field", "`max_chars_per_column`: a longer field makes its record bad",
           b"pqr,s\npqrs,t\np,qrst\n", Row(("pqr", "s")), Bad(3, "field_too_long"),
           Bad(4, "field_too_long"), options={"max_chars_per_column": 3}),
    _texts("long-field-wide", "characters count, not bytes", "\u20ac\u20ac\u20ac,s\n".encode(),
           Row(("\u20ac\u20ac\u20ac", "s")), options={"max_chars_per_column": 3}),
    _texts("long-field-quoted", "without quotes and escapes", b'"p""r","qrs"\n"p""rs",q\n',
           Row(('p"r', "qrs")), Bad(3, "field_too_long"), options={"max_chars_per_column": 3}),
    _texts("long-field-header", "a name of the header fails the file", b"",
           options={"max_chars_per_column": 1}),
)  # fmt: skip

WIDTHS: Final = (
    _file("too-few", "fewer fields than the header: malformed", b"a,b\n1\n2,y\n",
          Bad(2, "column_count"), _A2),
    _file("too-many", "more fields: rescued by position", b"a,b\n1,x,p,q\n2,y\n",
          Row((1, "x"), '{"_c2":"p","_c3":"q"}'), _A2),
    _file("trailing-separator", "one separator more holds nothing", b"a,b\n1,x,\n", _A1,
          spark="a bad record"),
    _file("header-trailing-separator", "a name that is empty is `_c<position>`",
          b"a,b,\n1,x,p\n", Row((1, "x"), '{"_c2":"p"}'), inferred="a INT, b STRING, _c2 STRING"),
    _file("separators-only", "nothing but separators: nulls", b"a,b\n,\n", Row((None, None)),
          inferred="a STRING, b STRING"),
    _file("one-column", "one column: a blank line is no record", b"a\n1\n\n2\n", Row((1, None)),
          Row((2, None)), inferred="a INT",
          spark="a bad record, where the schema has two"),
    _file("one-column-quoted", "but a quoted empty field is", b'a\n1\n""\n', Row((1, None)),
          Row((None, None)), inferred="a INT",
          spark="a bad record, where the schema has two"),
    _file("no-header", "`header=False`: columns by position", b"1,x\n2,y,p\n", _A1,
          Row((2, "y"), '{"_c2":"p"}'), options={"header": False},
          inferred="_c0 INT, _c1 STRING"),
    _file("no-header-too-few", "the first record says how many there are", b"1,x\n2\n", _A1,
          Bad(2, "column_count"), options={"header": False}, inferred="_c0 INT, _c1 STRING"),
)  # fmt: skip

HEADERS: Final = (
    _file("header-order", "columns go by name, in any order", b"b,a\nx,1\n", _A1,
          inferred="b STRING, a INT",
          spark="columns go by position"),
    _file("header-missing", "a column that is not there is null", b"b\nx\n", Row((None, "x")),
          inferred="b STRING",
          spark="columns go by position"),
    _file("header-unknown", "a column that the schema does not have is rescued",
          b"a,z,b\n1,p,x\n", Row((1, "x"), '{"z":"p"}'), inferred="a INT, z STRING, b STRING"),
    _file("header-unknown-empty", "its empty fields hold nothing", b"a,z,b\n1,,x\n", _A1,
          inferred="a INT, z STRING, b STRING",
          spark="columns go by position"),
    _file("header-twice", "a name twice gets its position, each time", b"a,b,b\n1,x,p\n",
          Row((1, None), '{"b1":"x","b2":"p"}'), inferred="a INT, b1 STRING, b2 STRING"),
    _file("header-case", "names that differ in case only: the schema's spelling is the column",
          b"A,a,b\n2,1,x\n", Row((1, "x"), '{"A":"2"}'), inferred="A INT, b STRING"),
    _file("header-case-other", "another spelling alone", b"A,b\n2,x\n",
          Row((None, "x"), '{"A":"2"}'), inferred="A INT, b STRING"),
    _file("header-spaces", "spaces belong to a name", b" a,b\n1,x\n",
          Row((None, "x"), '{" a":"1"}'), inferred="` a` INT, b STRING"),
    _file("header-quoted", "quotes do not", b'"a","b"\n1,x\n', _A1),
    _file("header-nul", "a NUL character in a name: never a column, always rescued",
          b"a\x00c,a,b\n9,1,x\n",
          Row((1, "x"), r'{"a\u0000c":"9"}') ),
    _file("header-unclosed", "a header with broken quotes fails the file", b'"a,b\n1,x\n',
          Fails("a quote is opened and never closed"), inferred=None,
          spark="the header is not looked at"),
)  # fmt: skip

MISMATCHES: Final = (
    _file("mismatch", "a value of another type is null and rescued as it stood",
          b"a,b\n1.0,x\n2,y\n", Row((None, "x"), '{"a":"1.0"}'), _A2,
          inferred="a DOUBLE, b STRING"),
    _file("mismatch-quoted", "without its quotes", b'a,b\n"p ""r""",x\n',
          Row((None, "x"), r'{"a":"p \"r\""}'), inferred="a STRING, b STRING"),
    _file("mismatch-blank", "white space is no value of another type", b"a,b\n ,x\n",
          Row((None, "x"), '{"a":" "}'), inferred="a STRING, b STRING"),
)  # fmt: skip

_TIMES: Final = "a TIMESTAMP, b TIMESTAMP_NTZ"


def _zoned(name: str, zone: str, text: str, parts: tuple[int, ...] | None, case: str) -> File:
    utc = None if parts is None else datetime(*parts, tzinfo=UTC)
    rescued = None if parts else f'{{"a":"{text}"}}'
    row = Row((utc, datetime.fromisoformat(text)), rescued)
    kind = "STRING" if parts is None else "TIMESTAMP" if ":" in text else "DATE"
    data = f"a,b\n{text},{text}\n".encode()
    return _file(f"zone-{name}", case, data, row, schema=_TIMES,
                 inferred=f"a {kind}, b {kind}", options={"time_zone": zone})  # fmt: skip


ZONES: Final = (
    *(_zoned(*each) for each in ZONE_CASES),
    _file("zone-written", "a time with a zone of its own", b"a,b\n2026-01-02T03:04:05Z,\n",
          Row((datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None)), schema=_TIMES,
          inferred="a TIMESTAMP, b STRING", options={"time_zone": "Europe/Paris"}),
)  # fmt: skip

GROUPS: Final = (
    Group("CSV: lines", LINES),
    Group("CSV: encodings", ENCODINGS),
    Group("CSV: quotes and white space", QUOTES),
    Group("CSV: quotes that close nothing, and escapes of escapes, by option", HANDLING),
    Group("CSV: fields that are too long", LIMITS),
    Group("CSV: records that are too short or too long", WIDTHS),
    Group("CSV: headers", HEADERS),
    Group("CSV: values that do not fit", MISMATCHES),
    Group(
        "CSV: times without a zone, by `time_zone`",
        ZONES,
        "A `timestamp` is in UTC then, a `timestamp_ntz` as it stands.",
    ),
)
