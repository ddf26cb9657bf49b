"""Whom users would pick instead: each in an environment of its own, one script a peer."""
