"""The options of the Delta source, and what each is here."""

from __future__ import annotations

from typing import Final

from lakestream.spark.option_row import NOT_BUILT, Row
from lakestream.spark.option_values import number, size, switch


def version(value: str) -> int | str:
    """Read a version of a table, or ``latest``."""
    return value if value.strip().lower() == "latest" else number(value)


ROWS: Final = (
    Row("startingVersion", "starting_version", version),
    Row("startingTimestamp", "starting_timestamp"),
    Row("ignoreDeletes", "ignore_deletes", switch),
    Row("ignoreChanges", "ignore_changes", switch),
    Row("skipChangeCommits", "skip_change_commits", switch),
    Row("maxFilesPerTrigger", "max_files_per_trigger", number),
    Row("maxBytesPerTrigger", "max_bytes_per_trigger", size),
    Row("failOnDataLoss", only=("true",), why="a lost version always stops the query"),
    Row("readChangeFeed", only=("false",), why=NOT_BUILT),
    Row("readChangeData", only=("false",), why=NOT_BUILT),
    Row("excludeRegex", why="a table's log names its files: none is left out by its name"),
    Row("schemaTrackingLocation", why="the checkpoint keeps the schema, and follows new columns"),
)

OWN: Final = (
    Row("asset_key", "asset_key"),
    Row("storage_options", "storage_options"),
)
