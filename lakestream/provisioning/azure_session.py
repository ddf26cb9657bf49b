"""Who asks Azure's resource manager, and what its and the queues' failures mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import ConfigError, ProvisioningRefusedError, ProvisioningUnavailableError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from lakestream.storage.options import StorageOptions

MANAGER: Final = "https://management.azure.com"
_SCOPE: Final = "https://management.azure.com/.default"
_REFUSING: Final = range(400, 500)
#: Also a conflict: a queue's name is not free for half a minute after it was deleted.
_BUSY: Final = frozenset({408, 409, 412, 429})
_MISSING: Final = 404


class Arm:
    """The resource manager's REST API; a resource is a path.

    Args:
        credential: Who asks.
        base_url: The resource manager of the cloud.
    """

    def __init__(self, credential: TokenCredential, base_url: str = MANAGER) -> None:
        from azure.core import PipelineClient

        self._credential = credential
        self._client: Any = PipelineClient(base_url, retry_total=3, connection_timeout=5)

    def get(self, path: str, version: str) -> Any:  # noqa: ANN401 - a tree of JSON
        """Read a resource; None when there is none. Cost: one request."""
        return self._send("GET", path, version, None)

    def put(self, path: str, version: str, body: Mapping[str, object]) -> None:
        """Make or change a resource; it may be ready only later. Cost: one request."""
        self._send("PUT", path, version, body)

    def delete(self, path: str, version: str) -> None:
        """Remove a resource, if it is there. Cost: one request."""
        self._send("DELETE", path, version, None)

    def _send(self, method: str, path: str, version: str, body: Mapping[str, object] | None) -> Any:  # noqa: ANN401 - a tree of JSON
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        token = self._credential.get_token(_SCOPE).token
        request = HttpRequest(
            method,
            self._client.format_url(path),
            params={"api-version": version},
            headers={"Authorization": f"Bearer {token}"},
            json=body,
        )
        response = self._client.send_request(request)
        if response.status_code == _MISSING and method != "PUT":
            return None
        if response.status_code >= _REFUSING.start:
            raise HttpResponseError(response=response)
        return response.json() if method == "GET" else None


def open_arm(options: StorageOptions) -> Arm:
    """Give the resource manager, asked by the options' client or by Azure's usual chain.

    Keys and SAS of the storage account say nothing to it.

    Raises:
        ConfigError: azure-identity is not installed.

    Cost: no request.
    """
    try:
        from azure.identity import ClientSecretCredential, DefaultAzureCredential
    except ImportError as error:
        raise ConfigError(
            "making queues in Azure needs azure-identity",
            where="provisioning",
            fix="pip install 'lakestream[azure]'",
        ) from error
    azure = options.for_azure()
    names = ("tenant_id", "client_id", "client_secret")
    if all(name in azure for name in names):
        return Arm(ClientSecretCredential(*(azure[name] for name in names)))
    return Arm(DefaultAzureCredential())


@contextmanager
def mapped(action: str, where: str) -> Iterator[None]:
    """Map the failures of Azure's libraries.

    Args:
        action: What the credentials must be allowed, for the message.
        where: What it is done to.
    """
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        status = error.status_code
        is_refused = isinstance(error, ClientAuthenticationError) or (
            status in _REFUSING and status not in _BUSY
        )
        if is_refused:
            raise ProvisioningRefusedError(
                f"Azure refused {action} (HTTP {status})",
                where=where,
                fix=f"check that it is there and that the credentials may {action}; `lakestream"
                " notifications plan` prints the role",
            ) from error
        raise ProvisioningUnavailableError(
            f"Azure cannot do {action} now (HTTP {status})",
            where=where,
            fix="try again in a minute; what was made stays and is taken up",
        ) from error
    except AzureError as error:
        raise ProvisioningUnavailableError(
            f"Azure did not answer {action} ({type(error).__name__})",
            where=where,
            fix="try again; what was made stays and is taken up",
        ) from error
