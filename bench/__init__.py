"""Speed as ratios: lakestream beside what one would write without it, run in turns.

``make bench`` prints the table of docs/benchmarks.md and keeps the figures in
``bench/results/latest.json``.
"""
