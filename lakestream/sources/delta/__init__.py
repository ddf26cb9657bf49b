"""A Delta table as a stream (its appends) and as a static table."""
