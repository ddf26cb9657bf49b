"""Which storage account a queue is in by name, and who asks it, from the files' options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import ConfigError

if TYPE_CHECKING:
    from lakestream.storage.options import StorageOptions

_EMULATOR: Final = "devstoreaccount1"
#: The published key of every emulator's account.
_EMULATOR_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_VARIABLES: Final = {
    "account_name": ("AZURE_STORAGE_ACCOUNT_NAME",),
    "account_key": (
        "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY",
    ),
    "sas_key": ("AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN"),
}  # fmt: skip


def account_url(options: StorageOptions, where: str) -> str:
    """Give the URL of the queue service that the options' account has.

    Raises:
        ConfigError: No account is named.
    """
    azure = options.for_azure()
    if _is_emulated(azure):
        return os.environ.get("AZURITE_QUEUE_STORAGE_URL", "http://127.0.0.1:10001") + (
            f"/{_EMULATOR}"
        )
    account = _given(azure, "account_name")
    if account is None:
        raise ConfigError(
            "a queue's name needs the storage account it is in",
            where=where,
            fix="write https://<account>.queue.core.windows.net/<queue>, or account_name in"
            " storage_options",
        )
    return f"https://{account}.queue.core.windows.net"


def credential_of(options: StorageOptions) -> Any:  # noqa: ANN401 - text, dict or any of Azure's classes
    """Give what says who asks: what is in the options, else Azure's usual chain."""
    azure = options.for_azure()
    if _is_emulated(azure):
        return {"account_name": _EMULATOR, "account_key": _EMULATOR_KEY}
    account, key = _given(azure, "account_name"), _given(azure, "account_key")
    if key is not None:
        return {"account_name": account, "account_key": key} if account else key
    sas = _given(azure, "sas_key")
    if sas is not None:
        return sas.lstrip("?")
    if "token" in azure:
        return _Token(azure["token"])
    from azure.identity import ClientSecretCredential, DefaultAzureCredential

    client_id = azure.get("client_id")
    if client_id and "client_secret" in azure and "tenant_id" in azure:
        return ClientSecretCredential(azure["tenant_id"], client_id, azure["client_secret"])
    return DefaultAzureCredential(
        **({"managed_identity_client_id": client_id} if client_id else {})
    )


class _Token:
    """A bearer token that is given, and not renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: object) -> Any:  # noqa: ANN401 - Azure's, loaded when it is asked
        from azure.core.credentials import AccessToken

        return AccessToken(self._token, 2**31)


def _is_emulated(azure: dict[str, str]) -> bool:
    return azure.get("use_emulator", "").lower() in {"true", "1", "yes", "on", "y"}


def _given(azure: dict[str, str], name: str) -> str | None:
    """Give an option, else the variable that object_store, too, takes in its place."""
    found = azure.get(name)
    return found or next(filter(None, map(os.environ.get, _VARIABLES[name])), None)
