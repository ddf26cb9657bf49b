"""The peers' environments: made once, used again, and named when they can't be had."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.peers.catalogue import PEERS, SPARK, Peer
from bench.peers.environments import PeerUnavailableError, python_of


def test_environment_when_asked_for_again_then_the_same_is_used(tmp_path: Path) -> None:
    pins = tmp_path / "none.txt"
    pins.write_text("# nothing but Python\n")

    python = python_of(pins, tmp_path)
    kept = python.with_name("kept")
    kept.touch()

    assert python_of(pins, tmp_path) == python
    assert kept.exists()
    assert subprocess.check_output([python, "-c", "print(6 * 7)"], text=True) == "42\n"


def test_environment_when_a_pin_can_not_be_had_then_says_so(tmp_path: Path) -> None:
    pins = tmp_path / "lost.txt"
    pins.write_text("./no-such-wheel-1.0-py3-none-any.whl\n")

    with pytest.raises(PeerUnavailableError, match=r"lost: not installed: .*no-such-wheel"):
        python_of(pins, tmp_path)


def test_peer_when_there_is_no_java_then_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PeerUnavailableError, match="no java"):
        SPARK.command(tmp_path, tmp_path, tmp_path)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.key)
def test_peer_when_listed_then_every_version_is_pinned(peer: Peer) -> None:
    here = Path(__file__).parents[2] / "bench" / "peers"

    pins = (here / "requirements" / f"{peer.environment}.txt").read_text().splitlines()

    assert pins
    assert all("==" in pin for pin in pins)
    assert (here / peer.script).exists()
