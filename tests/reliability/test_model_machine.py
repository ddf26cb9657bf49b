"""H5: random histories with crashes, second runs, foul storage, and hands on files and table."""

from __future__ import annotations

import os
from collections import Counter
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from support.model_machine import LakeMachine
from support.volume import at_volume

from lakestream.sinks.delta import DeltaSink

KINDS: Final = (
    "batch", "clock set", "drop", "fault", "full disk", "overwrite", "second run",
    "throttled store", "vacuum",
)  # fmt: skip
#: How many histories a push plays; `make soak` plays more.
HISTORIES: Final = int(
    os.environ.get("LAKESTREAM_MODEL_HISTORIES", at_volume(push=50, nightly=500))
)
SETTINGS: Final = settings(
    max_examples=HISTORIES,
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    # Shrinking a history plays many: it would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    found: Counter[str] = Counter()
    monkeypatch.setattr(LakeMachine, "happened", found)
    return found


def test_histories_when_random_then_every_row_is_there_once(happened: Counter[str]) -> None:
    run_state_machine_as_test(LakeMachine, settings=SETTINGS)

    print(dict(happened))  # noqa: T201 - the volume, for `pytest -rP`
    assert all(happened[kind] for kind in KINDS)
    assert sum(n for kind, n in happened.items() if kind.startswith("crash")) > 0


def test_histories_when_a_committed_batch_is_taken_for_a_new_one_then_one_goes_red(
    happened: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Breaks line 5 of the protocol.
    monkeypatch.setattr(DeltaSink, "_receipt_of_mark", lambda *_: None)
    many = settings(SETTINGS, max_examples=200, phases=[Phase.generate], database=None)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(LakeMachine, settings=many)
