"""``lakestream schema MODULE:TABLE``: a source's columns, their history, and what is to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.markup import escape

from lakestream.cli.output import OUT, print_json, print_table, printable
from lakestream.plan.types import schema_ddl, type_ddl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestream.sources.files.schema_view import SchemaPreview, SchemaVersion
    from lakestream.streaming_table import StreamingTable


def print_history(table: StreamingTable, *, as_json: bool) -> None:
    """Show each schema that the table's file sources have had, by what it changed."""
    found = table.schema_history()
    if as_json:
        print_json([_version_tree(each) for each in found])
        return
    if not found:
        OUT.print(
            f"{escape(table.name)}: no schema is stored: it is declared, or no run has found a"
            " file yet",
            highlight=False,
            soft_wrap=True,
        )
        return
    rows = [
        {
            "source": each.source,
            "version": each.number,
            "stored (UTC)": each.at,
            "cause": each.cause,
            "columns": len(each.columns.fields),
            "changes": "; ".join(str(change) for change in each.changes),
        }
        for each in found
    ]
    print_table(["source", "version", "stored (UTC)", "cause", "columns", "changes"], rows)


def print_schema(table: StreamingTable, *, hints: Sequence[str], diff: bool, as_json: bool) -> None:
    """Show the columns; with hints what these change, with ``diff`` what the files hold else."""
    found = table.schema_preview(", ".join(hints) or None)
    if as_json:
        print_json([_preview_tree(each, diff=diff) for each in found])
        return
    for each in found:
        OUT.print(f"[bold]{escape(printable(each.source))}[/]", highlight=False)
        if each.columns is None:
            OUT.print("  there is no file with content yet to infer columns from")
            continue
        if diff:
            _print_findings(each)
        elif hints:
            _print_hinted(each)
        else:
            _print_columns(each)


def _print_columns(found: SchemaPreview) -> None:
    fields = found.columns.fields if found.columns is not None else ()
    rows = [
        {
            "column": name,
            "type": type_ddl(kind),
            "from": "folders" if name in found.partitions else "files",
        }
        for name, kind in fields
    ]
    print_table(["column", "type", "from"], rows)


def _print_hinted(found: SchemaPreview) -> None:
    _print_columns(found)
    for change in found.hinted:
        OUT.print(f"  {escape(printable(str(change)))}", highlight=False, soft_wrap=True)
    if not found.hinted:
        OUT.print("  the hints change nothing")


def _print_findings(found: SchemaPreview) -> None:
    for each in found.hinted:
        OUT.print(f"  {escape(printable(str(each)))}: by the hints", highlight=False)
    for finding in found.findings:
        OUT.print(
            f"  {escape(printable(str(finding.change)))}: {finding.effect}",
            highlight=False,
            soft_wrap=True,
        )
    if not found.findings:
        OUT.print("  the newest files have these columns, all of them")


def _version_tree(found: SchemaVersion) -> dict[str, object]:
    return {
        "source": found.source,
        "version": found.number,
        "at": found.at,
        "cause": found.cause,
        "schema": schema_ddl(found.columns),
        "changes": msgspec.to_builtins(found.changes),
    }


def _preview_tree(found: SchemaPreview, *, diff: bool) -> dict[str, object]:
    tree: dict[str, object] = {
        "source": found.source,
        "schema": None if found.columns is None else schema_ddl(found.columns),
        "partitions": found.partitions,
        "hinted": msgspec.to_builtins(found.hinted),
    }
    if diff:
        tree["findings"] = msgspec.to_builtins(found.findings)
    return tree
