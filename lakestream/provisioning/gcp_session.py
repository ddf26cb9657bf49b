"""Who asks Google's REST interfaces and where, and what their failures mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import ConfigError, ProvisioningRefusedError, ProvisioningUnavailableError
from lakestream.sources.files.notifications.google_login import (
    credentials_of,
    service_url,
    session_of,
)

if TYPE_CHECKING:
    from lakestream.storage.options import StorageOptions

_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_STORAGE: Final = "https://storage.googleapis.com"
_MANAGER: Final = "https://cloudresourcemanager.googleapis.com"
_TIMEOUT_S: Final = 30.0
_MISSING: Final = 404
_REFUSING: Final = range(400, 500)
#: 409 is an aborted change of a policy, too; 499 a cancelled request.
_BUSY: Final = frozenset({408, 409, 412, 429, 499})


class Google:
    """Three REST interfaces; a resource is a path below its service.

    Args:
        session: requests' session, which says who asks.
        pubsub: Pub/Sub's URL with its version.
        storage: Cloud Storage's URL.
        manager: The resource manager's URL.
    """

    def __init__(
        self,
        session: Any,  # noqa: ANN401 - requests', which says no types
        *,
        pubsub: str,
        storage: str = _STORAGE,
        manager: str = _MANAGER,
    ) -> None:
        self._session = session
        self._urls = {
            "pubsub": pubsub,
            "storage": f"{storage.rstrip('/')}/storage/v1",
            "manager": f"{manager}/v3",
        }

    def get(self, service: str, path: str, **query: str) -> dict[str, Any] | None:
        """Read a resource; None when there is none. Cost: one request."""
        reply = self._send("GET", service, path, None, query)
        return None if reply.status_code == _MISSING else self._checked(reply)

    def put(self, service: str, path: str, body: Mapping[str, object]) -> None:
        """Make a resource. Cost: one request."""
        self._checked(self._send("PUT", service, path, body, {}))

    def patch(self, service: str, path: str, body: Mapping[str, object]) -> None:
        """Change a resource. Cost: one request."""
        self._checked(self._send("PATCH", service, path, body, {}))

    def post(self, service: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Ask for something to be done. Cost: one request."""
        return self._checked(self._send("POST", service, path, body, {}))

    def delete(self, service: str, path: str) -> None:
        """Remove a resource, if it is there. Cost: one request."""
        reply = self._send("DELETE", service, path, None, {})
        if reply.status_code != _MISSING:
            self._checked(reply)

    def _send(
        self,
        method: str,
        service: str,
        path: str,
        body: Mapping[str, object] | None,
        query: Mapping[str, str],
    ) -> Any:  # noqa: ANN401 - as above
        url = f"{self._urls[service]}/{path}"
        return self._session.request(method, url, json=body, params=query, timeout=_TIMEOUT_S)

    def _checked(self, reply: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
        reply.raise_for_status()
        found = reply.json() if reply.content else {}
        return found if isinstance(found, dict) else {}


def open_google(options: StorageOptions, where: str) -> Google:
    """Give Google's services, asked by the options' login or by Google's usual chain.

    The store's own endpoint is asked, where the options name one; ``PUBSUB_EMULATOR_HOST`` names
    an emulator of Pub/Sub.

    Raises:
        ConfigError: google-auth is not installed, a key cannot be read, or the endpoint has no TLS.
        ProvisioningRefusedError: Nobody is logged in.

    Cost: no request.
    """
    try:
        import google.auth.transport.requests as _  # noqa: F401 - whether it is there
    except ImportError as error:
        raise ConfigError(
            "making subscriptions in Google Cloud needs google-auth",
            where=where,
            fix="pip install 'lakestream[gcp]'",
        ) from error
    pubsub, is_emulated = service_url()
    google = options.for_google()
    storage = google.get("google_base_url") or _endpoint_of_key(google) or _STORAGE
    if storage.startswith("http://") and not options.allows_http:
        raise ConfigError(
            "Cloud Storage is asked without TLS",
            where=where,
            fix="write https://, or allow_http=True in storage_options",
        )
    who = {"google_skip_signature": "true"} if is_emulated else google
    with mapped("a login", where):
        session = session_of(credentials_of(who, _SCOPES))
    return Google(session, pubsub=pubsub, storage=storage, manager=_MANAGER)


@contextmanager
def mapped(permission: str, where: str) -> Iterator[None]:
    """Map the failures of Google's services and of requests.

    Args:
        permission: What the credentials must be allowed, for the message.
        where: What it is done to.
    """
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests import HTTPError, RequestException

    try:
        yield
    except HTTPError as error:
        status = status_of(error)
        if status in _REFUSING and status not in _BUSY:
            raise ProvisioningRefusedError(
                f"Google refused {permission} (HTTP {status})",
                where=where,
                fix=f"check that it is there and that the credentials have {permission};"
                " `lakestream notifications plan` prints the permissions",
            ) from error
        raise ProvisioningUnavailableError(
            f"Google cannot do {permission} now (HTTP {status})",
            where=where,
            fix="try again in a minute; what was made stays and is taken up",
        ) from error
    except (RequestException, TransportError) as error:
        raise ProvisioningUnavailableError(
            f"Google did not answer {permission} ({type(error).__name__})",
            where=where,
            fix="try again; what was made stays and is taken up",
        ) from error
    except GoogleAuthError as error:
        raise ProvisioningRefusedError(
            f"there are no credentials for Google Cloud ({type(error).__name__})",
            where=where,
            fix="give them in storage_options, or log in (gcloud auth application-default)",
        ) from error


def status_of(error: object) -> int:
    """Give the HTTP status of requests' error; 0 where it has none."""
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _endpoint_of_key(google: Mapping[str, str]) -> str | None:
    """Give the endpoint that a key names; a key that cannot be read is told of by the login."""
    try:
        key = json.loads(google.get("google_service_account_key", "{}"))
    except ValueError:
        return None
    found = key.get("gcs_base_url") if isinstance(key, dict) else None
    return found if isinstance(found, str) else None
