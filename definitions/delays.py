"""A plain Dagster asset on top of a streaming table: which carriers leave late."""

import base64
import io

import dagster as dg
import polars as pl


@dg.asset(
    group_name="gold",
    kinds={"polars"},
    automation_condition=dg.AutomationCondition.eager(),
)
def delays_by_carrier(silver_flights: pl.LazyFrame) -> dg.MaterializeResult[None]:
    """The mean departure delay of each carrier, as a picture."""
    delays = (
        silver_flights.group_by("airline")
        .agg(pl.col("dep_delay").mean().alias("minutes"), pl.len().alias("flights"))
        .sort("minutes", nulls_last=True)
        .collect()
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": delays.height,
            "flights": int(delays["flights"].sum()),
            "picture": dg.MetadataValue.md(f"![delays]({_picture(delays)})"),
        }
    )


def _picture(delays: pl.DataFrame) -> str:
    """Draw the delays as a data URI."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    axes.barh(delays["airline"].fill_null("unknown"), delays["minutes"].fill_null(0))
    axes.set_xlabel("mean departure delay, minutes")
    axes.set_title(f"{delays['flights'].sum():,} departures from New York, 2013")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


#: Dagster's own sensor for automation conditions is off by default; this one is on.
plain_assets = dg.AutomationConditionSensorDefinition(
    "plain_assets",
    target=dg.AssetSelection.assets(delays_by_carrier),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=10,
)
