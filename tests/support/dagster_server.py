"""A real ``dagster dev`` for tests: started in its own session, asked through GraphQL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

START_S: Final = 120.0
WAIT_S: Final = 90.0
_PATIENCE_S: Final = 10.0
_LOCATION: Final = "dev"
_REPOSITORY: Final = "__repository__"
_ENDED: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})


@dataclass(frozen=True, slots=True)
class DagsterServer:
    """A running server."""

    url: str

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Send a GraphQL query; gives its data."""
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30
        ).json()
        assert "errors" not in answer, answer["errors"]
        found: dict[str, Any] = answer["data"]
        return found

    def runs_of(self, queries: str) -> list[dict[str, Any]]:
        """Give the runs whose tag names exactly these queries, newest first."""
        data = self.ask(
            """query($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) {
                 ... on Runs { results { runId status jobName } } } }""",
            tags=[{"key": "lakestream/query", "value": queries}],
        )
        runs: list[dict[str, Any]] = data["runsOrError"]["results"]
        return runs

    def ended_runs_of(self, queries: str) -> list[dict[str, Any]]:
        """Give those of them that are over."""
        return [run for run in self.runs_of(queries) if run["status"] in _ENDED]

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        """Give the sensor's last ticks, newest first."""
        data = self.ask(
            """query($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) {
                 ... on Sensor { sensorState { ticks(limit: 20) {
                   timestamp status skipReason runIds error { message } } } } } }""",
            selector=_selector(sensorName=sensor),
        )
        ticks: list[dict[str, Any]] = data["sensorOrError"]["sensorState"]["ticks"]
        return ticks

    def asset(self, *path: str) -> dict[str, Any]:
        """Give an asset: its edges and its newest materialization."""
        data = self.ask(
            """query($path: [String!]!) { assetNodeOrError(assetKey: {path: $path}) {
                 ... on AssetNode { isMaterializable
                   dependencyKeys { path } dependedByKeys { path }
                   assetMaterializations(limit: 1) { metadataEntries { label
                     ... on IntMetadataEntry { intValue }
                     ... on TextMetadataEntry { text }
                     ... on TableSchemaMetadataEntry { schema { columns { name type } } } } } } } }
            """,
            path=list(path),
        )
        node: dict[str, Any] = data["assetNodeOrError"]
        return node

    def default_config(self, job: str) -> str:
        """Give what the launchpad is filled with."""
        data = self.ask(
            """query($selector: PipelineSelector!) { runConfigSchemaOrError(selector: $selector) {
                 ... on RunConfigSchema { rootDefaultYaml } } }""",
            selector=_selector(pipelineName=job),
        )
        text: str = data["runConfigSchemaOrError"]["rootDefaultYaml"]
        return text

    def launch(self, job: str, config: Mapping[str, object]) -> str:
        """Launch a job as the launchpad does; gives the run's id."""
        data = self.ask(
            """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
                 __typename ... on LaunchRunSuccess { run { runId } }
                 ... on RunConfigValidationInvalid { errors { message } } } }""",
            params={"selector": _selector(pipelineName=job), "runConfigData": config},
        )
        assert data["launchRun"]["__typename"] == "LaunchRunSuccess", data
        run_id: str = data["launchRun"]["run"]["runId"]
        return run_id

    def status(self, run_id: str) -> str:
        """Give a run's status."""
        data = self.ask(
            "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id
        )
        status: str = data["runOrError"]["status"]
        return status

    def wait_ended(self, run_id: str) -> str:
        """Wait until a run is over; gives its status."""
        wait_for(lambda: self.status(run_id) in _ENDED, f"run {run_id} to end")
        return self.status(run_id)


def wait_for(condition: Callable[[], object], what: str, *, seconds: float = WAIT_S) -> None:
    """Poll until the condition is true.

    Raises:
        TimeoutError: It never was.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.25)


@contextmanager
def dagster_dev(file: Path, home: Path, environment: Mapping[str, str]) -> Iterator[DagsterServer]:
    """Serve a definitions file; ends every process that it started."""
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    port = _free_port()
    workspace = home / "workspace.yaml"
    workspace.write_text(
        f"load_from:\n  - python_file: {{relative_path: {file}, location_name: {_LOCATION}}}\n"
    )
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "-h", "127.0.0.1",
             "-p", str(port)],
            cwd=home,
            env=os.environ | environment | {
                "DAGSTER_HOME": str(home),
                "DAGSTER_DISABLE_TELEMETRY": "1",
                "PYTHONWARNINGS": "ignore",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        server = DagsterServer(f"http://127.0.0.1:{port}")
        wait_for(lambda: _answers(server, process), "dagster dev to serve", seconds=START_S)
        yield server
    except BaseException:
        sys.stderr.write((home / "server.log").read_text(errors="replace")[-8000:])
        raise
    finally:
        _stop(process)


def _answers(server: DagsterServer, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"dagster dev ended with {process.returncode}"
    try:
        data = server.ask(
            """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
                 __typename ... on PythonError { message } } } } } }"""
        )
    except (requests.RequestException, ValueError):
        return False
    entries = [each["locationOrLoadError"] for each in data["workspaceOrError"]["locationEntries"]]
    for entry in entries:
        assert entry is None or entry["__typename"] != "PythonError", entry["message"]
    return any(entries)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole session, first kindly, then for certain."""
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _selector(**names: str) -> dict[str, str]:
    return {"repositoryName": _REPOSITORY, "repositoryLocationName": _LOCATION, **names}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
