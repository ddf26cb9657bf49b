"""The names of storage options: object_store's, with every spelling it takes.

Every spelling is brought to one canonical name, which the libraries know for sure: object_store
itself takes some names with one prefix only. Source: object_store's config keys, each held
against obstore by tests/storage/test_options.py.
"""

from __future__ import annotations

from typing import Final

#: S3: the name after ``aws_`` (which may be left out), and its other spellings.
_AWS: Final = {
    "access_key_id": (),
    "secret_access_key": (),
    "session_token": ("token",),
    "region": (),
    "default_region": (),
    "endpoint": ("endpoint_url",),
    "virtual_hosted_style_request": (),
    "imdsv1_fallback": (),
    "metadata_endpoint": (),
    "unsigned_payload": (),
    "checksum_algorithm": (),
    "container_credentials_relative_uri": (),
    "container_credentials_full_uri": (),
    "container_authorization_token_file": (),
    "web_identity_token_file": (),
    "role_arn": (),
    "role_session_name": (),
    "endpoint_url_sts": (),
    "skip_signature": (),
    "s3_express": (),
    "conditional_put": (),
    "disable_tagging": (),
    "disable_bulk_delete": (),
    "request_payer": (),
    "server_side_encryption": (),
    "sse_kms_key_id": (),
    "sse_bucket_key_enabled": (),
    "sse_customer_key_base64": (),
}
#: Azure: the name after ``azure_`` or ``azure_storage_``.
_AZURE: Final = {
    "account_name": (),
    "account_key": ("access_key", "master_key"),
    "client_id": (),
    "client_secret": (),
    "tenant_id": ("authority_id",),
    "authority_host": (),
    "sas_key": ("sas_token",),
    "token": ("bearer_token",),
    "endpoint": (),
    "use_emulator": (),
    "use_fabric_endpoint": (),
    "msi_endpoint": (),
    "object_id": (),
    "msi_resource_id": (),
    "federated_token_file": (),
    "use_azure_cli": (),
    "skip_signature": (),
    "disable_tagging": (),
}
#: Google: the name after ``google_``.
_GOOGLE: Final = {
    "service_account": ("service_account_path",),
    "service_account_key": (),
    "application_credentials": (),
    "base_url": (),
    "bearer_token": (),
    "skip_signature": (),
}
#: What a prefix may be, by store; the first one makes the canonical name.
_PREFIXES: Final = {
    "aws": ("aws_", ""),
    "azure": ("", "azure_", "azure_storage_"),
    "google": ("google_", ""),
}

CLIENT_FLAGS: Final = frozenset({
    "allow_http", "allow_invalid_certificates", "http1_only", "http2_only", "randomize_addresses",
})  # fmt: skip
CLIENT_DURATIONS: Final = frozenset({
    "connect_timeout", "http2_keep_alive_interval", "http2_keep_alive_timeout",
    "pool_idle_timeout", "read_timeout", "timeout",
})  # fmt: skip
CLIENT_TEXTS: Final = frozenset({
    "default_content_type", "http2_keep_alive_while_idle", "pool_max_idle_per_host",
    "proxy_ca_certificate", "proxy_excludes", "proxy_url", "root_certificate", "user_agent",
})  # fmt: skip
CLIENT: Final = CLIENT_FLAGS | CLIENT_DURATIONS | CLIENT_TEXTS
BACKOFF: Final = frozenset({"init_backoff", "max_backoff", "base"})
RETRY: Final = BACKOFF | {"max_retries", "retry_timeout"}


def _store_names(store: str, table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    found = {}
    for name, others in table.items():
        for prefix in _PREFIXES[store]:
            for each in (name, *others):
                found[prefix + each] = _PREFIXES[store][0] + name
    return found


#: Every spelling (lower case) and its canonical name, by store.
BY_STORE: Final[dict[str, dict[str, str]]] = {
    "aws": _store_names("aws", _AWS),
    "azure": _store_names("azure", _AZURE),
    "google": _store_names("google", _GOOGLE),
}
#: Every spelling of the options that all stores share, and its canonical name.
SHARED: Final[dict[str, str]] = (
    {prefix + name: name for name in CLIENT for prefix in ("", "aws_", "azure_", "google_")}
    | {name: name for name in RETRY}
    | {f"backoff_config.{name}": name for name in BACKOFF}
)
#: The store that a location's scheme is in.
STORE_OF_SCHEME: Final = {"s3": "aws", "az": "azure", "abfss": "azure", "gs": "google"}
#: Options with which several writers overwrite each other's commits.
UNSAFE: Final = frozenset(prefix + "s3_allow_unsafe_rename" for prefix in ("", "aws_")) | {
    "allow_unsafe_rename"
}


def known_names(scheme: str | None = None) -> frozenset[str]:
    """Give every accepted spelling, in lower case: of a cloud's scheme, or of all clouds."""
    store = STORE_OF_SCHEME.get(scheme or "")
    if store is None:
        return frozenset(SHARED).union(*BY_STORE.values())
    return frozenset(SHARED).union(BY_STORE[store])
