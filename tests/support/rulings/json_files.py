"""JSON files: lines, encodings, syntax, names and nesting."""

from __future__ import annotations

from typing import Any, Final

from lakestream.limits import MAX_DEPTH
from support.rulings.model import JSON_FILE_SCHEMA, Bad, File, Group, Outcome, Row

_MALFORMED: Final = "malformed_json"


def _file(
    name: str,
    case: str,
    data: bytes,
    *gives: Outcome,
    schema: str = JSON_FILE_SCHEMA,
    inferred: str | None = "a BIGINT",
    **more: Any,
) -> File:
    return File(name, case, data, gives, schema, inferred, **more)


def _broken(name: str, case: str, data: bytes, *, code: str = _MALFORMED, spark: str = "") -> File:
    """Give the ruling of one line that is no record."""
    return _file(name, case, data, Bad(1, code), inferred=None, spark=spark)


def _one(a: int | None, b: str | None = None, rescued: str | None = None) -> Row:
    return Row((a, b), rescued)


_ALL_BAD: Final = (Bad(1, _MALFORMED),)

LINES: Final = (
    _file("two-lines", "two records", b'{"a":1}\n{"a":2}\n', _one(1), _one(2),
          multi_line=_ALL_BAD),
    _file("no-final-newline", "no line end behind the last record", b'{"a":1}\n{"a":2}',
          _one(1), _one(2), multi_line=_ALL_BAD),
    _file("crlf", "`\\r\\n` ends lines", b'{"a":1}\r\n{"a":2}\r\n', _one(1), _one(2),
          multi_line=_ALL_BAD),
    _file("cr", "`\\r` alone ends no line", b'{"a":1}\r{"a":2}\n', Bad(1, _MALFORMED),
          inferred=None, multi_line=_ALL_BAD, spark="two rows"),
    _file("blank-lines", "blank lines are no records, but count", b'\n{"a":1}\n \t\r\n\n[]\n',
          _one(1), Bad(5, "not_an_object"), multi_line=_ALL_BAD,
          spark="an empty array gives nothing"),
    _file("empty", "an empty file", b"", inferred=None, multi_line=()),
    _file("newlines", "nothing but blank lines", b"\n \n\r\n", inferred=None, multi_line=()),
    _file("truncated", "the last line is cut off", b'{"a":1}\n{"a":2,"b":"x', _one(1),
          Bad(2, _MALFORMED), multi_line=_ALL_BAD),
    _file("truncated-number", "cut off behind a digit: no record", b'{"a":1}\n{"a":2', _one(1),
          Bad(2, _MALFORMED), multi_line=_ALL_BAD),
    _broken("two-on-a-line", "two records on a line", b'{"a":1}{"a":2}\n',
            spark="the first alone, the rest is lost"),
    _broken("two-on-a-line-space", "two records on a line, a space between",
            b'{"a":1} {"a":2}\n', spark="the first alone, the rest is lost"),
    _broken("two-on-a-line-comma", "two records on a line, a comma between",
            b'{"a":1},{"a":2}\n', spark="the first alone, the rest is lost"),
    _file("two-and-blank", "two on a line beside a blank one: as many records as lines",
          b'{"a":1}{"a":2}\n\n{"a":3}\n', Bad(1, _MALFORMED), _one(3), multi_line=_ALL_BAD,
          spark="the second record is lost"),
    _file("record-over-lines", "a record on two lines beside two on one",
          b'{"a":\n1}\n{"a":2}{"a":3}\n', Bad(1, _MALFORMED), Bad(2, _MALFORMED),
          Bad(3, _MALFORMED), inferred=None, multi_line=_ALL_BAD,
          spark="the last record is lost"),
    _file("spread", "a record on several lines needs `multi_line`", b'{\n"a": 1\n}\n',
          Bad(1, _MALFORMED), Bad(2, _MALFORMED), Bad(3, _MALFORMED), inferred=None,
          multi_line=(_one(1),)),
    _broken("text-behind", "text behind the record", b'{"a":1} x\n',
            spark="the record, the rest is lost"),
    _broken("comma-behind", "a comma behind the record", b'{"a":1},\n',
            spark="the record, the rest is lost"),
    _broken("brace-behind", "a brace too many", b'{"a":1}}\n',
            spark="the record, the rest is lost"),
    _file("white-space", "white space around every token", b' \t{ "a" :\t1 , "b" : "x" }\r \n',
          _one(1, "x"), inferred=JSON_FILE_SCHEMA),
    _broken("odd-space", "a no-break space between tokens", b'{"a":\xc2\xa01}\n'),
    _broken("form-feed", "a form feed between tokens", b'{"a":\x0c1}\n'),
)  # fmt: skip

ENCODINGS: Final = (
    _file("bom", "a byte order mark at the start of the file", b'\xef\xbb\xbf{"a":1}\n', _one(1)),
    _file("bom-alone", "nothing but a byte order mark", b"\xef\xbb\xbf", inferred=None,
          multi_line=()),
    _file("bom-later", "a byte order mark further in", b'{"a":1}\n\xef\xbb\xbf{"a":2}\n', _one(1),
          Bad(2, _MALFORMED), multi_line=_ALL_BAD,
          spark="passed over"),
    _broken("bom-twice", "two byte order marks", b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}\n',
          spark="passed over"),
    _file("bom-partly", "the beginning of a byte order mark", b'\xef\xbb{"a":1}\n',
          Bad(1, "invalid_utf8"), inferred=None),
    _file("utf-16-le", "UTF-16, little endian, with its mark",
          '\ufeff{"a":1}\n'.encode("utf-16-le"), Bad(1, "invalid_utf8"), Bad(2, _MALFORMED),
          inferred=None, multi_line=(Bad(1, "invalid_utf8"),),
          spark="the first line is read"),
    _file("utf-16-be", "UTF-16, big endian, without a mark", '{"a":1}'.encode("utf-16-be"),
          Bad(1, _MALFORMED), inferred=None,
          spark="read"),
    _broken("invalid-utf8", "a byte that is not UTF-8, in a text", b'{"b":"\xff"}\n',
            code="invalid_utf8"),
    _broken("invalid-utf8-name", "the same in a name", b'{"b\xff":1}\n', code="invalid_utf8"),
    _broken("invalid-utf8-unknown", "the same in a field that the schema does not have",
            b'{"a":1,"z":["\xff"]}\n', code="invalid_utf8"),
    _broken("invalid-utf8-outside", "the same between tokens", b'{"a":\xff1}\n',
            code="invalid_utf8"),
    _broken("latin-1", "ISO 8859-1", b'{"b":"caf\xe9"}\n', code="invalid_utf8"),
    _broken("overlong", "an overlong form of `/`", b'{"b":"\xc0\xaf"}\n', code="invalid_utf8",
            spark="a replacement character in its place"),
    _broken("surrogate-bytes", "a surrogate as UTF-8", b'{"b":"\xed\xa0\x80"}\n',
            code="invalid_utf8", spark="a replacement character in its place"),
    _broken("beyond-unicode", "a character beyond U+10FFFF", b'{"b":"\xf4\x90\x80\x80"}\n',
            code="invalid_utf8", spark="a replacement character in its place"),
    _broken("cut-character", "half a character at the end of the file", b'{"b":"\xc3',
            code="invalid_utf8"),
    _file("four-bytes", "characters of two, three and four bytes",
          '{"b":"\u00e9\u20ac\U0001f600"}\n'.encode(), _one(None, "\u00e9\u20ac\U0001f600"),
          inferred="b STRING"),
    _broken("surrogate-high", "an escaped surrogate without its other half",
            rb'{"b":"\ud800"}' + b"\n", spark="a question mark in its place"),
    _broken("surrogate-low", "the other half alone", rb'{"b":"\udc00x"}' + b"\n",
            spark="a question mark in its place"),
    _broken("surrogate-reversed", "both halves in the wrong order",
            rb'{"b":"\udc00\ud800"}' + b"\n", spark="a question mark in its place"),
    _broken("surrogate-name", "half a pair in a name", rb'{"\ud800":1}' + b"\n",
          spark="a row of nulls"),
    _broken("surrogate-unknown", "half a pair in a field that the schema does not have",
            rb'{"a":1,"z":"\ud800"}' + b"\n",
          spark="a row"),
)  # fmt: skip

SYNTAX: Final = tuple(
    _broken(name, case, data + b"\n", spark=spark)
    for name, case, data, spark in (
        ("leading-zero", "a leading zero", b'{"a":01}', ""),
        ("minus-leading-zero", "the same behind a minus", b'{"a":-01}', ""),
        ("plus", "a plus before a number", b'{"a":+1}', ""),
        ("point-first", "no digit before the point", b'{"a":.5}', ""),
        ("point-last", "no digit behind the point", b'{"a":1.}', ""),
        ("exponent-empty", "no digit in the exponent", b'{"a":1e}', ""),
        ("exponent-sign", "a sign alone in the exponent", b'{"a":1e+}', ""),
        ("minus-alone", "a minus alone", b'{"a":-}', ""),
        ("hexadecimal", "a hexadecimal number", b'{"a":0x10}', ""),
        ("underscore", "an underscore in a number", b'{"a":1_000}', ""),
        ("nan", "a bare NaN", b'{"a":NaN}', "a float, in a column of floats"),
        ("infinity", "a bare Infinity", b'{"a":Infinity}', "a float, in a column of floats"),
        ("minus-infinity", "the same, negative", b'{"a":-Infinity}', "a float, in one of floats"),
        ("true-capital", "True", b'{"a":True}', ""),
        ("none", "None", b'{"a":None}', ""),
        ("undefined", "undefined", b'{"a":undefined}', ""),
        ("trailing-comma", "a comma behind the last field", b'{"a":1,}', ""),
        ("trailing-comma-array", "a comma behind the last item", b'{"a":[1,]}', ""),
        ("leading-comma", "a comma before the first field", b'{,"a":1}', ""),
        ("double-comma", "two commas", b'{"a":1,,"b":"x"}', ""),
        ("missing-comma", "no comma between fields", b'{"a":1 "b":"x"}', ""),
        ("missing-colon", "no colon", b'{"a" 1}', ""),
        ("missing-value", "no value", b'{"a":}', ""),
        ("missing-name", "no name", b"{:1}", ""),
        ("line-comment", "a comment", b'{"a":1 // one', ""),
        ("block-comment", "a comment within", b'{"a":/* one */1}', ""),
        ("hash-comment", "a line of comment", b"# one", ""),
        ("single-quotes", "single quotes", b"{'a':1}", "accepted, by default"),
        ("unquoted-name", "a name without quotes", b"{a:1}", ""),
        ("unclosed-text", "a quote that is not closed", b'{"b":"x}', ""),
        ("unclosed-object", "a brace that is not closed", b'{"a":1', ""),
        ("unclosed-array", "a bracket that is not closed", b'{"a":[1}', ""),
        ("unopened", "no opening brace", b'"a":1}', ""),
        ("tab-in-text", "a tab in a text", b'{"b":"x\ty"}', ""),
        ("control-in-text", "another control character", b'{"b":"x\x01y"}', ""),
        ("nul-in-text", "a NUL byte in a text", b'{"b":"x\x00y"}', ""),
        ("nul-between", "a NUL byte between tokens", b'{"a":\x001}', ""),
        ("nul-only", "NUL bytes instead of a line", b"\x00\x00\x00", ""),
        ("escape-unknown", "an escape that there is not", rb'{"b":"\q"}', ""),
        ("escape-hex", "the same as C has it", rb'{"b":"\x41"}', ""),
        ("escape-short", "a short escape", rb'{"b":"\u12"}', ""),
        ("escape-bad", "an escape with a letter", rb'{"b":"\u00g0"}', ""),
        ("escape-cut", "a backslash before the quote", rb'{"b":"\"}', ""),
        ("csv-line", "a line of CSV", b"1,x", ""),
    )
)  # fmt: skip

TOP: Final = (
    *(
        _broken(name, case, data + b"\n", code="not_an_object", spark=spark)
        for name, case, data, spark in (
            ("top-null", "null", b"null", ""),
            ("top-true", "true", b"true", ""),
            ("top-number", "a number", b"1", ""),
            ("top-text", "a text", b'"x"', ""),
        )
    ),
    _file("top-array-empty", "an empty array", b"[]\n", Bad(1, "not_an_object"), inferred=None,
          multi_line=(), spark="no row"),
    _file("top-array", "an array of objects on a line", b'[{"a":1},{"a":2}]\n',
          Bad(1, "not_an_object"), inferred=None, multi_line=(_one(1), _one(2)), spark="its rows"),
    _file("top-array-mixed", "an array of an object and a number", b'[{"a":1},2]\n',
          Bad(1, "not_an_object"), inferred=None, multi_line=(_one(1), Bad(2, "not_an_object"))),
    _file("top-array-cut", "an array that is cut off", b'[{"a":1},\n', Bad(1, _MALFORMED),
          inferred=None),
    _file("no-fields", "an object without fields is a row of nulls", b"{}\n", _one(None),
          inferred=""),
)  # fmt: skip

NAMES: Final = (
    _file("name-twice", "a name twice: the last counts", b'{"a":1,"a":2}\n', _one(2)),
    _file("name-twice-mismatch", "the last counts, even if it does not fit",
          b'{"a":1,"a":"x"}\n', _one(None, None, '{"a":"x"}'), inferred="a STRING"),
    _file("name-twice-mismatch-first", "what came before does not matter",
          b'{"a":"x","a":1}\n', _one(1),
          spark="a bad record as well"),
    _file("name-twice-null", "null counts as any other", b'{"a":1,"a":null}\n', _one(None),
          inferred="a STRING"),
    _file("name-twice-unknown", "the same where the schema has no such field",
          b'{"a":1,"z":1,"z":2}\n', _one(1, None, '{"z":2}'), inferred="a BIGINT, z BIGINT"),
    _file("name-case", "names that differ in case only: the schema's spelling is the column",
          b'{"A":2,"a":1}\n', _one(1, None, '{"A":2}'), inferred="A BIGINT"),
    _file("name-case-only-other", "another spelling alone", b'{"A":2}\n',
          _one(None, None, '{"A":2}'), inferred="A BIGINT"),
    _file("name-escaped", "a name written with escapes is the same name",
          rb'{"\u0061":1,"a":2}' + b"\n", _one(2)),
    _file("name-empty", "an empty name is a name", b'{"":1,"a":2}\n', _one(2, None, '{"":1}'),
          inferred="`` BIGINT, a BIGINT"),
    _file("name-nul", "a NUL character in a name: never a column, always rescued",
          rb'{"a\u0000b":1,"a":2}' + b"\n",
          _one(2, None, r'{"a\u0000b":1}'), inferred="a BIGINT"),
    _file("name-quote", "a quote and a backslash in a name", rb'{"q\"\\":1,"a":2}' + b"\n",
          _one(2, None, r'{"q\"\\":1}'), inferred='`q"\\` BIGINT, a BIGINT'),
    _file("name-dot", "a point in a name", b'{"a.b":1,"a":2}\n', _one(2, None, '{"a.b":1}'),
          inferred="`a.b` BIGINT, a BIGINT"),
    _file("field-missing", "a missing field is null", b'{"b":"x"}\n', _one(None, "x"),
          inferred="b STRING"),
    _file("unknown-null", "an unknown field that is null holds nothing", b'{"a":1,"z":null}\n',
          _one(1), inferred="a BIGINT, z STRING"),
)  # fmt: skip

_NESTED: Final = "s STRUCT<x: BIGINT>, l ARRAY<BIGINT>, m MAP<STRING, BIGINT>"
_DEEPEST: Final = MAX_DEPTH - 1


def _nested(
    name: str, case: str, data: bytes, *gives: Outcome, inferred: str, spark: str = ""
) -> File:
    return _file(name, case, data, *gives, schema=_NESTED, inferred=inferred, spark=spark)


NESTING: Final = (
    _nested("nested", "a struct, an array, a map", b'{"s":{"x":1},"l":[1,null],"m":{"k":1}}\n',
            Row(({"x": 1}, [1, None], [("k", 1)])),
            inferred="s STRUCT<x: BIGINT>, l ARRAY<BIGINT>, m STRUCT<k: BIGINT>"),
    _nested("struct-mismatch", "a field of a struct that does not fit is rescued by its path",
            b'{"s":{"x":"y"}}\n', Row(({"x": None}, None, None), '{"s":{"x":"y"}}'),
            inferred="s STRUCT<x: STRING>"),
    _nested("struct-unknown", "an unknown field of a struct likewise", b'{"s":{"x":1,"z":2}}\n',
            Row(({"x": 1}, None, None), '{"s":{"z":2}}'),
            inferred="s STRUCT<x: BIGINT, z: BIGINT>"),
    _nested("struct-text", "a text for a struct", b'{"s":"{}"}\n',
            Row((None, None, None), '{"s":"{}"}'), inferred="s STRING"),
    _nested("struct-array", "an array for a struct", b'{"s":[1]}\n',
            Row((None, None, None), '{"s":[1]}'), inferred="s ARRAY<BIGINT>"),
    _nested("array-mismatch", "an item that does not fit: the whole array is null and rescued",
            b'{"l":[1,"x"]}\n', Row((None, None, None), '{"l":[1,"x"]}'),
            inferred="l ARRAY<STRING>"),
    _nested("array-scalar", "one value for an array", b'{"l":1}\n',
            Row((None, None, None), '{"l":1}'), inferred="l BIGINT"),
    _nested("map-mismatch", "a value of a map that does not fit", b'{"m":{"k":1,"l":"x"}}\n',
            Row((None, None, None), '{"m":{"k":1,"l":"x"}}'),
            inferred="m STRUCT<k: BIGINT, l: STRING>"),
    _nested("map-twice", "a key of a map twice: the last counts", b'{"m":{"k":1,"k":2}}\n',
            Row((None, None, [("k", 2)])), inferred="m STRUCT<k: BIGINT>",
          spark="both are kept"),
    _nested("map-empty", "empty containers are not null", b'{"s":{},"l":[],"m":{}}\n',
            Row(({"x": None}, [], [])), inferred="s STRING, l ARRAY<STRING>, m STRING"),
    _file("deep", f"an unknown value, {MAX_DEPTH} levels with its record",
          b'{"z":' + b"[" * _DEEPEST + b"]" * _DEEPEST + b"}\n",
          _one(None, None, '{"z":' + "[" * _DEEPEST + "]" * _DEEPEST + "}"),
          inferred="z " + "ARRAY<" * _DEEPEST + "STRING" + ">" * _DEEPEST),
    _broken("too-deep", f"more than {MAX_DEPTH} levels",
            b'{"z":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}\n", code="too_deep",
          spark="a row"),
    _broken("too-deep-text", "the same in a column of text",
            b'{"b":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}\n", code="too_deep",
          spark="a row"),
    _broken("much-too-deep", "20,000 levels", b'{"z":' + b"[" * 20_000 + b"]" * 20_000 + b"}\n",
            code="too_deep"),
    _broken("top-array-deep", "20,000 levels that are no object", b"[" * 20_000 + b"\n",
            code="too_deep"),
    _broken("much-too-deep-open", "20,000 levels that are never closed",
            b'{"z":' + b"[" * 20_000 + b"\n", code="too_deep"),
    _file("deep-in-text", "brackets in a text are no levels",
          b'{"b":"' + b"[" * MAX_DEPTH * 2 + b'"}\n', _one(None, "[" * MAX_DEPTH * 2),
          inferred="b STRING"),
)  # fmt: skip

GROUPS: Final = (
    Group("JSON: lines", LINES),
    Group("JSON: encodings", ENCODINGS),
    Group("JSON: what is no JSON", SYNTAX,
          "Each is a bad record, by every path; nothing is guessed."),
    Group("JSON: other than one object", TOP),
    Group("JSON: names", NAMES),
    Group("JSON: nesting", NESTING),
)  # fmt: skip
