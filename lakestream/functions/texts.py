"""Functions over texts and bytes."""

from __future__ import annotations

from lakestream.plan.column import Column, ColumnOrName, call, named


def concat(*cols: ColumnOrName) -> Column:
    """Join texts or arrays; null when one of them is."""
    return call("concat", *map(named, cols))


def concat_ws(sep: str, *cols: ColumnOrName) -> Column:
    """Join texts with a separator; nulls are left out."""
    return call("concat_ws", sep, *map(named, cols))


def trim(col: ColumnOrName, trim: ColumnOrName | None = None) -> Column:
    """Leave out blanks, or the given characters, at both ends."""
    return _trimmed("trim", col, trim)


def ltrim(col: ColumnOrName, trim: ColumnOrName | None = None) -> Column:
    """Leave out blanks, or the given characters, at the start."""
    return _trimmed("ltrim", col, trim)


def rtrim(col: ColumnOrName, trim: ColumnOrName | None = None) -> Column:
    """Leave out blanks, or the given characters, at the end."""
    return _trimmed("rtrim", col, trim)


def btrim(str: ColumnOrName, trim: ColumnOrName | None = None) -> Column:  # noqa: A002 - PySpark's name
    """Leave out blanks, or the given characters, at both ends."""
    return call("btrim", named(str), *([] if trim is None else [named(trim)]))


def _trimmed(name: str, item: ColumnOrName, characters: ColumnOrName | None) -> Column:
    # In SQL the characters come first.
    first = [] if characters is None else [named(characters)]
    return call(name, *first, named(item))


def replace(src: ColumnOrName, search: ColumnOrName, replace: ColumnOrName | None = None) -> Column:
    """Replace one text by another, or leave it out."""
    rest = [] if replace is None else [named(replace)]
    return call("replace", named(src), named(search), *rest)


def locate(substr: str, str: ColumnOrName, pos: int = 1) -> Column:  # noqa: A002 - PySpark's name
    """Give where a text is found first, at ``pos`` or behind it, from 1; 0 when nowhere."""
    return call("locate", substr, named(str), *([] if pos == 1 else [pos]))


def sha2(col: ColumnOrName, numBits: int) -> Column:  # noqa: N803 - PySpark's name
    """Give the SHA-2 hash in hexadecimal; ``numBits`` is 256."""
    return call("sha2", named(col), numBits)


def upper(col: ColumnOrName) -> Column:
    """Give the text in upper case."""
    return call("upper", named(col))


def lower(col: ColumnOrName) -> Column:
    """Give the text in lower case."""
    return call("lower", named(col))


def length(col: ColumnOrName) -> Column:
    """Count characters."""
    return call("length", named(col))


def octet_length(col: ColumnOrName) -> Column:
    """Count the bytes of the text in UTF-8."""
    return call("octet_length", named(col))


def bit_length(col: ColumnOrName) -> Column:
    """Count the bits of the text in UTF-8."""
    return call("bit_length", named(col))


def reverse(col: ColumnOrName) -> Column:
    """Give the text from its end to its start."""
    return call("reverse", named(col))


def initcap(col: ColumnOrName) -> Column:
    """Give each word with a capital first letter."""
    return call("initcap", named(col))


def ascii(col: ColumnOrName) -> Column:  # noqa: A001 - PySpark's name
    """Give the code of the first character."""
    return call("ascii", named(col))


def md5(col: ColumnOrName) -> Column:
    """Give the MD5 hash in hexadecimal."""
    return call("md5", named(col))


def sha1(col: ColumnOrName) -> Column:
    """Give the SHA-1 hash in hexadecimal."""
    return call("sha1", named(col))


def base64(col: ColumnOrName) -> Column:
    """Give bytes as base64."""
    return call("base64", named(col))


def unbase64(col: ColumnOrName) -> Column:
    """Give the bytes of a base64 text."""
    return call("unbase64", named(col))


def hex(col: ColumnOrName) -> Column:  # noqa: A001 - PySpark's name
    """Give a whole number in hexadecimal."""
    return call("hex", named(col))


def url_encode(col: ColumnOrName) -> Column:
    """Give the text as it may stand in a URL."""
    return call("url_encode", named(col))


def repeat(col: ColumnOrName, n: ColumnOrName | int) -> Column:
    """Give the text ``n`` times."""
    return call("repeat", named(col), named(n))


def left(str: ColumnOrName, len: ColumnOrName | int) -> Column:  # noqa: A002 - PySpark's name
    """Give the first characters."""
    return call("left", named(str), named(len))


def right(str: ColumnOrName, len: ColumnOrName | int) -> Column:  # noqa: A002 - PySpark's name
    """Give the last characters."""
    return call("right", named(str), named(len))


def lpad(col: ColumnOrName, len: Column | int, pad: Column | str) -> Column:  # noqa: A002 - PySpark's name
    """Fill up with ``pad`` on the left, or cut, to ``len`` characters."""
    return call("lpad", named(col), len, pad)


def rpad(col: ColumnOrName, len: Column | int, pad: Column | str) -> Column:  # noqa: A002 - PySpark's name
    """Fill up with ``pad`` on the right, or cut, to ``len`` characters."""
    return call("rpad", named(col), len, pad)


def instr(str: ColumnOrName, substr: Column | str) -> Column:  # noqa: A002 - PySpark's name
    """Give where a text is found first, from 1; 0 when nowhere."""
    return call("instr", named(str), substr)


def substring(
    str: ColumnOrName,  # noqa: A002 - PySpark's name
    pos: ColumnOrName | int,
    len: ColumnOrName | int,  # noqa: A002 - PySpark's name
) -> Column:
    """Give ``len`` characters from a position that counts from 1."""
    return call("substring", named(str), named(pos), named(len))


def substring_index(str: ColumnOrName, delim: str, count: int) -> Column:  # noqa: A002 - PySpark's name
    """Give what stands before the ``count``-th delimiter."""
    return call("substring_index", named(str), delim, count)


def split_part(src: ColumnOrName, delimiter: ColumnOrName, partNum: ColumnOrName) -> Column:  # noqa: N803 - PySpark's name
    """Give one part of a split text, from 1."""
    return call("split_part", named(src), named(delimiter), named(partNum))


def translate(srcCol: ColumnOrName, matching: str, replace: str) -> Column:  # noqa: N803 - PySpark's name
    """Exchange single characters."""
    return call("translate", named(srcCol), matching, replace)


def split(str: ColumnOrName, pattern: Column | str) -> Column:  # noqa: A002 - PySpark's name
    """Split by a regular expression."""
    return call("split", named(str), pattern)


def regexp_extract(str: ColumnOrName, pattern: str, idx: int) -> Column:  # noqa: A002 - PySpark's name
    """Give a group of the first match, or the empty text."""
    return call("regexp_extract", named(str), pattern, idx)


def regexp_like(str: ColumnOrName, regexp: ColumnOrName) -> Column:  # noqa: A002 - PySpark's name
    """True where the regular expression is found."""
    return call("regexp_like", named(str), named(regexp))


def rlike(str: ColumnOrName, regexp: ColumnOrName) -> Column:  # noqa: A002 - PySpark's name
    """True where the regular expression is found."""
    return call("rlike", named(str), named(regexp))


def regexp_replace(
    string: ColumnOrName, pattern: Column | str, replacement: Column | str
) -> Column:
    """Replace every match."""
    return call("regexp_replace", named(string), pattern, replacement)


def startswith(str: ColumnOrName, prefix: ColumnOrName) -> Column:  # noqa: A002 - PySpark's name
    """True where the text starts so."""
    return call("startswith", named(str), named(prefix))


def endswith(str: ColumnOrName, suffix: ColumnOrName) -> Column:  # noqa: A002 - PySpark's name
    """True where the text ends so."""
    return call("endswith", named(str), named(suffix))


def contains(left: ColumnOrName, right: ColumnOrName) -> Column:
    """True where the text is found."""
    return call("contains", named(left), named(right))
