"""Assets, sensor, checks and jobs for Dagster."""
