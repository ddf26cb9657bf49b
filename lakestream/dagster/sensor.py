"""One sensor for many tables: it looks for news and asks for one run that brings them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import dagster as dg

from lakestream.clock import SYSTEM_CLOCK, Clock
from lakestream.dagster import history
from lakestream.dagster.lineage import Lineage
from lakestream.dagster.names import pool_name, query_tag
from lakestream.dagster.pools import ensure_limits, free_slots_of_ended_runs
from lakestream.dagster.translator import LakestreamTranslator
from lakestream.errors import LakestreamError, SourceNotFoundError
from lakestream.units import parse_duration

if TYPE_CHECKING:
    from lakestream.sources.base import Backlog
    from lakestream.streaming_table import StreamingTable

#: How long one tick looks for new input; Dagster gives a tick 60 seconds in all.
DISCOVERY_BUDGET_S: Final = 20.0


@dataclass(slots=True)
class Findings:
    """What one tick found out, by query name.

    Attributes:
        backlogs: What waits, of each table that was looked at.
        missing: Tables with nothing at the place they read from, not yet.
        errors: Why a table could not be looked at.
        busy: Queries that a run works on already.
        waiting: Queries left alone after failures, and until when.
        resume_at: Where the next tick goes on; None when this one got round.
    """

    backlogs: dict[str, Backlog] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)
    busy: frozenset[str] = frozenset()
    waiting: Mapping[str, datetime] = field(default_factory=dict)
    resume_at: str | None = None

    def blocked(self, name: str) -> bool:
        """Tell whether a query is not to be started now."""
        return name in self.busy or name in self.waiting


def build_sensor(
    tables: Sequence[StreamingTable],
    *,
    translator: LakestreamTranslator | None = None,
    name: str = "lakestream",
    interval: str | timedelta | float = "30 seconds",
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.RUNNING,
) -> dg.SensorDefinition:
    """Make the sensor that keeps tables up to date.

    Each tick looks for new input, table by table for 20 seconds, and goes on at the next tick
    with the table it did not get to. What it finds becomes one run over the tables with a
    backlog and those downstream of them. A place that takes longer to list than a tick has is
    listed in pieces where its store lists in order, else (Azure) it is left to the run. A table
    that a run works on already is left alone; so is one whose runs failed, for one interval, two,
    four, up to an hour.

    Runs carry no run key: a key that was launched once would block the retry of a failed run.
    They run in process, in the job ``<name>_run``.

    Args:
        tables: Streaming tables.
        translator: The one that ``build_assets`` got.
        name: The sensor's name; a second sensor in one code location needs another.
        interval: Between ticks, at least a second. Dagster's daemon looks every 5 seconds.
        default_status: Whether the sensor runs before anybody switched it on.
    """
    lineage = Lineage(tables, translator or LakestreamTranslator())
    seconds = max(1, round(parse_duration(interval, option="interval").total_seconds()))
    job = dg.define_asset_job(
        f"{name}_run",
        selection=dg.AssetSelection.assets(*(lineage.key(table) for table in lineage.tables)),
        executor_def=dg.in_process_executor,
        description="Brings streaming tables up to date; the sensor says which.",
    )

    @dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=seconds,
        default_status=default_status,
        description="Looks for new input of the streaming tables and asks for one run.",
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        findings = _look(context, lineage, name, timedelta(seconds=seconds), SYSTEM_CLOCK)
        return _result(context, lineage, findings)

    return evaluate


def _look(
    context: dg.SensorEvaluationContext,
    lineage: Lineage,
    sensor_name: str,
    interval: timedelta,
    clock: Clock,
) -> Findings:
    tables = lineage.tables
    pools = [pool_name(table) for table in tables]
    ensure_limits(context.instance, pools)
    free_slots_of_ended_runs(context.instance, pools)
    now = clock.now()
    keys = {table.name: lineage.key(table) for table in tables}
    ended = history.ended_runs(context.instance, sensor_name, keys, now)
    until = {
        each.name: history.waiting_until(each.name, ended, interval=interval) for each in tables
    }
    findings = Findings(
        busy=frozenset(history.busy_queries(context.instance, tables)),
        waiting={name: moment for name, moment in until.items() if moment and moment > now},
    )
    _discover(round_from(tables, context.cursor or ""), findings, clock)
    return findings


def round_from(tables: Sequence[StreamingTable], name: str) -> list[StreamingTable]:
    """Give the tables in turn, beginning with the named one if it is there."""
    at = next((i for i, table in enumerate(tables) if table.name == name), 0)
    return [*tables[at:], *tables[:at]]


def _discover(tables: Sequence[StreamingTable], findings: Findings, clock: Clock) -> None:
    """Look at each table until the time is used up; one is always looked at."""
    deadline = clock.monotonic() + DISCOVERY_BUDGET_S
    for table in tables:
        if findings.blocked(table.name):
            continue
        left = deadline - clock.monotonic()
        if left <= 0:
            findings.resume_at = table.name
            return
        try:
            backlog = table.discover(time_budget_s=left)
        except SourceNotFoundError:
            findings.missing.append(table.name)
            continue
        except Exception as error:  # noqa: BLE001 - one table's trouble must not stop the others
            findings.errors[table.name] = error
            continue
        findings.backlogs[table.name] = backlog


def tables_to_run(lineage: Lineage, findings: Findings) -> list[StreamingTable]:
    """Pick the tables with a backlog and those downstream, without the ones to leave alone.

    A table that could not be looked through counts as well, unless the next tick goes on where
    this one stopped: else it would stop at the same place each time; only a run gets to the end.
    """
    news = [
        table
        for table in lineage.tables
        if (backlog := findings.backlogs.get(table.name)) is not None
        and (backlog.files > 0 or not (backlog.complete or backlog.listed_to))
    ]
    wanted = {*news, *lineage.downstream(news)}
    return [
        table for table in lineage.tables if table in wanted and not findings.blocked(table.name)
    ]


def _result(
    context: dg.SensorEvaluationContext, lineage: Lineage, findings: Findings
) -> dg.SensorResult:
    for name, error in findings.errors.items():
        context.log.error("%s: %s", name, error, exc_info=error)
    # The daemon takes an empty cursor for no news, so the beginning is named too.
    cursor = findings.resume_at or lineage.tables[0].name
    chosen = tables_to_run(lineage, findings)
    if not chosen:
        _raise_if_nothing_works(findings)
        return dg.SensorResult(skip_reason=skip_reason(findings), cursor=cursor)
    request = dg.RunRequest(
        asset_selection=[lineage.key(table) for table in chosen], tags=query_tag(chosen)
    )
    return dg.SensorResult(run_requests=[request], cursor=cursor)


def _raise_if_nothing_works(findings: Findings) -> None:
    """Let the tick fail, visibly, when every table that was looked at gave an error."""
    looked_at = findings.backlogs or findings.missing
    if findings.errors and not looked_at and not findings.resume_at:
        raise next(iter(findings.errors.values()))


def skip_reason(findings: Findings) -> str:
    """Say what was looked at and why there is no run."""
    parts = []
    if seen := [name for name, backlog in findings.backlogs.items() if not backlog.listed_to]:
        parts.append(f"nothing new for {', '.join(seen)}")
    for name, backlog in findings.backlogs.items():
        if backlog.listed_to:
            parts.append(f"{name} is listed up to {backlog.listed_to!r}: the next tick goes on")
    if findings.missing:
        parts.append(f"nothing is there yet for {', '.join(findings.missing)}")
    if findings.busy:
        parts.append(f"a run works on {', '.join(sorted(findings.busy))}")
    for name, moment in sorted(findings.waiting.items()):
        parts.append(f"{name} failed and is tried again at {moment:%Y-%m-%d %H:%M:%S} UTC")
    for name, error in findings.errors.items():
        parts.append(f"{name} could not be looked at ({_code(error)})")
    if findings.resume_at:
        parts.append(f"the next tick goes on with {findings.resume_at}")
    return "; ".join(parts) or "there is no table to look at"


def _code(error: Exception) -> str:
    return error.code if isinstance(error, LakestreamError) else type(error).__name__
