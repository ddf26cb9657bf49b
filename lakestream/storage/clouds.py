"""Each cloud's store of obstore, opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

from lakestream.errors import ConfigError
from lakestream.storage.credentials import credentials_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestream.storage.location import Location
    from lakestream.storage.options import StorageOptions

AnyStore: TypeAlias = S3Store | AzureStore | GCSStore | MemoryStore
_STORES: Final = {"s3": S3Store, "az": AzureStore, "abfss": AzureStore, "gs": GCSStore}
_memory_stores: dict[str, MemoryStore] = {}


def open_store(location: Location, options: StorageOptions) -> tuple[AnyStore, str]:
    """Give the store and what to put before each key, where the store cannot do it itself.

    Raises:
        EnvironmentNotSetError: An option stands for a variable that is not set.
        ConfigError: An option contradicts the location.
        AccessDeniedError: A profile gives no credentials.
    """
    prefix = location.prefix
    if location.scheme == "memory":
        store = _memory_stores.setdefault(location.bucket, MemoryStore())
        return store, f"{prefix}/" if prefix else ""
    split = options.for_obstore(location.scheme)
    config: Any = {**split.config, **_named_by(location, split.config)}
    client_options: Any = split.client_options
    retry_config: Any = split.retry_config
    opened = _STORES[location.scheme](
        location.bucket,
        prefix=prefix or None,
        config=config,
        client_options=client_options,
        retry_config=retry_config,
        **credentials_of(location.scheme, split.config),
    )
    return opened, ""


def _named_by(location: Location, config: Mapping[str, str]) -> dict[str, str]:
    """Give the options that the location itself says."""
    account = location.account
    if account is None:
        return {}
    if config.get("account_name", account) != account:
        raise ConfigError(
            f"account_name is not the account of the URI: {account}",
            where=str(location),
            fix="leave account_name out",
        )
    fabric = {"use_fabric_endpoint": "true"} if location.is_fabric else {}
    return {"account_name": account, **fabric}
