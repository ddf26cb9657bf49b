"""The demo lakehouse: a Dagster code location as a user would write it."""
