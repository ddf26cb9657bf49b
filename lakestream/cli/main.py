"""The ``lakestream`` command: all that a person needs at night, without Python.

Exit codes: 0 done, 1 an error that is told on standard error, 2 a command that was misspelt.
"""

from __future__ import annotations

import fnmatch
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from lakestream.cli.checking import check_table, print_checks
from lakestream.cli.file_verbs import FileVerb, decide, print_decided, print_expiring
from lakestream.cli.notification_verbs import app as notification_verbs
from lakestream.cli.output import (
    ERR,
    OUT,
    counted,
    human_bytes,
    print_json,
    print_table,
    printable,
    told,
)
from lakestream.cli.progress_bar import ProgressBar
from lakestream.cli.quarantine_verbs import QuarantineVerb, replay_records
from lakestream.cli.schema import print_history, print_schema
from lakestream.cli.target import load_table, load_tables
from lakestream.errors import ConfigError, LakestreamError
from lakestream.plan.arrow_types import spark_schema
from lakestream.plan.types import schema_ddl, type_name
from lakestream.triggers import Trigger, available_now, once, processing_time

if TYPE_CHECKING:
    from lakestream.query.overview import TableStatus
    from lakestream.query.progress import QueryProgress
    from lakestream.sources.files.states import FileState
    from lakestream.streaming_table import StreamingTable

#: From this many columns on, tables show all that they have.
_WIDE: Final = 110
#: New columns that are told by name after a run.
_NAMED: Final = 10
#: What shells give a process that Ctrl-C ended: `run a && run b` does not go on with b.
_INTERRUPTED: Final = 130

app = typer.Typer(
    name="lakestream",
    help="Files that land become exactly-once Delta tables.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(notification_verbs, name="notifications")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer gives it by position
    if wanted:
        OUT.print(f"lakestream {version('lakestream')}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Files that land become exactly-once Delta tables."""


TableArgument = Annotated[
    str, typer.Argument(metavar="MODULE:TABLE", help="pipeline:bronze_orders, or pipeline.py:...")
]
ModuleArgument = Annotated[
    str, typer.Argument(metavar="MODULE[:TABLE]", help="a module, or one table of it")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def run() -> None:
    """Run the command line; errors that we know are told without a traceback."""
    try:
        app()
    except LakestreamError as error:
        ERR.print(escape(told(error)), style="red", highlight=False)
        sys.exit(1)


@app.command("run")
def run_table(
    target: TableArgument,
    *,
    once_only: Annotated[bool, typer.Option("--once", help="One batch without limits.")] = False,
    available: Annotated[
        bool, typer.Option("--available-now", help="All that is there, then end (the default).")
    ] = False,
    interval: Annotated[
        str | None, typer.Option(help='Keep running, a batch an interval: "10s".')
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one progress document a batch.")
    ] = False,
) -> None:
    """Bring a table up to date."""
    trigger = _trigger(once_only=once_only, available=available, interval=interval)
    table = load_table(target)
    if as_json:
        table.run(trigger, on_progress=lambda progress: print_json(progress.as_dict()))
        return
    try:
        with ProgressBar(table.name) as bar:
            done = table.run(trigger, on_progress=bar.show)
    except KeyboardInterrupt:
        OUT.print("stopped; the next run goes on where this one was")
        raise typer.Exit(0 if interval else _INTERRUPTED) from None
    if done:
        _print_run(table.name, done)
    else:
        _print_nothing_new(table)


@app.command()
def check(target: ModuleArgument, *, as_json: JsonOption = False) -> None:
    """Check declarations against their input, and ask their queues; write and take nothing."""
    results = [check_table(table) for table in load_tables(target)]
    if as_json:
        print_json(results)
    else:
        print_checks(results)
    raise typer.Exit(0 if all(each["ok"] for each in results) else 1)


@app.command()
def status(target: ModuleArgument, *, as_json: JsonOption = False) -> None:
    """Show where tables stand: last batch, rows, backlog."""
    tables = load_tables(target)
    found: list[TableStatus] = []
    failures: dict[str, LakestreamError] = {}
    for table in tables:
        try:
            found.append(table.status())
        except LakestreamError as error:
            if len(tables) == 1:
                raise
            failures[table.name] = error
    if as_json:
        unknown = [{"name": name, "error": told(each)} for name, each in failures.items()]
        print_json([*(asdict(each) for each in found), *unknown])
    else:
        columns = ["table", "state", "batch", "version", "rows", "backlog", "last commit (UTC)"]
        print_table(columns, [_status_row(each) for each in found])
        for name, each in failures.items():
            ERR.print(escape(f"{name}: {told(each)}"), style="red", highlight=False)
    raise typer.Exit(1 if failures else 0)


@app.command()
def files(
    target: TableArgument,
    verb: Annotated[
        FileVerb | None, typer.Argument(help="Decide about the files that match PATTERNS.")
    ] = None,
    patterns: Annotated[
        list[str] | None, typer.Argument(help="Keys, or globs over whole keys.")
    ] = None,
    *,
    pending: Annotated[bool, typer.Option("--pending", help="Only those not read yet.")] = False,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="Only those in quarantine, whole or in part.")
    ] = False,
    path: Annotated[str | None, typer.Option(help="Only keys that match this glob.")] = None,
    actions: Annotated[
        bool, typer.Option("--actions", help="Show who decided what, when and why.")
    ] = False,
    expiring: Annotated[
        str | None,
        typer.Option(
            metavar="AGE", help='Show what a max_file_age of AGE would forget: "90 days".'
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="With a verb: why. Kept for later.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="With replay: also files whose rows are there.")
    ] = False,
    even_planned: Annotated[
        bool,
        typer.Option("--even-planned", help="Also files of a batch that is planned already."),
    ] = False,
    discover: Annotated[
        bool, typer.Option("--discover", help="With a verb: look for new files first.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With a verb: say what it would do.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With a verb: do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show each discovered file and what became of it; or decide about some.

    replay reads files again that went to quarantine, were skipped, ignored or marked done; forget
    takes settled files as new when they are seen again; mark-done and quarantine set files aside
    that wait.
    """
    table = load_table(target)
    if verb is not None:
        decide(
            table, verb, patterns or [], reason=reason, again=again, even_planned=even_planned,
            discover=discover, dry_run=dry_run, yes=yes, as_json=as_json,
        )  # fmt: skip
        return
    if actions:
        print_decided(table, as_json=as_json)
        return
    if expiring is not None:
        print_expiring(table, expiring, as_json=as_json)
        return
    found = [
        each
        for each in table.files()
        if (not pending or each.state == "pending")
        and (not quarantined or each.state == "quarantined" or bool(each.bad))
        and (path is None or fnmatch.fnmatchcase(each.key, path))
    ]
    if as_json:
        print_json([asdict(each) for each in found])
        return
    columns = ["seq", "key", "size", "state", "batch", "rows", "rescued", "bad"]
    if OUT.width >= _WIDE:
        columns += ["version", "discovered (UTC)"]
    print_table(columns, [_file_row(each) for each in found])
    for each in found:
        if each.reason:
            OUT.print(f"{escape(printable(each.key))}: {escape(each.reason)}", highlight=False)
        if each.archive_mode is not None:
            to = "deleted" if each.archived_to is None else f"moved to {each.archived_to}"
            told = f"{printable(each.key)}: {printable(to)}, {each.archived_at:%Y-%m-%d %H:%M} UTC"
            OUT.print(escape(told), highlight=False)


@app.command()
def preview(
    target: TableArgument,
    *,
    rows: Annotated[int, typer.Option("-n", "--rows", help="How many rows.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show the schema and the first rows that a first run would write; commit nothing."""
    table = load_table(target)
    found = table.preview(rows)
    if as_json:
        print_json({"schema": schema_ddl(spark_schema(found.schema)), "rows": found.to_pylist()})
        return
    OUT.print(f"[bold]{escape(table.name)}[/]")
    for name, kind in spark_schema(found.schema).fields:
        OUT.print(f"  {escape(name)}: {escape(type_name(kind))}", highlight=False)
    print_table(found.schema.names, found.to_pylist())


@app.command()
def schema(
    target: TableArgument,
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Show each schema there was, and what changed when.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what the newest files hold otherwise.")
    ] = False,
    hint: Annotated[
        list[str] | None,
        typer.Option(metavar="DDL", help='Try a schema hint: "price DECIMAL(10,2)".'),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the columns that are looked for in the files; change nothing."""
    if history and (diff or hint):
        raise typer.BadParameter("--history goes without --diff and --hint")
    table = load_table(target)
    if history:
        print_history(table, as_json=as_json)
        return
    print_schema(table, hints=hint or [], diff=diff, as_json=as_json)


@app.command()
def quarantine(
    target: TableArgument,
    verb: Annotated[QuarantineVerb | None, typer.Argument(help="Give records another try.")] = None,
    *,
    file: Annotated[str | None, typer.Option(help="Only of keys that match this glob.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this code.")] = None,
    edit: Annotated[
        Path | None,
        typer.Option(help="With replay: only the records in this file, mended as it has them."),
    ] = None,
    reason: Annotated[str, typer.Option(help="With replay: why. Kept for later.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With replay: say what it would do.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With replay: do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the records and files that could not be read; or read records again.

    replay gives records another try, as they are or mended: the next run reads them, each once.
    """
    table = load_table(target)
    if verb is not None:
        replay_records(
            table, file=file, code=code, edits=edit, reason=reason, dry_run=dry_run, yes=yes,
            as_json=as_json,
        )  # fmt: skip
        return
    found = [
        each
        for each in table.quarantine().to_pylist()
        if (file is None or fnmatch.fnmatchcase(each["file_key"], file))
        and (code is None or each["code"] == code)
    ]
    if as_json:
        print_json(found)
        return
    print_table(["id", "state", "file_key", "line", "code", "reason", "raw"], found)


@app.command()
def reset(
    target: TableArgument,
    *,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Also delete the table's rows, in one commit.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget a table's progress, so that all input is read again."""
    table = load_table(target)
    report = table.reset_report()
    OUT.print(
        f"[bold]{escape(table.name)}[/] forgets {counted(report.batches, 'batch', 'batches')} and "
        f"{_files_of(report.files)} in {escape(report.checkpoint)}",
        highlight=False,
    )
    if truncate:
        OUT.print(f"its {counted(report.rows, 'row')} will be deleted; older versions keep them")
    elif report.rows:
        OUT.print(
            f"[yellow]its {counted(report.rows, 'row')} will stay, and what is read again comes on "
            "top[/]"
        )
    if not yes and not typer.confirm("Go on?"):
        raise typer.Exit(1)
    table.reset(truncate=truncate)
    OUT.print("done: the next run starts from the first file")


def _trigger(*, once_only: bool, available: bool, interval: str | None) -> Trigger | None:
    if once_only + available + (interval is not None) > 1:
        raise typer.BadParameter("give one of --once, --available-now and --interval")
    if interval is not None:
        try:
            return processing_time(interval)
        except ConfigError as error:
            raise typer.BadParameter(str(error), param_hint="--interval") from error
    if once_only:
        return once()
    return available_now() if available else None


def _print_run(name: str, done: list[QueryProgress]) -> None:
    rows, files = sum(p.num_output_rows for p in done), sum(p.files for p in done)
    OUT.print(
        f"[green]{escape(name)}[/]: {counted(rows, 'row')} from {counted(files, 'file')} in "
        f"{counted(len(done), 'batch', 'batches')}, Delta version {done[-1].delta_version}",
        highlight=False,
        soft_wrap=True,
    )
    rescued, bad = sum(p.rescued_rows for p in done), sum(p.bad_records for p in done)
    bad_files = sum(p.bad_files for p in done)
    if rescued:
        OUT.print(f"[yellow]{counted(rescued, 'row')} with rescued data[/]", highlight=False)
    changes = [change for p in done for change in p.schema_changes]
    for words, paths in (
        ("new column", [each.path for each in changes if each.kind != "retyped"]),
        ("wider column", [each.path for each in changes if each.kind == "retyped"]),
    ):
        if not paths:
            continue
        names = ", ".join(paths[:_NAMED]) + (" ..." if len(paths) > _NAMED else "")
        OUT.print(
            f"[yellow]{counted(len(paths), words)} in the table[/]: {escape(printable(names))}",
            highlight=False,
            soft_wrap=True,
        )
    told = {each.metrics.get("newPartitionKeys") for p in done for each in p.sources}
    for keys in sorted(each for each in told if each is not None):
        OUT.print(
            f"[yellow]folders have keys that are no columns[/]: {escape(printable(keys))}",
            highlight=False,
            soft_wrap=True,
        )
    if bad or bad_files:
        OUT.print(
            f"[yellow]{counted(bad, 'record')} and {counted(bad_files, 'file')} in quarantine[/]: "
            "see `lakestream quarantine`",
            highlight=False,
            soft_wrap=True,
        )


def _print_nothing_new(table: StreamingTable) -> None:
    """Say so; of a table that has had no input yet also where that is looked for."""
    text = f"{table.name}: nothing new"
    if table.status().state == "never run":
        sources = ", ".join(each.description for each in table.sources)
        text += f"; no input has been found yet in {sources}"
    OUT.print(escape(text), highlight=False, soft_wrap=True)


def _status_row(each: TableStatus) -> dict[str, object]:
    backlog = f"{counted(each.backlog.files, 'file')}, {human_bytes(each.backlog.bytes)}"
    return {
        "table": each.name,
        "state": each.state,
        "batch": each.batch_id,
        "version": each.delta_version,
        "rows": each.rows,
        "backlog": backlog if each.backlog.complete else f"{backlog} or more",
        "last commit (UTC)": each.last_commit_at,
    }


def _file_row(each: FileState) -> dict[str, object]:
    return {
        "seq": each.seq,
        "key": each.key,
        "size": human_bytes(each.size_bytes),
        "discovered (UTC)": each.discovered_at,
        "state": each.state,
        "batch": each.batch_id,
        "version": each.delta_version,
        "rows": each.rows,
        "rescued": each.rescued,
        "bad": each.bad,
    }


def _files_of(files: int | None) -> str:
    return "an unknown number of files" if files is None else counted(files, "file")
