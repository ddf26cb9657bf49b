"""Spark's functions in DuckDB's SQL: each one written down, none passed through."""
