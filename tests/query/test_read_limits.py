from __future__ import annotations

from lakestream.query.read_limits import ADAPTIVE_BYTES, adaptive_limit


def test_adaptive_limit_when_nothing_ran_yet_then_512_mb() -> None:
    assert adaptive_limit(last_bytes=0, last_seconds=0).max_bytes == 512 * 2**20


def test_adaptive_limit_when_last_batch_was_slow_then_a_minute_of_work() -> None:
    assert adaptive_limit(last_bytes=100 * 2**20, last_seconds=120).max_bytes == 50 * 2**20


def test_adaptive_limit_when_last_batch_was_fast_then_never_over_512_mb() -> None:
    assert adaptive_limit(last_bytes=2**30, last_seconds=1).max_bytes == ADAPTIVE_BYTES


def test_adaptive_limit_when_last_batch_crawled_then_never_under_8_mb() -> None:
    assert adaptive_limit(last_bytes=1, last_seconds=60).max_bytes == 8 * 2**20
