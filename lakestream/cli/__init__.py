"""The `lakestream` command."""
