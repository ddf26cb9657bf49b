"""The demo without a UI: runs between drops, then the proof."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from rich.table import Table

from definitions import oracle
from definitions.definitions import defs
from definitions.feeder import Feeder
from definitions.flights import DRIFT, FILES
from definitions.tables import bronze_flights, silver_flights

if TYPE_CHECKING:
    from rich.console import Console

_FIRST_DAYS: Final = 20
_PAUSE_S: Final = 0.03
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def run_to_the_end(console: Console, landing: Path) -> int:
    """Run the sensor's job while files land and once after; gives the exit code."""
    feeder = Feeder(landing, first_days=_FIRST_DAYS, pause_s=_PAUSE_S)
    table = Table(
        "run", "files", "rows", "Delta version", "days landed", title="Runs between drops"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        number, last = 0, False
        while not last:
            last = feeder.done
            number += 1
            landed = feeder.dropped
            facts = _run(instance)
            if number == 1:
                feeder.start()
            table.add_row(
                str(number),
                *(str(facts[f"lakestream/{name}"]) for name in ("files", "rows", "delta_version")),
                str(landed),
            )
        console.print(table)
        if feeder.dropped != FILES:
            console.print(f"[bold red]only {feeder.dropped} of {FILES} files have landed[/]")
            return 1
        picture = dg.materialize(
            list(defs.assets or ()),
            instance=instance,
            selection="delays_by_carrier",
            resources=defs.resources,
            run_config=_QUIET,
        )
    console.print(_fates())
    verdict = _compare(console, landing)
    return 0 if picture.success and verdict else 1


def _run(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Run the job that the sensor asks for, over all tables; gives bronze's metadata."""
    job = defs.resolve_job_def("lakestream_run")
    result = job.execute_in_process(instance=instance, run_config=_QUIET)
    [event] = [
        each
        for each in result.get_asset_materialization_events()
        if each.asset_key == dg.AssetKey("bronze_flights")
    ]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def _fates() -> Table:
    """Show what became of each file that has something wrong."""
    table = Table(
        "file", "what it has", "state", "batch", "Delta version", "rows", "rescued", "bad",
        title="Where the drift went",
    )  # fmt: skip
    for state in bronze_flights.files():
        name = state.key.rpartition("/")[2]
        if name in DRIFT:
            facts = (
                state.state, state.batch_id, state.delta_version, state.rows, state.rescued,
                state.bad,
            )  # fmt: skip
            table.add_row(name, DRIFT[name], *("" if fact is None else str(fact) for fact in facts))
    return table


def _compare(console: Console, landing: Path) -> bool:
    """Hold both tables and the quarantine against the raw files."""
    wanted = oracle.expected(landing)
    quarantine = bronze_flights.quarantine().to_pylist()
    rescued = Counter(
        name
        for name, data in oracle.rows(
            bronze_flights.read(["_metadata", "_rescued_data"]),
            "_metadata.file_name",
            "_rescued_data",
        )
        if data is not None
    )
    checks = {
        "bronze_flights: each (file, row) exactly once": (
            wanted.bronze, oracle.actual_bronze(bronze_flights.read()),
        ),
        "silver_flights: each departure exactly once": (
            wanted.silver, oracle.actual_silver(silver_flights.read()),
        ),
        "rows with rescued data, by file": (wanted.rescued, rescued),
        "records in quarantine, by file": (
            wanted.bad_records, _quarantined(quarantine, whole=False),
        ),
        "files in quarantine": (
            Counter(wanted.bad_files), _quarantined(quarantine, whole=True),
        ),
    }  # fmt: skip
    table = Table(
        "what", "in the raw files", "in the tables", "", title="Held against the raw files"
    )
    for what, (want, have) in checks.items():
        verdict = "[green]equal[/]" if want == have else "[bold red]DIFFERENT[/]"
        table.add_row(what, f"{want.total():,}", f"{have.total():,}", verdict)
    console.print(table)
    return all(want == have for want, have in checks.values())


def _quarantined(entries: list[dict[str, Any]], *, whole: bool) -> Counter[str]:
    return Counter(
        entry["file_key"].rpartition("/")[2]
        for entry in entries
        if (entry["line"] is None) == whole
    )
