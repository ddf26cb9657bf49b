"""docs/parsing.md, made of the rulings. ``make reliability`` writes it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from support.rulings import csv_files, csv_values, json_files, json_options, json_values
from support.rulings.model import VALUE_KINDS, Bad, Fails, File, Group, Outcome, Row, Value

PAGE: Final = Path(__file__).parents[3] / "docs" / "parsing.md"
GROUPS: Final = (
    *json_values.GROUPS,
    *json_files.GROUPS,
    *json_options.GROUPS,
    *csv_values.GROUPS,
    *csv_files.GROUPS,
)
_SHOWN: Final = 48
_OPENING: Final = """\
<!-- Written by `make reliability`; tests/formats/test_rulings_page.py compares. -->
# What JSON and CSV become

Every ruling on this page is data that the tests read (`tests/support/rulings/`), and each is
tested by every path through the code (`tests/formats/test_rulings.py`): a block taken whole, record
by record, every record rewritten, values cast one by one; the file alone and among others, in
chunks cut at every byte; columns declared, hinted and inferred; `multi_line`; compressed; each
`mode`. The name of a test ends with the format and the ruling's name: `pytest -k json-cr`.

What does not fit is never lost. A value that its column's type does not take is null there and
stands in the rescued data as it stood in the file; a record that cannot be read goes to quarantine
with its line, a code and its bytes; a file whose header cannot be read goes there whole.

Records may have 64 MB and 40 levels. Longer ones are bad records (`record_too_long`), deeper ones
too (`too_deep`).

Spark 4.0.1 was given the same files. Where it does otherwise the last column says so ({differing}
of {count} rulings): mostly it drops or replaces data in silence, or guesses what the writer meant.
Differences that are the same everywhere are not repeated: Spark reads a JSON number for a timestamp
as seconds, takes the day of a time for a date, and rescues nothing by itself.
"""
_ABOUT_VALUES: Final = (
    "Read into a column of each type. A string column takes every value, a binary one of CSV too;"
    " a type that is not named gives null, and the value is rescued."
)


def page() -> str:
    """Give the whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    rulings = [each for group in GROUPS for each in group.rulings]
    differing = sum(bool(each.spark) for each in rulings)
    yield _OPENING.format(differing=differing, count=len(rulings))
    for group in GROUPS:
        yield f"## {group.title}\n"
        yield from _group(group)
        yield ""


def _group(group: Group) -> Iterator[str]:
    if isinstance(group.rulings[0], Value):
        yield f"{group.about or _ABOUT_VALUES}\n"
        yield "| name | value | taken as | inferred | note | Spark otherwise |"
    else:
        if group.about:
            yield f"{group.about}\n"
        yield "| name | case | file | becomes | Spark otherwise |"
    yield "|" + "---|" * (6 if isinstance(group.rulings[0], Value) else 5)
    for each in group.rulings:
        cells = _value(each) if isinstance(each, Value) else _file(each)
        yield "| " + " | ".join(cells) + " |"


def _value(ruling: Value) -> tuple[str, ...]:
    return (
        ruling.id,
        _code(_short(ruling.text)),
        _taken(ruling) or "no other type",
        _code(ruling.inferred.lower()),
        ruling.case,
        ruling.spark,
    )


def _taken(ruling: Value) -> str:
    """Name the types that take a value, those together that make the same of it."""
    by_text: dict[str, list[str]] = {}
    for kind in VALUE_KINDS:
        if kind in ruling.takes and not (kind == "STRING" and ruling.text[:1] == '"'):
            by_text.setdefault(_shown(ruling.takes[kind]), []).append(kind.lower())
    return "; ".join(f"{', '.join(kinds)}: {_code(text)}" for text, kinds in by_text.items())


def _shown(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bytes():
            return "0x" + value.hex()
        case datetime() | date():
            return value.isoformat().replace("+00:00", "Z")
        case bool() | str() | list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=True)
        case float() if math.isfinite(value):
            return repr(value)
        case _:
            return str(value)


def _file(ruling: File) -> tuple[str, ...]:
    options = "".join(f", `{name}={value!r}`" for name, value in ruling.options.items())
    with_lines = ruling.gives != ruling.multi_line is not None
    multi = f"; `multi_line`: {_becomes(ruling.multi_line or ())}" if with_lines else ""
    return (
        ruling.id,
        ruling.case + (options if ruling.case.count("`") == 0 else ""),
        _code(_short(_bytes(ruling.data))),
        _becomes(ruling.gives) + multi,
        ruling.spark,
    )


def _becomes(outcomes: tuple[Outcome, ...]) -> str:
    return ", ".join(_outcome(each) for each in outcomes) or "nothing"


def _outcome(outcome: Outcome) -> str:
    match outcome:
        case Row(values, rescued):
            text = "(" + ", ".join(_shown(each) for each in values) + ")"
            return _code(_short(text)) + (f" rescued {_code(_short(rescued))}" if rescued else "")
        case Bad(line, code):
            return f"bad line {line} `{code}`"
        case Fails(reason):
            return f"file quarantined: {reason}"


def _bytes(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return repr(data)[2:-1]
    shown = text.encode("unicode_escape").decode()
    # A backslash of the file itself stays one: what is meant shows by the ruling's words.
    return shown.replace("\\\\", "\\")


def _short(text: str) -> str:
    text = text.encode("unicode_escape").decode().replace("\\\\", "\\")
    return text if len(text) <= _SHOWN * 2 else f"{text[:_SHOWN]}...{text[-8:]}"


def _code(text: str) -> str:
    return f"`` {text} ``".replace("|", "\\|") if "`" in text else f"`{text}`".replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
