"""Auto Loader and Structured Streaming for a Dagster lakehouse, without a cluster."""
