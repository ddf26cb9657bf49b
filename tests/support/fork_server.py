"""Scripts in processes of their own, at the cost of a fork: ``run`` in place of ``python -c``.

An interpreter that imports lakestream, pyarrow and pandas anew costs a second of CPU, and tests
start hundreds. One process per worker imports them once, uses none of them, and forks for each
script. The fork ends as an interpreter does: with its exit functions, traceback and exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
_STREAMS = ("stdin", "stdout", "stderr")
_servers: list[subprocess.Popen[str]] = []


def run(
    script: str, *arguments: object, env: Mapping[str, str] | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a script in a new process, here as to folder and environment; wait for its end.

    Not for scripts that limit what a process may have: a fork has what the server has.

    Args:
        script: Python, as for ``python -c``; it may import ``support``.
        arguments: What follows the first of ``sys.argv``.
        env: Beside the environment of this process.
        given: What it reads from its standard input.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in _STREAMS}
        for name, path in files.items():
            path.write_text(given if name == "stdin" else "")
        words = [str(each) for each in arguments]
        request = {
            "script": script,
            "argv": ["-c", *words],
            "cwd": str(Path.cwd()),
            "env": {**os.environ, **(env or {})},
            **{name: str(path) for name, path in files.items()},
        }
        code = _ask(request)
        stdout, stderr = files["stdout"].read_text(), files["stderr"].read_text()
    return subprocess.CompletedProcess(words, code, stdout, stderr)


def _ask(request: Mapping[str, Any]) -> int:
    if not _servers:
        _servers.append(_start())
    (server,) = _servers
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        print(json.dumps(request), file=server.stdin, flush=True)
        return int(server.stdout.readline())
    except BaseException:  # a test whose time is up must not leave its answer to the next
        server.kill()
        _servers.clear()
        raise


def _start() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "support.fork_server"],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen[str]) -> None:
    if server.poll() is None:
        server.communicate()


def _next_script() -> str | None:
    """Serve requests; gives None in the server at its end, and in each child its script."""
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
            return str(request["script"])
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return None


def _become(request: Mapping[str, Any]) -> None:
    for number, name in enumerate(_STREAMS):
        opened = os.open(request[name], os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    # What the server had read ahead is not this process's.
    sys.stdin = os.fdopen(0, closefd=False)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = request["argv"]
    sys.path[:0] = ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(TESTS)]
    # As in a foreground process, however the tests were started.
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    from support.forked import preload

    preload()
    _script = _next_script()
    if _script is not None:
        exec(compile(_script, "<string>", "exec"), {"__name__": "__main__"})
