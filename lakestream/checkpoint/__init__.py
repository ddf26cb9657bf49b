"""A query's own files: logs, ledger primitives, retention."""
