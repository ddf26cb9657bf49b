"""``build_definitions``: everything that a code location of streaming tables needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import dagster as dg

from lakestream.dagster.assets import build_assets
from lakestream.dagster.backfill import build_backfill_job
from lakestream.dagster.io_manager import LakeIOManager
from lakestream.dagster.names import IO_MANAGER_KEY
from lakestream.dagster.sensor import build_sensor
from lakestream.dagster.translator import LakestreamTranslator

if TYPE_CHECKING:
    from lakestream.streaming_table import StreamingTable

#: One for all, so that the definitions of several calls can be merged.
_IO_MANAGER: Final = LakeIOManager()


def build_definitions(
    tables: Sequence[StreamingTable],
    *,
    translator: LakestreamTranslator | None = None,
    sensor_name: str = "lakestream",
    sensor_interval: str | timedelta | float = "30 seconds",
    sensor_default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.RUNNING,
    executor: dg.ExecutorDefinition | None = None,
) -> dg.Definitions:
    """Make assets, checks, the sensor and the backfill job of streaming tables.

    Merge it with your own: ``Definitions.merge(build_definitions([...]), Definitions(...))``.
    A plain asset that takes a table as an input gets the frame that it annotates.

    Args:
        tables: Streaming tables.
        translator: How tables and sources show; the default one by default.
        sensor_name: Names the sensor and its jobs, ``<name>_run`` and ``<name>_backfill``;
            give two calls that are merged two names.
        sensor_interval: Between the sensor's ticks.
        sensor_default_status: Whether the sensor runs before anybody switched it on.
        executor: For runs that are started by hand. None leaves it to your own definitions;
            the sensor's runs and backfills are in process anyway.

    Raises:
        ConfigError: A declaration cannot work.

    No I/O on data: only the tables' functions are called.
    """
    translator = translator or LakestreamTranslator()
    sensor = build_sensor(
        tables,
        translator=translator,
        name=sensor_name,
        interval=sensor_interval,
        default_status=sensor_default_status,
    )
    backfill = build_backfill_job(tables, translator=translator, name=f"{sensor_name}_backfill")
    return dg.Definitions(
        assets=build_assets(tables, translator=translator),
        sensors=[sensor],
        jobs=[backfill],
        executor=executor,
        resources={IO_MANAGER_KEY: _IO_MANAGER},
    )
