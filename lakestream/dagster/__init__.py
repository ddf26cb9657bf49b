"""Streaming tables in Dagster: assets, a sensor, checks, backfills, an IO manager.

The only importer of dagster.
"""

from lakestream.dagster.assets import build_assets
from lakestream.dagster.backfill import build_backfill_job
from lakestream.dagster.builder import build_definitions
from lakestream.dagster.io_manager import LakeIOManager
from lakestream.dagster.sensor import build_sensor
from lakestream.dagster.translator import LakestreamTranslator

__all__ = [
    "LakeIOManager",
    "LakestreamTranslator",
    "build_assets",
    "build_backfill_job",
    "build_definitions",
    "build_sensor",
]
