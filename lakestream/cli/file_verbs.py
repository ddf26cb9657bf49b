"""``lakestream files MODULE:TABLE VERB``: decisions about single files."""

from __future__ import annotations

import enum
from collections import Counter
from typing import TYPE_CHECKING, Final, cast

import msgspec
import typer
from rich.markup import escape

from lakestream.cli.output import OUT, counted, print_json, print_table, printable

if TYPE_CHECKING:
    from lakestream.query.file_actions import FileActionReport
    from lakestream.sources.files.actions import Verb
    from lakestream.streaming_table import StreamingTable

#: Keys that are shown before the question; the others are counted.
_SHOWN: Final = 10
_DOES: Final = {
    "replay": "reads again",
    "forget": "takes as new, when it sees them again,",
    "mark_done": "never reads",
    "quarantine": "puts into quarantine unread",
}
_LEFT: Final = {
    "pending": "waiting for a batch anyway",
    "planned": "in a batch that is planned already (--even-planned takes them)",
    "gone": "not there any more",
    "committed": "with rows in the table",
    "done": "marked done already",
}


class FileVerb(enum.StrEnum):
    """The verbs, as they are typed."""

    REPLAY = "replay"
    FORGET = "forget"
    MARK_DONE = "mark-done"
    QUARANTINE = "quarantine"

    @property
    def verb(self) -> Verb:
        """The verb in Python."""
        return cast("Verb", self.value.replace("-", "_"))


def decide(
    table: StreamingTable,
    verb: FileVerb,
    patterns: list[str],
    *,
    reason: str,
    again: bool,
    even_planned: bool,
    discover: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell what a decision is about, ask, and make it."""

    def act(*, dry: bool) -> FileActionReport:
        return table.act_on_files(
            verb.verb,
            *patterns,
            reason=reason,
            again=again,
            even_planned=even_planned,
            discover=discover,
            dry_run=dry,
        )

    # Without a question in between, what is told is what was done.
    report = act(dry=dry_run or not yes)
    if as_json:
        if not dry_run and not yes:
            raise typer.BadParameter("--json does not ask: give --yes or --dry-run")
        print_json({"done": not dry_run, **msgspec.to_builtins(report)})
        return
    _print_report(table.name, report)
    if dry_run or not report.files:
        return
    if not yes:
        if not typer.confirm("Go on?"):
            raise typer.Exit(1)
        report = act(dry=False)
    OUT.print(f"done: {counted(len(report.files), 'file')}")


def _print_report(name: str, report: FileActionReport) -> None:
    OUT.print(
        f"[bold]{escape(name)}[/] {_DOES[report.verb]} {counted(len(report.files), 'file')}",
        highlight=False,
    )
    for file in report.files[:_SHOWN]:
        OUT.print(f"  {escape(printable(file.key))} ({file.state})", highlight=False)
    if len(report.files) > _SHOWN:
        OUT.print(f"  and {len(report.files) - _SHOWN:,} more")
    if report.committed:
        OUT.print(
            f"[yellow]the rows of {counted(report.committed, 'file')} are in the table, and come"
            " once more[/]"
        )
    for why, count in report.left.items():
        OUT.print(f"left alone: {counted(count, 'file')} {_LEFT.get(why, why)}", highlight=False)
    if not report.files and not report.left:
        OUT.print("no known file matches")


def print_decided(table: StreamingTable, *, as_json: bool) -> None:
    """Show who decided what, when and why."""
    found = table.file_actions()
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    rows = [
        {
            "when (UTC)": each.at,
            "by": each.by,
            "verb": each.verb,
            "files": _files_of(each.files),
            "reason": each.reason,
        }
        for each in found
    ]
    print_table(["when (UTC)", "by", "verb", "files", "reason"], rows)


def print_expiring(table: StreamingTable, age: str, *, as_json: bool) -> None:
    """Show what a ``max_file_age`` would forget and leave out."""
    found = table.expiring_files(age)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    OUT.print(
        f"[bold]{escape(table.name)}[/] knows {counted(found.known, 'file')};"
        f" with max_file_age={age!r} it forgets {counted(found.forgotten, 'file')} written"
        f" and found before {found.forgotten_before:%Y-%m-%d %H:%M} UTC",
        highlight=False,
        soft_wrap=True,
    )
    if found.never_taken:
        OUT.print(
            f"[yellow]{counted(found.never_taken, 'file')} in the place, older than that, were"
            " never taken, and would not be[/]",
            soft_wrap=True,
        )


def _files_of(files: tuple[tuple[int, str], ...]) -> str:
    """Name the one file, or the folders that many are in."""
    if len(files) == 1:
        return printable(files[0][1])
    folders = Counter(key.rpartition("/")[0] or "." for _, key in files)
    where = f"{next(iter(folders))}/" if len(folders) == 1 else counted(len(folders), "folder")
    return f"{counted(len(files), 'file')} in {printable(where)}"
