"""Files that land: discovered, recorded in a ledger, planned, read."""
