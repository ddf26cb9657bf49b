"""C8: the power fails at any moment of a run on a local disk; what was not synced is gone.

Each case runs the engine for real while ``Disk`` notes what is synced, then puts every tree
that a disk may hold after a cut in the folder's place and runs again. A query goes on with each
row once; or, if the cut came between a Delta commit and its sync, it stops with a coded error,
and what docs/durability.md tells to do then mends it.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.fault_pipeline import Pipeline
from support.power_loss import VERSION, Cut, Disk, Tree, survivors
from support.volume import SEED, at_volume

from lakestream.errors import LakestreamError
from lakestream.storage.local_log import LocalLogStore
from lakestream.streaming_table import StreamingTable

#: A push tries every second of the moments that the other tests look at, nightly all of them.
STRIDE = at_volume(push=2, nightly=1)
OFFSET = SEED % STRIDE
_TEMPORARY = "/.tmp-"
#: The code of a table whose newest commit a power cut has torn.
_TORN = "LS-SINK-006"
#: The codes where Delta's checkpoint of the newest commit is there: its entry gone, or torn.
_TORN_BESIDE_CHECKPOINT = {_TORN, "LS-SINK-002", "LS-STORE-001"}


class BrokenPromiseError(AssertionError):
    """A query that went on with wrong rows, or stopped where all was synced."""


class Sweep:
    """A pipeline on a watched disk, and the judgement of what a power cut left of it.

    Args:
        folder: Where it is made.
        skips_sync: Syncs that the disk ignores.
        declared: Declares the table anew for each run.
        stops: The codes that it may stop with until its newest commit has a receipt.
    """

    def __init__(
        self,
        folder: Path,
        *,
        skips_sync: Callable[[str], bool] = lambda _: False,
        declared: Callable[[Pipeline], StreamingTable] = Pipeline.again,
        stops: Collection[str] = (_TORN,),
    ) -> None:
        self.pipeline = Pipeline(folder, max_files_per_trigger=1)
        self._skips_sync = skips_sync
        self._declared = declared
        self._stops = stops

    def run(self) -> None:
        """Run the query to the end of what has landed."""
        self._declared(self.pipeline).run()

    def disk(self) -> Disk:
        """Look at the folder; what is in it counts as synced."""
        return Disk(self.pipeline.folder, ignored=("landing",), skips_sync=self._skips_sync)

    def recorded(self, work: Callable[[], None]) -> Disk:
        """Do work with the disk watched."""
        disk = self.disk()
        with disk.watched():
            work()
        return disk

    def endings(self, disk: Disk, cuts: Sequence[Cut], *, samples: int = 0) -> Counter[str]:
        """Restart on each tree that a cut may leave; count "once" and the codes of stops.

        Raises:
            BrokenPromiseError: Rows are lost or doubled, an entry is there and wrong, or the
                query stopped though there was a receipt for all that it had committed.
        """
        states = _states(cuts, samples)
        return Counter(self._ending(disk, cut, name, tree) for cut, name, tree in states)

    def _ending(self, disk: Disk, cut: Cut, name: str, tree: Tree) -> str:
        at = f"{name}, before {cut.before}"
        for path, content in tree.items():
            if _is_entry(path) and content is not None and content not in disk.written[path]:
                raise BrokenPromiseError(f"{path} is there and wrong: {at}")
        disk.restore(tree)
        try:
            self._run_to_the_end()
        except LakestreamError as error:
            if not cut.waits_for_a_receipt or error.code not in self._stops:
                raise BrokenPromiseError(f"{error.code} though all was synced: {at}") from error
            _mended(self.pipeline, self._run_to_the_end)
            return error.code
        except Exception as error:
            raise BrokenPromiseError(f"{error}: {at}") from error
        return "once"

    def _run_to_the_end(self) -> None:
        self.run()
        assert self._declared(self.pipeline).run() == []
        self.pipeline.assert_exactly_once("id", "new")


def _states(cuts: Sequence[Cut], samples: int) -> Iterator[tuple[Cut, str, Tree]]:
    """Give each different tree that may be left, with the cut and a name for what was lost."""
    rolls = random.Random(SEED)  # noqa: S311 - a sample that can be had again
    known = set()
    for cut in cuts:
        for name, tree in survivors(cut, rolls, samples):
            state = (cut.waits_for_a_receipt, frozenset(tree.items()))
            if state not in known:
                known.add(state)
                yield cut, name, tree


def _is_entry(path: str) -> bool:
    return "_lakestream/" in path and _TEMPORARY not in path


def _mended(pipeline: Pipeline, run: Callable[[], None]) -> None:
    """Do what docs/durability.md says: without the hint, then without the newest commit."""
    log = pipeline.table_folder / "_delta_log"
    (log / "_last_checkpoint").unlink(missing_ok=True)
    try:
        run()
    except LakestreamError:
        newest = max(path.name[:20] for path in log.iterdir() if VERSION.match(path.name))
        for path in log.glob(f"{newest}*"):
            path.unlink()
        run()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs are noted, not made: a test waits for no disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def _two_batches(sweep: Sweep) -> None:
    sweep.pipeline.land("a.json", {"id": 1}, {"id": 1})
    sweep.run()
    sweep.pipeline.land("b.json", {"id": 2, "new": 3})
    sweep.run()


def _reset(sweep: Sweep) -> None:
    sweep.pipeline.again().reset(truncate=True)


def _late(sweep: Sweep) -> None:
    """Land a file that sorts before all others: a plan that is lost would be made with it."""
    sweep.pipeline.land("0-late.json", {"id": 9})


def _sweep_elsewhere(folder: Path, **options: Any) -> Sweep:
    """Keep the checkpoint beside the table, not in it."""
    state = folder / "state" / "_lakestream"
    sweep = Sweep(folder, declared=lambda each: each.with_checkpoint(state), **options)
    sweep.pipeline.checkpoint = state
    return sweep


def test_c8_power_when_cut_at_any_moment_then_each_row_is_there_once_or_the_stop_is_coded(
    tmp_path: Path,
) -> None:
    sweep = Sweep(tmp_path)
    disk = sweep.recorded(lambda: _two_batches(sweep))
    _late(sweep)

    endings = sweep.endings(disk, disk.cuts, samples=1)

    assert list(disk.cuts[-1].unsynced()) == []
    assert len(disk.cuts) > 80
    assert set(endings) == {"once", _TORN}
    assert endings["once"] > 5 * endings[_TORN]


LIES: dict[str, str] = {
    "an entry's data": rf".*{_TEMPORARY}.*",
    "an entry's name": r".*/_lakestream/(offsets|commits)",
    "a ledger entry's name": r".*/_lakestream/sources/.*",
    "a checkpoint folder's name": r"table/_lakestream",
    "a Delta log entry's data": r".*/_delta_log/.*\.json",
    "a data file's data": r".*\.parquet",
    "a Delta log entry's name": r".*/_delta_log",
    "a data file's name": r"table",
}


@pytest.mark.parametrize("lie", LIES)
def test_c8_sync_when_left_out_then_the_sweep_sees_it(tmp_path: Path, lie: str) -> None:
    """The sweep can fail: a disk that ignores one kind of sync breaks the promise."""
    pattern = re.compile(LIES[lie])
    sweep = Sweep(tmp_path, skips_sync=lambda path: pattern.fullmatch(path) is not None)
    disk = sweep.recorded(lambda: _two_batches(sweep))
    _late(sweep)

    with pytest.raises(BrokenPromiseError):
        sweep.endings(disk, disk.cuts[::-1])


@pytest.mark.parametrize("skipped", ["", "nothing"])
def test_c8_power_when_cut_beside_a_checkpoint_elsewhere_then_table_and_checkpoint_agree(
    tmp_path: Path, skipped: str
) -> None:
    """Without the sync of the folder that names table and checkpoint, one goes and one stays."""
    sweep = _sweep_elsewhere(tmp_path, skips_sync=lambda path: path == skipped)
    disk = sweep.recorded(lambda: _two_batches(sweep))
    _late(sweep)
    cuts = disk.cuts[:: -4 * STRIDE]

    if skipped == "":
        with pytest.raises(BrokenPromiseError):
            sweep.endings(disk, cuts)
    else:
        assert set(sweep.endings(disk, cuts)) <= {"once", _TORN}


@pytest.mark.parametrize("folder", ["_lakestream", "offsets", "0", "schemas", "state"])
def test_c8_power_when_cut_after_a_kill_before_a_sync_then_the_recovering_run_has_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """What a killed run named and did not sync is seen by the next one, which builds on it."""
    sync = LocalLogStore._sync
    planned = tmp_path / "table" / "_lakestream" / "offsets"

    def dies(store: LocalLogStore, path: str) -> None:
        if Path(path).name == folder and (folder != "_lakestream" or planned.exists()):
            raise KeyboardInterrupt
        sync(store, path)

    sweep = _sweep_elsewhere(tmp_path) if folder == "state" else Sweep(tmp_path)
    sweep.pipeline.land("a.json", {"id": 1}, {"id": 1})
    disk = sweep.disk()
    with disk.watched():
        with monkeypatch.context() as patch:
            patch.setattr(LocalLogStore, "_sync", dies)
            with pytest.raises(KeyboardInterrupt):
                sweep.run()
        killed_at = len(disk.cuts)
        sweep.run()
    _late(sweep)

    assert set(sweep.endings(disk, disk.cuts[killed_at::3])) == {"once", _TORN}


def test_c8_power_when_cut_around_a_checkpoint_of_deltas_then_each_row_is_there_once_or_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakestream.delta.table.CHECKPOINT_INTERVAL", 2)
    sweep = Sweep(tmp_path, stops=_TORN_BESIDE_CHECKPOINT)
    _two_batches(sweep)
    sweep.pipeline.land("c.json", {"id": 3})

    disk = sweep.recorded(sweep.run)
    _late(sweep)

    assert any(path.endswith("3.checkpoint.parquet") for path in disk.synced)
    assert "table/_delta_log/_last_checkpoint" in disk.synced
    endings = sweep.endings(disk, disk.cuts)
    assert endings["once"] > 30
    assert set(endings) == {"once", *_TORN_BESIDE_CHECKPOINT}


def test_c8_power_when_cut_while_records_are_merged_and_purged_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    sweep = Sweep(tmp_path)
    for number in range(10):
        sweep.pipeline.land(f"{number}.json", {"id": number})
        sweep.run()
    sweep.pipeline.land("a.json", {"id": 10, "new": 1})

    disk = sweep.recorded(sweep.run)
    _late(sweep)

    after = [cut for cut in disk.cuts if not cut.waits_for_a_receipt]
    assert any("batches/merged" in path for path in disk.synced)
    assert any(cut.before.startswith("rmdir") for cut in after)
    assert set(sweep.endings(disk, after[OFFSET :: 6 * STRIDE])) == {"once"}


def test_c8_power_when_cut_in_a_reset_then_no_row_is_doubled_or_forgotten(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    sweep.pipeline.land("a.json", {"id": 1}, {"id": 1})
    sweep.run()

    disk = sweep.recorded(lambda: _reset(sweep))
    _late(sweep)

    stops: Counter[str] = Counter()
    for cut, name, tree in _states(disk.cuts, samples=0):
        disk.restore(tree)
        try:
            sweep.run()
        except LakestreamError as error:
            stops[error.code] += 1
            _mended(sweep.pipeline, lambda: _reset(sweep))
            sweep.run()
        try:
            sweep.pipeline.assert_exactly_once("id", "new")
        except AssertionError as error:
            raise BrokenPromiseError(f"{name}, before {cut.before}") from error
    assert set(stops) <= {"LS-CKPT-004", "LS-CKPT-006", _TORN}
    assert stops["LS-CKPT-004"] > 0
