"""Servers that only tests of notifications need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import pubsub_double, pubsub_emulator
from support.gcs_double import GcsServer
from support.gcs_events import GcsLake


@pytest.fixture(scope="session", params=["double", "emulator"])
def pubsub_host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "double":
        with pubsub_double.serving() as host:
            yield host
        return
    command = pubsub_emulator.program()
    if command is None:
        pytest.skip("Google's Pub/Sub emulator, of the Google Cloud SDK, is not here")
    with pubsub_emulator.serving(command, tmp_path_factory.mktemp("pubsub") / "log") as host:
        yield host


@pytest.fixture
def gcs_lake(gcs_server: GcsServer, pubsub_host: str, monkeypatch: pytest.MonkeyPatch) -> GcsLake:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_host)
    return GcsLake(gcs_server, pubsub_host)
