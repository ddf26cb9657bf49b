"""Spark's option texts as typed values. Each raises ``ValueError`` that says what is wanted."""

from __future__ import annotations

import re


def text(value: str) -> str:
    """Take it as it stands."""
    return value


def switch(value: str) -> bool:
    """Read ``true`` or ``false``, whatever the case."""
    found = {"true": True, "false": False}.get(value.strip().lower())
    if found is None:
        raise ValueError("true or false")
    return found


def number(value: str) -> int:
    """Read a whole number."""
    if not re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value):
        raise ValueError("a whole number")
    return int(value)


def size(value: str) -> int | str:
    """Read bytes, ``"10g"`` among them; the option itself checks the text."""
    return int(value) if re.fullmatch(r"\d{1,18}", value) else value


def character(value: str) -> str | None:
    r"""Read a character; Spark writes ``\u0000`` where there is to be none."""
    return None if value in {"", "\0", "\\0", "\\u0000"} else value


def snake_case(value: str) -> str:
    """Read a choice that Spark writes ``addNewColumns`` and lakestream ``add_new_columns``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value.strip()).lower()


def lower(value: str) -> str:
    """Read a choice that lakestream writes in lower case."""
    return value.strip().lower()
