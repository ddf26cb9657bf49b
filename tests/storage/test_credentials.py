"""Who asks, when the options do not say: AWS profiles, and what object_store finds itself."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.cloud_pipeline import ids_in, ids_of, land, make_table
from support.moto import MotoServer

from lakestream.delta.table import TableAddress, TableHandle, create_table, open_table
from lakestream.errors import AccessDeniedError
from lakestream.plan.types import LONG, Struct
from lakestream.storage import stores
from lakestream.storage.credentials import _azure_login, _profile, credentials_of
from lakestream.storage.options import StorageOptions
from lakestream.testing.store_contract import listed


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An environment without credentials, with an empty home."""
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    _profile.cache_clear()
    yield tmp_path / ".aws"
    _profile.cache_clear()


def _write_profile(folder: Path, *, name: str = "lake", key: str = "testing") -> None:
    folder.mkdir()
    (folder / "credentials").write_text(
        f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = s3cr3t\n"
    )
    (folder / "config").write_text(f"[profile {name}]\nregion = us-east-1\n")


def test_pipeline_when_a_profile_holds_the_credentials_runs(
    monkeypatch: pytest.MonkeyPatch, moto_server: MotoServer, bare: Path
) -> None:
    _write_profile(bare)
    monkeypatch.setenv("AWS_PROFILE", "lake")
    options = {"aws_endpoint": moto_server.endpoint, "allow_http": "true"}
    root = f"s3://{moto_server.bucket}/{secrets.token_hex(4)}"
    land(root, options, range(3))
    table = make_table(root, options)

    table.run()

    assert ids_in(table) == ids_of(range(3))


def test_credentials_when_a_profile_is_there_are_its_own(
    monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    _write_profile(bare, key="AKIAPROFILE")
    assert credentials_of("s3", {}) == {}  # the files have no default profile
    monkeypatch.setenv("AWS_PROFILE", "lake")
    provider = credentials_of("s3", {})["credential_provider"]
    assert provider()["access_key_id"] == "AKIAPROFILE"
    assert provider.config == {"region": "us-east-1"}
    placed = credentials_of("s3", {"aws_region": "eu-west-1"})["credential_provider"]
    assert placed.config == {}


@pytest.mark.parametrize("given", ["option", "variable", "another cloud"])
def test_credentials_when_given_otherwise_leave_the_profile_alone(
    monkeypatch: pytest.MonkeyPatch, bare: Path, given: str
) -> None:
    _write_profile(bare)
    monkeypatch.setenv("AWS_PROFILE", "lake")
    if given == "variable":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    config = {"aws_access_key_id": "other"} if given == "option" else {}
    assert credentials_of("gs" if given == "another cloud" else "s3", config) == {}


def test_credentials_when_the_profile_is_not_there_say_so(
    monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    _write_profile(bare)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    options = StorageOptions.of({"aws_region": "us-east-1"}, where="test")
    with pytest.raises(AccessDeniedError, match="nobody") as caught:
        stores.open_read_store("s3://bucket/x", options)
    assert "aws sso login" in str(caught.value)


class _Azure:
    """The identity of a machine, and a storage account that notes who asks it."""

    def __init__(self) -> None:
        self.asked_by: list[tuple[str, str | None]] = []
        self.token = "t0ken-1"  # noqa: S105 - a canary
        azure = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/identity"):
                    until = int(time.time()) + 3600
                    body = json.dumps({
                        "access_token": azure.token, "expires_on": until, "token_type": "Bearer",
                        "resource": "https://storage.azure.com",
                    }).encode()  # fmt: skip
                    known = self.headers["X-IDENTITY-HEADER"] == "me"
                    self._answer(200 if known else 403, body if known else b"{}")
                    return
                azure.asked_by.append((self.path, self.headers["Authorization"]))
                is_listing = "comp=list" in self.path
                self._answer(
                    200 if is_listing else 404,
                    b"<EnumerationResults><Blobs/></EnumerationResults>" if is_listing else b"",
                )

            do_HEAD = do_GET  # noqa: N815 - http.server's name

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Azure]:
    made = _Azure()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{made.url}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "me")
    _azure_login.cache_clear()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()
    _azure_login.cache_clear()


def test_azure_when_options_hold_no_key_then_files_and_tables_ask_as_the_machine(
    azure: _Azure,
) -> None:
    given = {"account_name": "acc", "endpoint": azure.url, "allow_http": "true", "max_retries": 0}
    options = StorageOptions.of(given, where="test", path="az://lake/x")

    assert listed(stores.open_read_store("az://lake/x", options)) == set()
    assert {who for _, who in azure.asked_by} == {"Bearer t0ken-1"}
    azure.asked_by.clear()
    assert open_table(TableAddress.of("az://lake/table", options)) is None
    assert {who for _, who in azure.asked_by} == {"Bearer t0ken-1"}


def test_azure_when_nobody_is_logged_in_says_so(
    azure: _Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "another")
    with pytest.raises(AccessDeniedError, match="az login"):
        stores.open_read_store("az://lake/x", StorageOptions.of({"account_name": "a"}, where="t"))
    assert credentials_of("az", {"account_key": "k"}) == {}


def test_table_when_the_login_has_a_new_token_is_loaded_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    create_table(TableAddress.of(tmp_path), Struct((("id", LONG),)))
    handle = TableHandle(TableAddress.of(tmp_path))
    first = handle.refreshed()
    assert handle.refreshed() is first
    monkeypatch.setattr(TableAddress, "library_options", lambda self: {"timeout": "9s"})
    second = handle.refreshed()
    assert second is not first
    assert handle.refreshed() is second
