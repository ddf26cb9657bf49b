"""``max_bad_records`` and ``max_bad_ratio``: a query stops before it quarantines everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fault_pipeline import Pipeline

import lakestream as ls
from lakestream.errors import BadRecordError, ConfigError
from lakestream.sources.files.bad_limits import BadLimits

BROKEN = '{"id":'


def _pipeline(folder: Path, *, good: int, bad: int, **options: Any) -> Pipeline:
    made = Pipeline(folder, **options)
    made.land("a.json", *({"id": number} for number in range(good)))
    made.land("b.json", {"id": 99}, *[BROKEN] * bad)
    return made


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_bad_records": 3}, None),
        ({"max_bad_records": 2}, "LS-SRC-005"),
        ({"max_bad_records": 0}, "LS-SRC-005"),
        ({"max_bad_ratio": 0.3}, None),
        ({"max_bad_ratio": 0.29}, "LS-SRC-005"),
        ({"max_bad_ratio": 0, "max_bad_records": 100}, "LS-SRC-005"),
        ({"max_bad_ratio": 1}, None),
    ],
)
@pytest.mark.parametrize("mode", ["permissive", "dropmalformed"])
def test_batch_when_a_limit_is_broken_then_stopped_before_its_commit(
    tmp_path: Path, limits: Any, code: str | None, mode: str
) -> None:
    pipeline = _pipeline(tmp_path, good=6, bad=3, mode=mode, **limits)
    if code is None:
        pipeline.table.run()
        assert pipeline.rows().total() == 7
        return

    with pytest.raises(BadRecordError, match=next(iter(limits))) as caught:
        pipeline.table.run()

    assert caught.value.code == code
    assert str(caught.value.where).endswith("/b.json")
    assert pipeline.rows().total() == 0
    assert pipeline.quarantine() == []
    # The same plan goes on when more is allowed, or when the file was mended in its version.
    pipeline.again(max_bad_records=None, max_bad_ratio=None).run()
    assert pipeline.rows().total() == 7


def test_batch_when_no_file_can_be_read_then_stopped_by_either_limit(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, max_bad_ratio=0.5, schema="id INT")
    for number in range(4):
        pipeline.land(f"{number}.json.gz", b"this is no gzip")

    with pytest.raises(BadRecordError, match="4 of this batch's 4 records"):
        pipeline.table.run()
    with pytest.raises(BadRecordError, match="max_bad_records=3"):
        pipeline.again(max_bad_ratio=None, max_bad_records=3).run()

    pipeline.again(max_bad_ratio=None).run()
    assert {each.state for each in pipeline.files().values()} == {"quarantined"}


def test_batch_when_a_file_is_gone_then_it_is_no_bad_record(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path, good=1, bad=0, ignore_missing_files=True, max_bad_records=0)
    pipeline.table.discover()
    (pipeline.landing / "b.json").unlink()

    pipeline.table.run()

    assert pipeline.rows().total() == 1


def test_limits_when_a_batch_is_empty_then_not_broken() -> None:
    assert BadLimits(0, 0.0).broken(0, 0) is None


@pytest.mark.parametrize(
    "options",
    [
        {"max_bad_records": -1},
        {"max_bad_records": True},
        {"max_bad_records": 1.5},
        {"max_bad_ratio": 1.01},
        {"max_bad_ratio": -0.1},
        {"max_bad_ratio": True},
        {"max_bad_ratio": "1%"},
        {"max_bad_ratio": float("nan")},
    ],
)
def test_limits_when_out_of_range_then_refused_where_written(options: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        ls.read_files("/landing", format="json", **options)
