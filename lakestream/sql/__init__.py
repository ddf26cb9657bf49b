"""Spark SQL on DuckDB: expressions, validation, fused execution."""
