"""The demo with Dagster's UI on loopback, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from definitions.feeder import Feeder

if TYPE_CHECKING:
    from rich.console import Console

_FIRST_DAYS: Final = 10
_PAUSE_S: Final = 1.0
_PATIENCE_S: Final = 15.0


def serve(console: Console, landing: Path) -> int:
    """Serve Dagster and drop a day a second until interrupted; gives the exit code."""
    for kind in (signal.SIGINT, signal.SIGTERM):  # also where the shell had them ignored
        signal.signal(kind, signal.default_int_handler)
    port = _free_port()
    log = landing.parent / "dagster.log"
    server = _start(port, log)
    feeder = Feeder(landing, first_days=_FIRST_DAYS, pause_s=_PAUSE_S)
    console.print(f"\nDagster starts on [bold]http://127.0.0.1:{port}[/] (about 20 seconds).")
    console.print("Each second a day of 2013 lands; the sensor brings it into the lake.")
    console.print(f"Its log is {log}. Ctrl-C ends everything.\n")
    try:
        while server.poll() is None and not _answers(port):
            time.sleep(_PAUSE_S)
        console.print("Dagster is there; the other days begin to land.")
        feeder.start()
        server.wait()
    except KeyboardInterrupt:
        console.print(f"\n{feeder.dropped} days have landed. Stopping.")
        return 0
    else:
        console.print(f"[bold red]Dagster ended by itself[/]; {log} says why.")
        return 1
    finally:
        feeder.stop()
        stop_group(server)


def _start(port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and literals
            [
                sys.executable, "-m", "dagster", "dev", "--workspace", "workspace.yaml",
                "--host", "127.0.0.1", "--port", str(port),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip


def stop_group(server: subprocess.Popen[bytes]) -> None:
    """End a process and all it started: first kindly, then for certain."""
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            server.wait(_PATIENCE_S)
            break
    with suppress(ProcessLookupError):  # children that outlived their parent
        os.killpg(server.pid, signal.SIGKILL)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=_PAUSE_S).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
