"""What rows are held to: a SQL condition, and what becomes of a row that breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

import msgspec

from lakestream.errors import ConfigError, near_names

OnFail = Literal["warn", "drop", "fail"]
_ON_FAIL: Final[tuple[str, ...]] = get_args(OnFail)


class Rule(msgspec.Struct, frozen=True):
    """A condition without a name yet: what ``ls.expect`` gives."""

    sql: str
    on_fail: OnFail


class Expectation(msgspec.Struct, frozen=True):
    """A named condition over the output's columns.

    A row holds when the condition is true: false and NULL both break it.

    Args:
        name: Unique among the table's expectations.
        sql: A Spark SQL condition: ``"price IS NOT NULL"``.
        on_fail: ``warn`` keeps the row and counts it; ``drop`` counts it and leaves it out;
            ``fail`` ends the batch, when all its rows are counted, before anything is committed.
    """

    name: str
    sql: str
    on_fail: OnFail


def expect(sql: str, on_fail: OnFail = "warn") -> Rule:
    """Declare what rows are held to, for ``expectations={"name": ls.expect(...)}``.

    Args:
        sql: A Spark SQL condition over the table's columns; NULL counts as broken.
        on_fail: ``"warn"``, ``"drop"`` or ``"fail"``.

    Raises:
        ConfigError: ``on_fail`` is none of them, or the condition is empty.
    """
    if on_fail not in _ON_FAIL:
        raise ConfigError(
            f"on_fail={on_fail!r} is unknown",
            where=f"ls.expect({sql!r})",
            fix=near_names(str(on_fail), _ON_FAIL),
        )
    if not isinstance(sql, str) or not sql.strip():
        raise ConfigError(
            "an expectation needs a condition",
            where="ls.expect",
            fix='give a SQL condition such as "price IS NOT NULL"',
        )
    return Rule(sql, on_fail)


def named_expectations(rules: Mapping[str, str | Rule]) -> tuple[Expectation, ...]:
    """Give the expectations of a table's ``expectations=`` mapping; a bare text warns.

    Raises:
        ConfigError: A rule is neither text nor ``ls.expect(...)``, or has no condition.
    """
    found = []
    for name, rule in rules.items():
        if not isinstance(rule, str | Rule):
            raise ConfigError(
                f"not an expectation: {type(rule).__name__}",
                where=f"expectation {name!r}",
                fix='give a SQL condition, or ls.expect("...", on_fail=...)',
            )
        checked = expect(rule) if isinstance(rule, str) else rule
        found.append(Expectation(name, checked.sql, checked.on_fail))
    return tuple(found)
