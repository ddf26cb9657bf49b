"""Spark SQL: text and expressions to plans and DuckDB's SQL, validation, fused execution."""
