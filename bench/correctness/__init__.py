"""Correctness beside peers: kills around the commit, late files, and the rows lost or doubled."""
