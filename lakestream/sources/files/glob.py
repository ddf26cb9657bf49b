r"""Spark's path globs: ``? * [abc] [a-z] [^a] {ab,cd} {ab,c{de,fh}}``, ``\`` before a literal.

``*`` and ``?`` do not cross ``/``. A pattern that matches a folder takes the files below it, as
Auto Loader does. Matching is linear in the path: braces become separate patterns, and the part
between two stars is matched once, at its first place, by an atomic group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from lakestream.errors import ConfigError

#: Patterns that the braces of one glob may spell out.
_MAX_ALTERNATIVES: Final = 1_000
_SPECIAL: Final = re.compile(r"[?*\[\]{}\\]")
_STAR: Final = "*"


class Glob(msgspec.Struct, frozen=True):
    """A compiled glob over ``/``-separated paths.

    Args:
        text: As it was written.
        alternatives: One expression for each spelling of the braces.
    """

    text: str
    alternatives: tuple[re.Pattern[str], ...]

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
        for each in self.alternatives:
            found = each.match(path)
            if found and (found.end() == len(path) or path[found.end()] == "/"):
                yield path[found.end() :].lstrip("/")


def only_hive_folders(path: str) -> bool:
    """Tell whether every folder of a relative path is a Hive partition (``key=value``)."""
    folders = path.split("/")[:-1]
    return all("=" in each for each in folders)


def compile_glob(text: str, *, option: str) -> Glob:
    """Compile a glob.

    Raises:
        ConfigError: A bracket or brace is not closed, or the braces spell out too many patterns.
    """
    alternatives: list[str] = []
    for each in _expand(text, option):
        if len(alternatives) == _MAX_ALTERNATIVES:
            raise _bad(text, option, f"its braces give more than {_MAX_ALTERNATIVES:,} patterns")
        alternatives.append(each)
    return Glob(text, tuple(re.compile(_expression(each, option)) for each in alternatives))


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


def _segment(text: str, option: str) -> str:
    pieces = [""]
    for token in _tokens(text, option):
        if token != _STAR:
            pieces[-1] += token
        elif len(pieces) == 1 or pieces[-1]:
            pieces.append("")
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    return first + "".join(f"(?>[^/]*?{each})" for each in middle) + f"[^/]*{last}(?![^/])"


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
