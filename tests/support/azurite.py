"""Azure's storage emulator: installed once from tests/azurite by npm, started on free ports."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: The account that every emulator has, and its published key.
ACCOUNT: Final = "devstoreaccount1"
KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_LOCKED: Final = Path(__file__).parent.parent / "azurite"
_INSTALLED: Final = Path(sys.prefix) / "azurite"


@dataclass(frozen=True)
class AzuriteServer:
    """A running emulator with one empty container; tests keep to prefixes of their own.

    Args:
        endpoint: Of the blob service, with the account in it.
        queue_endpoint: The same of the queue service.
        container: The container.
        options: Storage options; object_store finds the port in the environment.
    """

    endpoint: str
    queue_endpoint: str
    container: str
    options: dict[str, str]

    @property
    def connection_string(self) -> str:
        """What Azure's own libraries take."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.endpoint};QueueEndpoint={self.queue_endpoint};"
        )


def install() -> Path | None:
    """Give the folder of the emulator's programs, installed when missing; None without npm."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    programs = _INSTALLED / "node_modules/.bin"
    stamp = _INSTALLED / "installed.json"
    wanted = (_LOCKED / "package-lock.json").read_bytes()
    with (_INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_bytes() == wanted:
            return programs
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_LOCKED / name, _INSTALLED / name)
        command = [npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=_INSTALLED, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"npm could not install azurite:\n{done.stderr[-2000:]}"
            raise RuntimeError(message)
        stamp.write_bytes(wanted)
    return programs


@contextmanager
def serving(programs: Path, log: Path) -> Iterator[AzuriteServer]:
    """Run the emulator, with everything in its memory, until the block ends."""
    blob_port, queue_port, table_port = _free_ports(3)
    command = [
        programs / "azurite", "--inMemoryPersistence", "--silent", "--skipApiVersionCheck",
        "--disableTelemetry",
        "--blobHost", "127.0.0.1", "--blobPort", str(blob_port),
        "--queueHost", "127.0.0.1", "--queuePort", str(queue_port),
        "--tableHost", "127.0.0.1", "--tablePort", str(table_port),
    ]  # fmt: skip
    bare = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    variable = "AZURITE_BLOB_STORAGE_URL"
    before = os.environ.get(variable)
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=log.parent, stdout=written, stderr=written, env=bare
        )
    try:
        for port in (blob_port, queue_port):
            _wait_until_it_answers(port, process)
        os.environ[variable] = f"http://127.0.0.1:{blob_port}"
        server = AzuriteServer(
            endpoint=f"http://127.0.0.1:{blob_port}/{ACCOUNT}",
            queue_endpoint=f"http://127.0.0.1:{queue_port}/{ACCOUNT}",
            container="lake",
            options={"use_emulator": "true", "allow_http": "true"},
        )
        _create_container(server)
        yield server
    finally:
        process.terminate()
        process.wait(10)
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before


def _create_container(server: AzuriteServer) -> None:
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(server.connection_string) as client:
        client.create_container(server.container)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    message = "azurite did not start"
    raise RuntimeError(message)
