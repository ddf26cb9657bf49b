"""``include_patterns`` and ``exclude_patterns``: globs and regular expressions over paths. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from lakestream.errors import ConfigError
from lakestream.sources.files.glob import Glob, compile_glob
from lakestream.sources.files.option_values import WHERE, check_type

_REGULAR: Final = "re:"
_EXAMPLE: Final = (
    r'write a glob, "archive/*.json", or "re:" and a regular expression, r"re:_v\d+\."'
)


class PathPatterns(msgspec.Struct, frozen=True):
    """What belongs to a source by its path below the root.

    Args:
        include: One of these has to match; none of them lets every path in.
        exclude: None of these may match.
    """

    include: tuple[Glob | re.Pattern[str], ...] = ()
    exclude: tuple[Glob | re.Pattern[str], ...] = ()

    def takes(self, key: str) -> bool:
        """Tell whether a path belongs. What matches a folder matches all that is below it."""
        if any(_matches(each, key) for each in self.exclude):
            return False
        return not self.include or any(_matches(each, key) for each in self.include)

    def texts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give both as they were written."""
        return tuple(map(_text, self.include)), tuple(map(_text, self.exclude))


def path_patterns(
    include: str | Iterable[str] | None, exclude: str | Iterable[str] | None
) -> PathPatterns:
    """Check and compile both options.

    Raises:
        ConfigError: A pattern is none, or ``include_patterns`` is empty.
    """
    included = _compiled(include, "include_patterns")
    if include is not None and not included:
        raise ConfigError(
            "include_patterns is empty: no file would be taken",
            where=WHERE,
            fix="leave it out, or name what is to be taken",
        )
    return PathPatterns(included, _compiled(exclude, "exclude_patterns"))


def _compiled(texts: str | Iterable[str] | None, option: str) -> tuple[Glob | re.Pattern[str], ...]:
    given = () if texts is None else (texts,) if isinstance(texts, str) else texts
    if not isinstance(given, Iterable):
        raise ConfigError(
            f"{option} must be a str or several, not {type(given).__name__}",
            where=WHERE,
            fix=_EXAMPLE,
        )
    return tuple(_one(each, option) for each in given)


def _one(text: str, option: str) -> Glob | re.Pattern[str]:
    check_type(option, text, str)
    if not text.removeprefix(_REGULAR).strip("/ "):
        raise ConfigError(f"{option} has an empty pattern", where=WHERE, fix=_EXAMPLE)
    if not text.startswith(_REGULAR):
        return compile_glob(text, option=option, style="deep")
    try:
        return re.compile(text.removeprefix(_REGULAR))
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"not a regular expression: {error}", where=f"{option}={text!r}", fix=_EXAMPLE
        ) from error


def _matches(pattern: Glob | re.Pattern[str], key: str) -> bool:
    if isinstance(pattern, Glob):
        return pattern.takes(key, recursive=True)
    return pattern.search(key) is not None


def _text(pattern: Glob | re.Pattern[str]) -> str:
    return pattern.text if isinstance(pattern, Glob) else f"{_REGULAR}{pattern.pattern}"
