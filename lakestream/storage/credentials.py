"""Credentials that object_store does not find by itself: AWS profiles and SSO, Azure's login.

What is given by options or the usual variables, and what instances, containers and pods are given,
object_store finds, and no other library is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import AccessDeniedError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.auth.boto3 import Boto3CredentialProvider

#: With one of these S3 options, or variables, the credentials do not come from a profile.
_AWS_OPTIONS: Final = frozenset({
    "aws_access_key_id", "aws_skip_signature", "aws_web_identity_token_file", "aws_role_arn",
    "aws_container_credentials_relative_uri", "aws_container_credentials_full_uri",
})  # fmt: skip
_AWS_VARIABLES: Final = frozenset({
    "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SKIP_SIGNATURE",
})  # fmt: skip
_AWS_FILES: Final = {
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_CONFIG_FILE": "~/.aws/config",
}
#: With one of these Azure options, or variables, object_store knows itself who asks.
_AZURE_OPTIONS: Final = frozenset({
    "account_key", "client_id", "client_secret", "federated_token_file", "msi_endpoint",
    "msi_resource_id", "object_id", "sas_key", "skip_signature", "token", "use_azure_cli",
    "use_emulator",
})  # fmt: skip
_AZURE_VARIABLES: Final = frozenset({
    "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_USE_EMULATOR",
})  # fmt: skip


def credentials_of(scheme: str, config: Mapping[str, str]) -> dict[str, Any]:
    """Give the argument of obstore's store that says who asks, or none.

    Args:
        scheme: Of the location.
        config: The store's options, under their canonical names.

    Raises:
        ConfigError: A profile is named, and the library that reads it is not installed.
        AccessDeniedError: Profile or login give no credentials, as when a login has expired.

    Cost: none without profile and login; else what boto3 or azure-identity ask, once a process.
    """
    if scheme in {"az", "abfss"} and asks_azure_identity(config):
        return {"credential_provider": _azure_login()}
    if scheme != "s3" or not asks_a_profile(config):
        return {}
    provider = _profile(_profile_name(), _files())
    if provider is None:
        return {}
    is_placed = any(name in config for name in ("aws_region", "aws_default_region"))
    region = {} if is_placed or os.environ.get("AWS_REGION") else dict(provider.config)
    return {"credential_provider": _WithRegion(provider, region)}


def asks_a_profile(config: Mapping[str, str]) -> bool:
    """Whether options and variables leave it to AWS's profiles to say who asks."""
    if not _AWS_OPTIONS.isdisjoint(config) or any(map(os.environ.get, _AWS_VARIABLES)):
        return False
    return _profile_name() is not None or any(Path(file).expanduser().exists() for file in _files())


def asks_azure_identity(config: Mapping[str, str]) -> bool:
    """Whether options and variables leave it to Azure's login chain to say who asks."""
    if not _AZURE_OPTIONS.isdisjoint(config) or any(map(os.environ.get, _AZURE_VARIABLES)):
        return False
    return _has_azure_identity()


def azure_token() -> str:
    """Give a token of whoever is logged in, for a library that asks nobody.

    Raises:
        AccessDeniedError: Nobody is logged in.

    Cost: a request when the last one is about to expire (an hour, mostly).
    """
    return str(_azure_login()()["token"])


@lru_cache(maxsize=1)
def _has_azure_identity() -> bool:
    try:
        return find_spec("azure.identity") is not None
    except ModuleNotFoundError:
        return False


@lru_cache(maxsize=1)
def _azure_login() -> Callable[[], Mapping[str, Any]]:
    """Open the chain of azure-identity: variables, workload and managed identity, ``az login``."""
    from azure.core.exceptions import ClientAuthenticationError
    from obstore.auth.azure import AzureCredentialProvider

    provider = AzureCredentialProvider()

    def ask() -> Mapping[str, Any]:
        try:
            return provider()
        except ClientAuthenticationError as error:
            raise AccessDeniedError(
                "nobody is logged in to Azure",
                where="the login chain of azure-identity",
                fix="log in (`az login`), give the machine an identity, or a key or SAS to "
                "storage_options",
            ) from error

    ask()
    return ask


def _profile_name() -> str | None:
    return os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")


def _files() -> tuple[str, ...]:
    return tuple(os.environ.get(name) or default for name, default in _AWS_FILES.items())


class _WithRegion:
    """A profile's credentials, with its region where no option and no variable names one."""

    def __init__(self, provider: Boto3CredentialProvider, region: dict[str, Any]) -> None:
        self._provider = provider
        self.config = region

    def __call__(self) -> object:
        return self._provider()


@lru_cache(maxsize=8)
def _profile(profile: str | None, files: tuple[str, ...]) -> Boto3CredentialProvider | None:
    """Open the profile that the variables and files name; None where there is none in them."""
    try:
        from botocore.exceptions import (  # type: ignore[import-untyped] # it has none
            BotoCoreError,
            ClientError,
        )
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        if profile is None:
            return None
        raise ConfigError(
            f"AWS_PROFILE names the profile {profile!r}, and nothing here reads profiles",
            fix="install lakestream[aws], or unset AWS_PROFILE",
        ) from error
    where = f"AWS profile {profile or 'default'!r} in {' or '.join(files)}"
    try:
        provider = Boto3CredentialProvider()
        provider.credentials.get_frozen_credentials()
    except ValueError:
        return None
    except (BotoCoreError, ClientError) as error:
        raise AccessDeniedError(
            "the profile gives no credentials",
            where=where,
            fix="log in (`aws sso login`), or correct the profile",
        ) from error
    return provider
