"""What every test folder shares: plugins, and fixtures that many need."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import azurite, gcs_double
from support.azurite import AzuriteServer
from support.gcs_double import GcsServer
from support.moto import MotoServer

pytest_plugins = ["support.required_legs", "support.volume", "support.scratch"]


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("moto") / "log").open("wb")
    command = Path(sys.executable).with_name("moto_server")
    process = subprocess.Popen(
        [command, "-H", "127.0.0.1", "-p", str(port)],
        stdout=log,
        stderr=log,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
    )
    try:
        _wait_until_it_answers(port, process)
        endpoint = f"http://127.0.0.1:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106 - moto takes any
        )
        client.create_bucket(Bucket="lake")
        yield MotoServer(
            endpoint=endpoint,
            bucket="lake",
            options={
                "aws_endpoint": endpoint,
                "aws_region": "us-east-1",
                "aws_access_key_id": "testing",
                "aws_secret_access_key": "testing",
                "allow_http": "true",
            },
        )
    finally:
        process.terminate()
        process.wait(10)
        log.close()


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteServer]:
    programs = azurite.install()
    if programs is None:
        pytest.skip("npm and node, which azurite needs, are not here")
    with azurite.serving(programs, tmp_path_factory.mktemp("azurite") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    with gcs_double.serving() as server:
        yield server


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    message = "moto_server did not start"
    raise RuntimeError(message)
