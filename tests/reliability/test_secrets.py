"""X3: no output shows a secret; each secret here is a token that occurs nowhere else."""

from __future__ import annotations

import json
import socket
import traceback
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import lakestream as ls
from lakestream.cli.main import app
from lakestream.errors import LakestreamError
from lakestream.storage.option_names import known_names
from lakestream.storage.options import StorageOptions

CANARY = "c4n4ry"
SECRETS = {
    "aws_access_key_id": f"{CANARY}-key-id",
    "aws_secret_access_key": f"{CANARY}-secret",
    "aws_session_token": f"{CANARY}-token",
}


def _assert_silent(*texts: object) -> None:
    for text in texts:
        assert CANARY not in str(text)
        assert CANARY not in repr(text)


def _table(landing: str, table: str, options: dict[str, str]) -> Any:
    @ls.streaming_table(table, name="secretive", storage_options=options)
    def secretive() -> ls.Stream:
        return ls.read_files(landing, format="json", storage_options=options)

    return secretive


@pytest.mark.parametrize("name", sorted(known_names()))
def test_x3_option_when_shown_then_its_value_is_not(name: str) -> None:
    try:
        options = StorageOptions.of({name: f"{CANARY}-value"}, where="here")
    except LakestreamError as error:
        _assert_silent(error, *traceback.format_exception(error))
        return
    _assert_silent(options, f"{options}", [options])


def test_x3_option_when_misspelt_then_the_error_names_it_without_its_value() -> None:
    with pytest.raises(LakestreamError, match="aws_secret_acess_key") as caught:
        _table("s3://b/l", "s3://b/t", {"aws_secret_acess_key": f"{CANARY}-x"})

    _assert_silent(*traceback.format_exception(caught.value))


@pytest.mark.parametrize("method", ["run", "status", "validate", "discover", "preview", "reset"])
def test_x3_url_when_it_carries_userinfo_then_no_message_shows_it(method: str) -> None:
    url = f"s3://user:{CANARY}@bucket/x"
    table = _table(url, f"{url}/table", {})
    _assert_silent(table, table.path, table.sources, table.definition, table.stream.plan)

    with pytest.raises(LakestreamError, match=r"LS-") as caught:
        getattr(table, method)()

    assert caught.value.fix
    _assert_silent(*traceback.format_exception(caught.value))


@pytest.fixture
def nobody() -> str:
    """An endpoint where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("method", ["run", "validate", "discover"])
def test_x3_endpoint_when_nothing_answers_then_the_error_shows_no_credential(
    nobody: str, tmp_path: Path, method: str
) -> None:
    options = {
        **SECRETS,
        "aws_endpoint": nobody,
        "aws_region": "us-east-1",
        "allow_http": "true",
        "max_retries": "0",
        "retry_timeout": "1s",
    }
    table = _table("s3://bucket/landing", "s3://bucket/table", options)
    _assert_silent(table, table.sources, table.stream, table.definition)

    with pytest.raises(LakestreamError, match=r"LS-STORE") as caught:
        getattr(table, method)()

    _assert_silent(*traceback.format_exception(caught.value))
    module = tmp_path / "secretive.py"
    module.write_text(
        f"import lakestream as ls\nOPTIONS = {options!r}\n"
        "@ls.streaming_table('s3://bucket/table', storage_options=OPTIONS)\n"
        "def secretive():\n"
        "    return ls.read_files('s3://bucket/landing', format='json', storage_options=OPTIONS)\n"
    )
    for verb in ("check", "status"):
        done = CliRunner().invoke(app, [verb, str(module)])
        assert done.exit_code != 0
        _assert_silent(done.output, done.exception)


@pytest.mark.moto
def test_x3_run_when_all_goes_well_then_nothing_written_or_said_has_a_credential(
    moto_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    import boto3

    options = {**moto_server.options, **SECRETS}
    root = f"s3://{moto_server.bucket}/secrets"
    client = boto3.client(
        "s3",
        endpoint_url=moto_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto takes any
    )
    client.put_object(
        Bucket=moto_server.bucket, Key="secrets/landing/a.json", Body=b'{"id": 1}\n{"id"\n'
    )
    table = _table(f"{root}/landing", f"{root}/table", options)

    progress = table.run()

    _assert_silent(*(json.dumps(each.as_dict(), default=str) for each in progress), *progress)
    _assert_silent(table.status(), list(table.files()), table.quarantine().to_pylist(), caplog.text)
    from lakestream.dagster import build_assets

    for asset in build_assets([table]):
        _assert_silent(getattr(asset, "metadata_by_key", asset), getattr(asset, "specs", asset))
    listed = client.list_objects_v2(Bucket=moto_server.bucket, Prefix="secrets/")["Contents"]
    keys = [each["Key"] for each in listed]
    assert any("_delta_log" in key for key in keys)
    assert any("/offsets/" in key for key in keys)
    for key in keys:
        body = client.get_object(Bucket=moto_server.bucket, Key=key)["Body"].read()
        assert CANARY.encode() not in body, key
        assert CANARY not in key
