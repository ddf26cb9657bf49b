"""JSON files that are read with an option of the format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from support.rulings.model import JSON_FILE_SCHEMA, ZONE_CASES, Bad, File, Group, Outcome, Row

_MALFORMED: Final = "malformed_json"
_BAD: Final = Bad(1, _MALFORMED)


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


def _one(a: int | None, b: str | None = None, rescued: str | None = None) -> Row:
    return Row((a, b), rescued)


def _lenient(name: str, case: str, record: bytes, gives: Outcome, option: str, **more: Any) -> File:
    """Give the ruling of a line that is read with one option."""
    return _file(name, case, record + b"\n", gives, options={option: True}, **more)


_TEXT: Final = {"inferred": "b STRING"}
_NONE: Final[dict[str, Any]] = {"inferred": None}
_COMMENTS: Final = "allow_comments"
_QUOTES: Final = "allow_single_quotes"
_NAMES: Final = "allow_unquoted_field_names"
_CONTROLS: Final = "allow_unquoted_control_chars"
_BACKSLASH: Final = "allow_backslash_escaping_any_character"
_ZEROS: Final = "allow_numeric_leading_zeros"

LENIENT: Final = (
    _lenient("comment-block", "a comment between tokens", b'/*x*/{"a":/* one */1}/**/', _one(1),
             _COMMENTS),
    _lenient("comment-line", "a comment behind the record", b'{"a":1} // one', _one(1),
             _COMMENTS),
    _file("comment-alone", "a line of comment alone is no record", b"// one\n",
          inferred=None, options={_COMMENTS: True}),
    _lenient("comment-in-text", "in a text it is none", b'{"a":1,"b":"/*x*/ //"} //',
             _one(1, "/*x*/ //"), _COMMENTS, inferred=JSON_FILE_SCHEMA),
    _lenient("comment-open", "a comment that is never closed", b'{"a":1} /* one', _BAD, _COMMENTS,
             **_NONE),
    _lenient("comment-hash", "`#` begins none", b'{"a":1} # one', _BAD, _COMMENTS, **_NONE),
    _lenient("comment-rescued", "what is rescued has none", b'{"a":[1,/*two*/2]}',
             _one(None, None, '{"a":[1, 2]}'), _COMMENTS, inferred="a ARRAY<BIGINT>"),
    _lenient("comment-and-quotes", "one option allows one thing", b"{'a':1} // one", _BAD,
             _COMMENTS, **_NONE),
    _lenient("single-quoted", "texts and names in single quotes", b"{'a':1,'b':'x'}",
             _one(1, "x"), _QUOTES, inferred=JSON_FILE_SCHEMA),
    _lenient("single-quoted-double", "double quotes within", b"""{'b':'x"y\\"z'}""",
             _one(None, 'x"y"z'), _QUOTES, **_TEXT),
    _lenient("single-quoted-escape", "an escaped single quote, in quotes of both kinds",
             rb"""{'a':1,"b":"x\'y"}""", _one(1, "x'y"), _QUOTES, inferred=JSON_FILE_SCHEMA),
    _lenient("single-quoted-within", "an escaped single quote in single quotes",
             rb"""{'b':'x\'y'}""", _one(None, "x'y"), _QUOTES, **_TEXT),
    _lenient("single-quoted-other", "single quotes in double quotes are characters",
             b"""{"a":1,'b':"'x'"}""", _one(1, "'x'"), _QUOTES, inferred=JSON_FILE_SCHEMA),
    _lenient("single-quoted-open", "never closed", b"{'b':'x}", _BAD, _QUOTES, **_NONE),
    _lenient("single-quoted-rescued", "rescued as strict JSON", b"{'z':{'y':'x'},'a':1}",
             _one(1, None, '{"z":{"y":"x"}}'), _QUOTES,
             inferred="z STRUCT<y: STRING>, a BIGINT"),
    _lenient("single-quoted-column", "a text column takes it as strict JSON", b"{'b':{'y':'x'}}",
             _one(None, '{"y":"x"}'), _QUOTES, inferred="b STRUCT<y: STRING>"),
    _lenient("single-quoted-utf8", "a byte that is not UTF-8", b"{'b':'\xff'}",
             Bad(1, "invalid_utf8"), _QUOTES, **_NONE),
    _lenient("single-quoted-top", "a text alone", b"'x'", Bad(1, "not_an_object"), _QUOTES,
             **_NONE),
    _lenient("name-plain", "a name without quotes", b'{a:1,b :"x"}',
             _one(1, "x"), _NAMES, inferred=JSON_FILE_SCHEMA),
    _lenient("name-nested", "within objects and arrays", b'{"b":[{x:1},{y_$2:2}]}',
             _one(None, '[{"x":1},{"y_$2":2}]'), _NAMES,
             inferred="b ARRAY<STRUCT<x: BIGINT, `y_$2`: BIGINT>>"),
    _lenient("name-word", "a word that JSON has", b'{true:1,"a":2}',
             _one(2, None, '{"true":1}'), _NAMES, inferred="`true` BIGINT, a BIGINT"),
    _lenient("name-other", "letters of other alphabets", '{"a":1,größe:2}'.encode(),
             _one(1, None, '{"größe":2}'), _NAMES, inferred="a BIGINT, `größe` BIGINT"),
    _lenient("name-point", "a point is in none", b'{"a":1,x.y:2}', _BAD, _NAMES, **_NONE),
    _lenient("name-value", "a value needs its quotes", b'{"b":x}', _BAD, _NAMES, **_NONE),
    _lenient("control-tab", "a tab in a text", b'{"b":"x\ty"}', _one(None, "x\ty"), _CONTROLS,
             **_TEXT),
    _lenient("control-nul", "a NUL byte in a text", b'{"b":"x\x00y"}', _one(None, "x\x00y"),
             _CONTROLS, **_TEXT),
    _lenient("control-outside", "between tokens there is none", b'{"a":\x001}', _BAD, _CONTROLS,
             **_NONE),
    _file("control-newline", "a line end in a text needs `multi_line`", b'{"b":"x\ny"}\n',
          _BAD, Bad(2, _MALFORMED), inferred=None, multi_line=(_one(None, "x\ny"),),
          options={_CONTROLS: True}),
    _lenient("backslash-letter", "a letter stands for itself", rb'{"b":"\q\x41\'"}',
             _one(None, "qx41'"), _BACKSLASH, **_TEXT),
    _lenient("backslash-known", "what JSON escapes stays what it is", rb'{"b":"\n\\\"\q\u0041"}',
             _one(None, '\n\\"qA'), _BACKSLASH, **_TEXT),
    _lenient("backslash-wide", "a character of several bytes", '{"b":"\\€"}'.encode(),
             _one(None, "€"), _BACKSLASH, **_TEXT),
    _lenient("backslash-short", "a short escape is none", rb'{"b":"\q\u12"}', _BAD, _BACKSLASH,
             **_NONE),
    _lenient("zeros", "zeros before a number", b'{"a":007}', _one(7), _ZEROS),
    _lenient("zeros-minus", "behind a minus", b'{"a":-007}', _one(-7), _ZEROS),
    _lenient("zeros-alone", "zeros alone", b'{"a":000}', _one(0), _ZEROS),
    _lenient("zeros-point", "before the point, not behind it", b'{"a":01,"b":[00.500,1.007]}',
             _one(1, "[0.500,1.007]"), _ZEROS, inferred="a BIGINT, b ARRAY<DOUBLE>"),
    _lenient("zeros-hexadecimal", "a hexadecimal number is none", b'{"a":0x10}', _BAD, _ZEROS,
             **_NONE),
    _lenient("zeros-in-text", "in texts they stay", b'{"a":01,"b":"007"}', _one(1, "007"),
             _ZEROS, inferred=JSON_FILE_SCHEMA),
    _file("lenient-beside-strict", "strict records stand beside others",
          b'{"a":1}\n{\'a\':2}\n\n{"a":3', _one(1), _one(2), Bad(4, _MALFORMED),
          multi_line=(_BAD,), options={_QUOTES: True}),
    _file("lenient-together", "several at once, in an array",
          b"[{a:01,/*x*/'b':'\\q'},\n// y\n{}]\n", Bad(1, _MALFORMED), Bad(3, _MALFORMED),
          inferred=None, multi_line=(_one(1, "q"), _one(None)),
          options={_COMMENTS: True, _QUOTES: True, _NAMES: True, _ZEROS: True, _BACKSLASH: True}),
)  # fmt: skip

ENCODINGS: Final = (
    _file("encoding-utf-16", "UTF-16 with its mark, declared",
          '{"a":1}\n{"b":"\u00e9"}\n'.encode("utf-16"), _one(1), _one(None, "\u00e9"),
          inferred=JSON_FILE_SCHEMA, multi_line=(_BAD,), options={"encoding": "utf-16"}),
    _file("encoding-utf-16-le", "UTF-16 without a mark, declared",
          '{"a":1,"b":"\U0001f600"}'.encode("utf-16-le"), _one(1, "\U0001f600"),
          inferred=JSON_FILE_SCHEMA, options={"encoding": "utf-16-le"}),
    _file("encoding-latin-1", "ISO 8859-1, declared", b'{"b":"caf\xe9"}\n', _one(None, "caf\u00e9"),
          inferred="b STRING", options={"encoding": "latin1"}),
    _file("encoding-wrong", "a byte that the encoding does not have",
          b'{"b":"\x81"}\n{"a":1}\n', Bad(1, "invalid_utf8"), _one(1),
          multi_line=(Bad(1, "invalid_utf8"),), options={"encoding": "cp1252"},
          spark="a replacement character in its place"),
    _file("encoding-cut", "half a character at the end of the file",
          '{"a":1}\n{"a":2}'.encode("utf-16-le")[:-1], _one(1), Bad(2, "invalid_utf8"),
          multi_line=(Bad(1, "invalid_utf8"),), options={"encoding": "utf-16-le"}),
)  # fmt: skip

SEPARATORS: Final = (
    _file("separator", "`line_sep` alone ends a record; a line end is white space",
          b'{"a":1}|{"a":\n2}|\n|{"b":"x"}', _one(1), _one(2), _one(None, "x"),
          inferred=JSON_FILE_SCHEMA, options={"line_sep": "|"}),
    _file("separator-long", "of several characters", b'{"a":1}||{"a":2|}||||{"a":3}||',
          _one(1), Bad(2, _MALFORMED), _one(3), options={"line_sep": "||"}),
    _file("separator-in-text", "it ends a record in a text too", b'{"a":1}|{"b":"x|y"}',
          _one(1), Bad(2, _MALFORMED), Bad(3, _MALFORMED), options={"line_sep": "|"}),
    _file("separator-record", "the record separator of RFC 7464",
          b'{"a":1}\x1e{"a":2}\x1e', _one(1), _one(2), options={"line_sep": "\x1e"}),
    _file("separator-bom", "behind a byte order mark", b'\xef\xbb\xbf{"a":1}|', _one(1),
          options={"line_sep": "|"}),
    _file("separator-two", "two records between separators", b'{"a":1}\n{"a":2}|{"a":3}',
          Bad(1, _MALFORMED), _one(3), options={"line_sep": "|"}),
)  # fmt: skip

_TIMES: Final = "a TIMESTAMP, b TIMESTAMP_NTZ"


def _zoned(name: str, zone: str, text: str, parts: tuple[int, ...] | None, case: str) -> File:
    utc = None if parts is None else datetime(*parts, tzinfo=UTC)
    local = datetime.fromisoformat(text)
    rescued = None if parts else f'{{"a":"{text}"}}'
    data = f'{{"a":"{text}","b":"{text}"}}\n'.encode()
    return _file(f"zone-{name}", case, data, Row((utc, local), rescued), schema=_TIMES,
                 inferred=JSON_FILE_SCHEMA.replace("BIGINT", "STRING"),
                 options={"time_zone": zone})  # fmt: skip


ZONES: Final = (
    *(_zoned(*each) for each in ZONE_CASES),
    _file("zone-written", "a time with a zone of its own", b'{"a":"2026-01-02T03:04:05Z"}\n',
          Row((datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None)), schema=_TIMES,
          inferred="a STRING", options={"time_zone": "Europe/Paris"}),
)  # fmt: skip

GROUPS: Final = (
    Group("JSON: forms beside the standard, by option", LENIENT,
          "Without its option each is a bad record. What is rescued, and what a string column"
          " takes whole, is written as strict JSON."),
    Group("JSON: declared encodings", ENCODINGS),
    Group("JSON: times without a zone, by `time_zone`", ZONES,
          "A `timestamp` is in UTC then, a `timestamp_ntz` as it stands."),
    Group("JSON: separators", SEPARATORS, "Bad records are counted by their number then."),
)  # fmt: skip
