"""Asset checks out of a run's own counts; nothing is read twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import dagster as dg

from lakestream.dagster.metadata import schema_changes
from lakestream.errors import ConfigError
from lakestream.query.progress import ExpectationCounts

if TYPE_CHECKING:
    from lakestream.errors import ExpectationFailedError
    from lakestream.plan.expectations import Expectation
    from lakestream.query.progress import QueryProgress
    from lakestream.streaming_table import StreamingTable

QUARANTINE: Final = "quarantine"
SCHEMA_CHANGE: Final = "schema_change"
_CONSEQUENCES: Final = {
    "warn": "rows that break it are kept and counted",
    "drop": "rows that break it are left out and counted",
    "fail": "a row that breaks it fails the run before its batch is committed",
}


def check_specs(table: StreamingTable, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Give a check for each expectation, one for quarantine and one for schema changes.

    Raises:
        ConfigError: An expectation has the name of one of the two.
    """
    found = [
        dg.AssetCheckSpec(
            QUARANTINE, asset=key, description="No record and no file of the run is in quarantine."
        ),
        dg.AssetCheckSpec(
            SCHEMA_CHANGE, asset=key, description="The run added no column and no nested field."
        ),
    ]
    taken = {spec.name for spec in found}
    for each in table.expectations:
        if each.name in taken:
            raise ConfigError(
                f"an expectation cannot be named {each.name!r}: every table has that check",
                where=f"streaming table {table.name!r}",
                fix="give the expectation another name",
            )
        found.append(
            dg.AssetCheckSpec(
                each.name,
                asset=key,
                description=f"{each.sql}: {_CONSEQUENCES[each.on_fail]}",
            )
        )
    return found


def check_results(
    table: StreamingTable, key: dg.AssetKey, batches: Sequence[QueryProgress]
) -> Iterator[dg.AssetCheckResult]:
    """Evaluate every check over the batches of one run that succeeded."""
    yield _quarantine(key, batches)
    changed = sum(batch.schema_changed for batch in batches)
    told: dict[str, int | str] = {"batches_with_changes": changed}
    if changes := schema_changes(batches):
        told["changes"] = changes
    yield _result(key, SCHEMA_CHANGE, passed=not changed, metadata=told)
    for expectation in table.expectations:
        counts = [batch.expectations.get(expectation.name) for batch in batches]
        yield _expectation(key, expectation, [each for each in counts if each is not None])


def failed_expectations(
    key: dg.AssetKey, error: ExpectationFailedError
) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the expectations that ended a run; the others were not decided."""
    for name, rows in error.failed_rows.items():
        yield dg.AssetCheckResult(
            check_name=name,
            asset_key=key,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"failed_rows": rows},
            description="the batch was not committed",
        )


def _quarantine(key: dg.AssetKey, batches: Sequence[QueryProgress]) -> dg.AssetCheckResult:
    records = sum(batch.bad_records for batch in batches)
    files = sum(batch.bad_files for batch in batches)
    return _result(
        key,
        QUARANTINE,
        passed=not records and not files,
        metadata={"bad_records": records, "bad_files": files},
    )


def _expectation(
    key: dg.AssetKey, expectation: Expectation, counts: Sequence[ExpectationCounts]
) -> dg.AssetCheckResult:
    failed = sum(each.failed for each in counts)
    dropped = sum(each.dropped for each in counts)
    return _result(
        key,
        expectation.name,
        passed=not failed and not dropped,
        metadata={
            "passed_rows": sum(each.passed for each in counts),
            "failed_rows": failed,
            "dropped_rows": dropped,
            "condition": expectation.sql,
        },
    )


def _result(
    key: dg.AssetKey, name: str, *, passed: bool, metadata: dict[str, int | str]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=dict(metadata),
    )
