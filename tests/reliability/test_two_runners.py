"""Three processes on one checkpoint: each row once, whoever wins which line."""

from __future__ import annotations

from pathlib import Path

from support.swept import swept
from support.volume import at_volume

ROUNDS = at_volume(push=4, nightly=32)


def test_two_runners_when_they_share_a_checkpoint_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    found = swept("race", tmp_path, str(ROUNDS), "3")

    assert found["failures"] == []
    assert found["batches"] == ROUNDS * 6
