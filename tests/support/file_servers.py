"""Small servers of files for what fsspec reads: HTTP with index pages, and FTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


@contextmanager
def http_server(folder: Path, *, password: str | None = None) -> Iterator[str]:
    """Serve a folder's files and index pages; give the URL.

    The standard library's server: it knows no ranges and no entity tags.
    """

    class Handler(SimpleHTTPRequestHandler):
        def send_head(self):
            if password is not None and self.headers["authorization"] != f"Bearer {password}":
                self.send_error(401)
                return None
            return super().send_head()

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class RunningFtp:
    """An FTP server over a folder, for one user.

    Args:
        folder: What it serves.
        password: Of the user ``lake``.
    """

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._authorizer = DummyAuthorizer()
        self.add_user("lake", password)
        self._handler = type("Handler", (FTPHandler,), {"authorizer": self._authorizer})
        self._server = FTPServer(("127.0.0.1", 0), self._handler)
        self.port: int = self._server.address[1]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._hung_up = threading.Event()

    def add_user(self, name: str, password: str) -> None:
        """Let another user in."""
        self._authorizer.add_user(name, password, str(self._folder))

    def _serve(self) -> None:
        while not self._ended.is_set():
            self._server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)

    def hang_up(self) -> None:
        """Close every connection, as servers do with those that are idle."""

        def close() -> None:
            for each in list(self._server.ioloop.socket_map.values()):
                if isinstance(each, FTPHandler):
                    each.close()
            self._hung_up.set()

        self._hung_up.clear()
        self._server.ioloop.call_later(0, close)
        self._hung_up.wait(30)

    def close(self) -> None:
        """End the server."""
        self._ended.set()
        self._thread.join()
        self._server.close_all()


@contextmanager
def ftp_server(folder: Path, password: str) -> Iterator[RunningFtp]:
    """Serve a folder until the block ends."""
    server = RunningFtp(folder, password)
    try:
        yield server
    finally:
        server.close()
