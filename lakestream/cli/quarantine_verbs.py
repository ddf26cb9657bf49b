"""``lakestream quarantine MODULE:TABLE replay``: giving records another try."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer
from rich.markup import escape

from lakestream.cli.output import OUT, counted, print_json, printable

if TYPE_CHECKING:
    from lakestream.query.quarantine import ReplayReport
    from lakestream.streaming_table import StreamingTable

_LEFT = {
    "replayed": "replayed before",
    "whole files": "that are whole files (`lakestream files MODULE:TABLE replay KEY`)",
    "unknown": "that no filter takes, or that are not there",
}


class QuarantineVerb(enum.StrEnum):
    """The verbs, as they are typed."""

    REPLAY = "replay"


def replay_records(
    table: StreamingTable,
    *,
    file: str | None,
    code: str | None,
    edits: Path | None,
    reason: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell what a replay is about, ask, and do it."""
    ids = changed = None
    if edits is not None:
        texts = _texts(edits)
        ids, changed = list(texts), _changed(table, texts)

    def replay(*, dry: bool) -> ReplayReport:
        return table.replay_quarantined(
            reason=reason, file=file, code=code, ids=ids, edits=changed, dry_run=dry
        )

    # Without a question in between, what is told is what was done.
    report = replay(dry=dry_run or not yes)
    if as_json:
        if not dry_run and not yes:
            raise typer.BadParameter("--json does not ask: give --yes or --dry-run")
        print_json({"done": not dry_run, **msgspec.to_builtins(report)})
        return
    mended = "" if changed is None else f", {len(changed):,} of them mended"
    OUT.print(
        f"[bold]{escape(table.name)}[/] reads again {counted(len(report.records), 'record')} of"
        f" {counted(len(report.files), 'file')}{mended}",
        highlight=False,
    )
    for why, count in report.left.items():
        OUT.print(f"left alone: {count:,} {_LEFT[why]}", highlight=False)
    if dry_run or not report.records:
        return
    if not yes:
        if not typer.confirm("Go on?"):
            raise typer.Exit(1)
        report = replay(dry=False)
    OUT.print(f"done: {counted(len(report.records), 'record')}; the next run reads them")


def _texts(path: Path) -> dict[str, str]:
    """Read records as ``lakestream quarantine --json`` prints them, or one a line."""
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
        return {str(each["id"]): _raw(each) for each in found}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise typer.BadParameter(
            f"{printable(str(path))} holds no records: {type(error).__name__}. Write them as"
            " `lakestream quarantine MODULE:TABLE --json` does, with id and raw",
            param_hint="--edit",
        ) from error


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _raw(record: Any) -> str:  # noqa: ANN401  JSON has no types
    if not isinstance(record["raw"], str):
        raise TypeError("raw is no text")
    return str(record["raw"])


def _changed(table: StreamingTable, texts: dict[str, str]) -> dict[str, str]:
    """Give the texts that were really mended: others go on byte for byte."""
    before = {
        each["id"]: (each["raw"] or b"").decode("utf-8", "backslashreplace")
        for each in table.quarantine().to_pylist()
    }
    return {name: text for name, text in texts.items() if before.get(name) != text}
