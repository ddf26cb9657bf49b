"""C1, C2: kills around every mutating call of what people decide, and of a new partition key."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.decision_sweep import SCENARIOS
from support.swept import swept
from support.volume import at_volume

#: The folder of what each scenario makes durable before the table is written.
DECIDED = {
    "replay": "actions",
    "forget": "actions",
    "mark_done": "actions",
    "quarantine": "actions",
    "records": "replays",
    "new_key": "schemas",
}


@pytest.mark.kill_sweep
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_c1_c2_decision_when_killed_around_every_mutating_call_then_it_counts_once(
    scenario: str, tmp_path: Path
) -> None:
    found = swept("decision_sweep", tmp_path, scenario)

    assert found["failures"] == []
    assert any(f"/{DECIDED[scenario]}/" in call for call in found["calls"])
    assert found["cases"] == at_volume(push=1, nightly=4) * len(found["calls"])
    assert found["kills"] > found["cases"]
