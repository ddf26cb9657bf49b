from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lakestream.dagster.backfill import BackfillConfig, Mode
from lakestream.errors import ConfigError
from lakestream.sources.base import DiscoveryFilter
from lakestream.triggers import AvailableNow, Once


def test_config_when_left_as_it_is_then_nothing_is_narrowed() -> None:
    config = BackfillConfig()
    assert config.discovery() == DiscoveryFilter()
    assert config.trigger() == AvailableNow()


def test_config_when_once_then_one_batch() -> None:
    assert BackfillConfig(mode=Mode.once).trigger() == Once()


def test_config_when_replay_then_files_are_queued_again() -> None:
    assert BackfillConfig(mode=Mode.replay).discovery() == DiscoveryFilter(requeue=True)


def test_config_when_times_have_no_zone_then_utc() -> None:
    config = BackfillConfig(modified_after="2026-01-31", modified_before="2026-02-01T06:00:00Z")
    assert config.discovery() == DiscoveryFilter(
        modified_after=datetime(2026, 1, 31, tzinfo=UTC),
        modified_before=datetime(2026, 2, 1, 6, tzinfo=UTC),
    )


def test_config_when_a_time_is_none_then_the_field_is_named() -> None:
    with pytest.raises(ConfigError, match="modified_after is no ISO time: 'yesterday'"):
        BackfillConfig(modified_after="yesterday").discovery()


def test_config_when_no_time_is_left_between_then_an_error() -> None:
    with pytest.raises(ConfigError, match="no file can be newer"):
        BackfillConfig(modified_after="2026-02-01", modified_before="2026-01-01").discovery()
