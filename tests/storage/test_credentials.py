"""Who asks, when the options do not say: AWS profiles, and what object_store finds itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MotoServer
from support.cloud_pipeline import ids_in, ids_of, land, make_table

from lakestream.errors import AccessDeniedError
from lakestream.storage import stores
from lakestream.storage.credentials import _profile, credentials_of
from lakestream.storage.options import StorageOptions


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
