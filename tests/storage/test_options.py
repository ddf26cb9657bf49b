from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.store import AzureStore, GCSStore, S3Store

from lakestream.errors import ConfigError, EnvironmentNotSetError, UnknownOptionError
from lakestream.storage import option_names
from lakestream.storage.location import env
from lakestream.storage.options import StorageOptions


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def _of(**options: object) -> StorageOptions:
    return StorageOptions.of(options, where="table")  # type: ignore[arg-type] # wrong ones too


@pytest.mark.parametrize("spelling", ["aws_region", "AWS_REGION", "region"])
def test_options_when_spelt_in_any_way_reach_every_library(spelling: str) -> None:
    options = _of(**{spelling: "eu-west-1"})
    assert options.for_deltalake("s3") == {"aws_region": "eu-west-1"}
    assert options.for_obstore("s3").config == {"aws_region": "eu-west-1"}
    assert options.for_s3fs() == {"client_kwargs": {"region_name": "eu-west-1"}}
    assert options.for_deltalake("file") is None


def test_options_when_for_the_client_or_retries_go_where_obstore_takes_them() -> None:
    options = _of(
        AWS_ALLOW_HTTP="True", timeout="30 seconds", max_retries=3, retry_timeout="1 minute"
    )
    split = options.for_obstore("s3")
    assert split.config == {}
    assert split.client_options == {"allow_http": True, "timeout": timedelta(seconds=30)}
    assert split.retry_config == {"max_retries": 3, "retry_timeout": timedelta(minutes=1)}
    assert options.for_deltalake("s3") == {
        "allow_http": "true",
        "timeout": "30000ms",
        "max_retries": "3",
        "retry_timeout": "60000ms",
    }
    S3Store("b", config=split.config, client_options=split.client_options)


def test_options_when_a_name_is_unknown_gives_the_near_ones() -> None:
    with pytest.raises(UnknownOptionError, match="aws_secret_access_key"):
        _of(aws_secret_acces_key="s3cr3t")  # noqa: S106 - a canary
    with pytest.raises(UnknownOptionError):
        _of(AWS_PROFILE="dev")


@pytest.mark.parametrize(
    "wrong",
    [
        {"AWS_S3_ALLOW_UNSAFE_RENAME": "true"},
        {"conditional_put": "disabled"},
        {"region": "a", "AWS_REGION": "b"},
        {"timeout": "soon"},
        {"allow_http": "perhaps"},
        {"max_retries": "many"},
        {"region": None},
        {"endpoint_url": "localhost:9000"},
    ],
)
def test_options_when_a_value_is_wrong_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="table"):
        _of(**wrong)


def test_endpoint_when_a_variable_holds_no_url_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "minio:9000")
    options = _of(aws_endpoint=env("S3_ENDPOINT"))

    with pytest.raises(ConfigError, match="aws_endpoint is no URL"):
        options.for_obstore("s3")


def test_options_when_shown_hide_every_value(monkeypatch: pytest.MonkeyPatch) -> None:
    options = _of(aws_secret_access_key="s3cr3t", token=env("TOKEN"))  # noqa: S106 - a canary
    assert "s3cr3t" not in repr(options)
    assert "s3cr3t" not in repr(options.__reduce_ex__(0)[0])
    assert pickle.loads(pickle.dumps(options)) == options
    assert hash(options) == hash(pickle.loads(pickle.dumps(options)))
    with pytest.raises(EnvironmentNotSetError, match="TOKEN"):
        options.for_obstore("s3")
    monkeypatch.setenv("TOKEN", "t0ken")
    split = options.for_obstore("s3")
    assert split.config["aws_session_token"] == "t0ken"  # noqa: S105 - a canary
    assert "t0ken" not in repr(split)


@pytest.mark.parametrize("store", ["aws", "azure", "google"])
def test_option_names_when_given_to_obstore_are_all_known(store: str) -> None:
    opener = {
        "aws": lambda config: S3Store("b", config=config),
        "azure": lambda config: AzureStore("c", config={"account_name": "a", **config}),
        "google": lambda config: GCSStore("b", config=config),
    }[store]
    unknown = []
    for name in set(option_names.BY_STORE[store].values()):
        try:
            opener({name: "true"})
        except Exception as error:  # noqa: BLE001 - "true" is no good value for many
            if type(error).__name__ == "UnknownConfigurationKeyError":
                unknown.append(name)
    assert unknown == []


@pytest.mark.parametrize(
    "name", sorted(option_names.CLIENT - {"root_certificate", "proxy_ca_certificate"})
)
def test_client_option_names_when_given_to_obstore_are_all_known(name: str) -> None:
    value = {"proxy_url": "http://127.0.0.1:1", "pool_max_idle_per_host": "5"}.get(name, "1")
    if name in option_names.CLIENT_DURATIONS:
        value = "1s"
    split = _of(**{name: value}).for_obstore("s3")
    S3Store("b", client_options=split.client_options)
