"""What Dagster loads: ``workspace.yaml`` and ``[tool.dg]`` both name this module."""

import dagster as dg

from definitions.delays import delays_by_carrier, plain_assets
from definitions.tables import TABLES
from lakestream.dagster import build_definitions

defs = dg.Definitions.merge(
    build_definitions(TABLES, sensor_interval="5 seconds"),
    dg.Definitions(assets=[delays_by_carrier], sensors=[plain_assets]),
)
