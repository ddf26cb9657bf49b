r"""Spark's path globs: ``? * [abc] [a-z] [^a] {ab,cd} {ab,c{de,fh}}``, ``\`` before a literal.

``*`` and ``?`` do not cross ``/``. A pattern that matches a folder takes the files below it, as
Auto Loader does. Matching is linear in the path: braces become separate patterns, and the part
between two stars is matched once, at its first place, by an atomic group.

Two other styles differ from this strict one. ``lax`` is Auto Loader's globber when it is not told
to be strict: ``*`` crosses folders, and the pattern need only match the beginning of a path,
wherever in a name that ends (docs.databricks.com, ``read_files``, has the table of examples that
tests/sources/test_glob.py holds it to). ``deep`` adds ``**``, which as a whole segment stands for
any number of folders, also none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from lakestream.errors import ConfigError
from lakestream.lazy_pattern import lazy_pattern

#: Patterns that the braces of one glob may spell out.
_MAX_ALTERNATIVES: Final = 1_000
_SPECIAL: Final = lazy_pattern(r"[?*\[\]{}\\]")
_STAR: Final = "*"
_DEEP: Final = "**"

Style = Literal["strict", "lax", "deep"]


class Glob(msgspec.Struct, frozen=True):
    """A compiled glob over ``/``-separated paths.

    Args:
        text: As it was written.
        alternatives: One expression for each spelling of the braces.
        style: What ``*`` and ``**`` mean, and where a match may end.
    """

    text: str
    alternatives: tuple[re.Pattern[str], ...]
    style: Style = "strict"

    def matches(self, path: str) -> bool:
        """Tell whether the glob matches the whole path."""
        return any(each.fullmatch(path) for each in self.alternatives)

    def takes(self, path: str, *, recursive: bool) -> bool:
        """Tell whether the glob matches the path or a folder above it.

        Args:
            path: A file, relative to where the glob starts.
            recursive: False enters only Hive folders (``key=value``) below a matched folder.
        """
        return any(recursive or only_hive_folders(rest) for rest in self._rests(path))

    def _rests(self, path: str) -> Iterator[str]:
        """Give what lies below each match."""
        for each in self.alternatives:
            found = each.match(path)
            if found is None:
                continue
            rest = path[found.end() :]
            if self.style == "lax":
                yield rest.partition("/")[2] if found.end() else rest
            elif not rest or rest[0] == "/":
                yield rest.lstrip("/")


def only_hive_folders(path: str) -> bool:
    """Tell whether every folder of a relative path is a Hive partition (``key=value``)."""
    folders = path.split("/")[:-1]
    return all("=" in each for each in folders)


def compile_glob(text: str, *, option: str, style: Style = "strict") -> Glob:
    """Compile a glob.

    Raises:
        ConfigError: A bracket or brace is not closed, or the braces spell out too many patterns.
    """
    alternatives: list[str] = []
    for each in _expand(text, option):
        if len(alternatives) == _MAX_ALTERNATIVES:
            raise _bad(text, option, f"its braces give more than {_MAX_ALTERNATIVES:,} patterns")
        alternatives.append(each)
    expression = _EXPRESSIONS[style]
    return Glob(text, tuple(re.compile(expression(each, option)) for each in alternatives), style)


def split_glob(path: str) -> tuple[str, str | None]:
    """Split a path into its literal root and the glob below it.

    Returns:
        The whole folders before the first special character (backslashes resolved), and the
        rest as a glob; None when there is no special character.
    """
    scheme, mark, rest = path.rpartition("://")
    segments = rest.split("/")
    for at, segment in enumerate(segments):
        if _SPECIAL.search(re.sub(r"\\.", "", segment)):
            root = "/".join(segments[:at])
            return f"{scheme}{mark}{_unescaped(root) or _root_of(rest)}", "/".join(segments[at:])
    return f"{scheme}{mark}{_unescaped(rest)}", None


def _root_of(rest: str) -> str:
    return "/" if rest.startswith("/") else "."


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _bad(text: str, option: str, why: str) -> ConfigError:
    return ConfigError(
        f"not a path pattern: {why}",
        where=f"{option}={text!r}",
        fix=r"write ? * [abc] [^a] {ab,cd}, and a backslash before a literal one of them",
    )


def _expand(text: str, option: str) -> Iterator[str]:
    """Spell the first brace group out, and the rest of each spelling in turn."""
    opening = _first_brace(text)
    if opening < 0:
        yield text
        return
    depth, part, parts = 0, opening + 1, []
    at = opening
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "{":
            depth += 1
        elif character == "," and depth == 1:
            parts.append(text[part:at])
            part = at + 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                break
        at += 1
    else:
        raise _bad(text, option, "a '{' is not closed")
    parts.append(text[part:at])
    for each in parts:
        yield from _expand(text[:opening] + each + text[at + 1 :], option)


def _first_brace(text: str) -> int:
    at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "{":
            return at
        at += 1
    return -1


def _expression(text: str, option: str) -> str:
    """Translate one brace-free glob, segment by segment."""
    return "/".join(_segment(each, option) for each in text.strip("/").split("/"))


def _lax_expression(text: str, option: str) -> str:
    """Translate one brace-free glob whose stars cross folders; the longest beginning matches."""
    first, *rest = _between_stars(text.strip("/"), option)
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(rf"(?>[\s\S]*?{each})" for each in middle) + rf"[\s\S]*{last}"


def _deep_expression(text: str, option: str) -> str:
    """Translate one brace-free glob; what stands between two ``**`` is taken at its first place."""
    groups: list[list[str]] = [[]]
    for segment in text.strip("/").split("/"):
        if segment == _DEEP:
            groups.append([])
        else:
            groups[-1].append(_segment(segment, option))
    first, *rest = groups
    parts = ["/".join(first)] if first else []
    parts += [rf"(?>(?:[^/]+/)*?{'/'.join(each)}(?![^/]))" for each in rest if each]
    if rest and not rest[-1]:
        parts.append("[^/]+")
    return "/".join(parts)


_EXPRESSIONS: Final = {"strict": _expression, "lax": _lax_expression, "deep": _deep_expression}


def _segment(text: str, option: str) -> str:
    first, *rest = _between_stars(text, option)
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{each})" for each in middle) + f"[^/]*{last}(?![^/])"


def _between_stars(text: str, option: str) -> list[str]:
    """Translate what stands before, between and after the stars; several in a row are one."""
    pieces = [""]
    for token in _tokens(text, option):
        if token != _STAR:
            pieces[-1] += token
        elif len(pieces) == 1 or pieces[-1]:
            pieces.append("")
    return pieces


def _tokens(text: str, option: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "*":
            yield _STAR
        elif character == "?":
            yield "[^/]"
        elif character == "[":
            found, at = _class(text, at, option)
            yield found
        elif character == "\\":
            if at == len(text):
                raise _bad(text, option, "it ends with a backslash")
            yield re.escape(text[at])
            at += 1
        else:
            yield re.escape(character)


def _class(text: str, at: int, option: str) -> tuple[str, int]:
    negated = text[at : at + 1] in ("^", "!")
    start = at + negated
    end = text.find("]", start + 1)
    if end < 0:
        raise _bad(text, option, "a '[' is not closed")
    inner = text[start:end].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
    inner = inner.replace("]", "\\]").replace("&&", "&\\&").replace("||", "|\\|")
    inner = inner.replace("~~", "~\\~").replace("--", "-\\-")
    body = f"[{'^' if negated else ''}{inner}]"
    try:
        re.compile(body)
    except re.error as error:
        raise _bad(text, option, "a range in '[]' runs backwards") from error
    return f"(?!/){body}", end + 1
