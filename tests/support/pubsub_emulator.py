"""Google's Pub/Sub emulator, where the Google Cloud SDK has brought it and Java is there."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def program() -> list[str] | None:
    """Give what starts the emulator; None where it is not installed."""
    gcloud, java = shutil.which("gcloud"), shutil.which("java")
    if gcloud is None or java is None:
        return None
    root = Path(gcloud).resolve().parent.parent
    jar = next(root.glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"), None)
    return None if jar is None else [java, "-jar", str(jar)]


@contextmanager
def serving(command: list[str], log: Path) -> Iterator[str]:
    """Run the emulator until the block ends; give its host and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*command, "--host=127.0.0.1", f"--port={port}"], stdout=written, stderr=written
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
