"""docs/auto_loader_options.md: each option of Auto Loader and what it is here.

``make reliability`` runs ``python -m support.auto_loader_options``, which writes the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lakestream.spark.delta_options import ROWS
from lakestream.spark.files_options import AUTO_LOADER, FORMATS, OWN, SHARED, SPARK
from lakestream.spark.option_row import Row
from support.reliability_table import ROOT, table_lines

PAGE: Final = ROOT / "docs" / "auto_loader_options.md"
_COLUMNS: Final = ("option", "status", "here")
_OPENING: Final = """\
<!-- Written by `make reliability`; tests/spark/test_files_options.py compares. -->
# Options of Auto Loader

What each option of `spark.readStream.format("cloudFiles")` and of the file formats is in
lakestream: *works* as the typed option of `ls.read_files` beside it; *accepted* with the values
named, since they are what lakestream does anyway, and refused with others; *declined* by its name,
with the reason; *open*: not built yet, and refused until then. Names count whatever their case. An
option that is in none of the tables is an error, except storage options: these go by
[object_store's names](files.md#options).
"""


def page() -> str:
    """Give the whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _OPENING.rstrip("\n")
    yield from _section("Auto Loader", AUTO_LOADER)
    yield from _section("All file sources", SHARED)
    yield from _section("Spark's own file sources", SPARK)
    for name, rows in FORMATS.items():
        if rows:
            yield from _section(f"Format {name}", rows)
    yield from _section("Without a name in Spark", OWN)
    yield from _section("The Delta source (`ls.read_delta`)", ROWS)


def _section(title: str, rows: Sequence[Row]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield from table_lines(_COLUMNS, [(f"`{row.name}`", row.status, _here(row)) for row in rows])


def _here(row: Row) -> str:
    remark = f": {row.why}" if row.why else ""
    if row.to:
        return f"`{row.to}`{remark}"
    if row.only == ():
        return row.why
    values = "any value" if row.only is None else " or ".join(f"`{each!r}`" for each in row.only)
    return f"{values}{remark}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
