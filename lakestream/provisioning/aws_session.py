"""Who asks AWS and where, and what its failures mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from lakestream.errors import ConfigError, ProvisioningRefusedError, ProvisioningUnavailableError

if TYPE_CHECKING:
    from lakestream.storage.options import StorageOptions

_MISSING: Final = frozenset({
    "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NotFound",
    "NotFoundException", "ResourceNotFoundException", "NoSuchBucket",
})  # fmt: skip
#: A queue's name is not free for a minute after it was deleted.
_LATER: Final = frozenset({
    "AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently", "OperationAborted",
    "Throttling", "ThrottlingException", "RequestThrottled", "SlowDown", "TooManyRequestsException",
    "ConcurrentModificationException", "ConcurrentAccess", "ConcurrentAccessException",
})  # fmt: skip
_REFUSING: Final = range(400, 500)
_BUSY: Final = frozenset({408, 429})


class Aws(msgspec.Struct, frozen=True):
    """Where a stream's resources are.

    Args:
        session: boto3's.
        endpoints: Of the services, by name, where they are not AWS's.
        credentials: boto3's arguments that say who asks.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        region: The bucket's: S3 tells only its own region's queues.
        account: Who asks, and whom the queue is made for.
    """

    session: Any
    endpoints: tuple[tuple[str, str], ...]
    credentials: tuple[tuple[str, str], ...]
    partition: str
    region: str
    account: str

    def arn(self, service: str, name: str) -> str:
        """Name a resource of the account in the region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{name}"

    def queue_url(self, name: str) -> str:
        """Give a queue's URL, whether it is there or not. Cost: no request."""
        host = str(self.client("sqs").meta.endpoint_url).rstrip("/")
        return f"{host}/{self.account}/{name}"

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """Give boto3's client of a service. Cost: no request."""
        return _client(self.session, service, self.endpoints, self.credentials, self.region)


def open_aws(options: StorageOptions, bucket: str, where: str) -> Aws:
    """Find out whose credentials these are, and where the bucket is.

    An ``aws_endpoint`` of another host than Amazon's is asked for SQS, SNS and EventBridge too.

    Raises:
        ConfigError: boto3 is not installed, or the endpoint has no TLS.
        ProvisioningRefusedError, ProvisioningUnavailableError.

    Cost: two requests.
    """
    try:
        import boto3  # type: ignore[import-untyped] # it has none
    except ImportError as error:
        raise ConfigError(
            "making queues in AWS needs boto3", where=where, fix="pip install 'lakestream[aws]'"
        ) from error
    given = options.for_boto3()
    session = boto3.session.Session()
    region = given.pop("region_name", None) or session.region_name or "us-east-1"
    endpoint = _endpoint(options)
    if endpoint is not None and urlsplit(endpoint).scheme == "http" and not options.allows_http:
        raise ConfigError(
            "AWS is asked without TLS",
            where=where,
            fix="write https://, or allow_http=True in storage_options",
        )
    is_elsewhere = endpoint is not None and not (urlsplit(endpoint).hostname or "").endswith(
        (".amazonaws.com", ".amazonaws.com.cn")
    )
    services = ("s3", "sqs", "sns", "events", "sts") if is_elsewhere else ()
    endpoints = tuple((service, endpoint or "") for service in services)
    credentials = tuple(given.items())
    with mapped("s3:ListBucket", where):
        s3 = _client(session, "s3", endpoints, credentials, region)
        head = s3.head_bucket(Bucket=bucket)
        region = head.get("BucketRegion") or region
    with mapped("sts:GetCallerIdentity", where):
        caller = _client(session, "sts", endpoints, credentials, region).get_caller_identity()
    partition = str(caller["Arn"]).split(":")[1]
    return Aws(session, endpoints, credentials, partition, region, str(caller["Account"]))


@contextmanager
def mapped(action: str, where: str) -> Iterator[None]:
    """Map boto3's failures.

    Args:
        action: What the credentials must be allowed, for the message.
        where: What it is done to.
    """
    from botocore.exceptions import (  # type: ignore[import-untyped] # it has none
        BotoCoreError,
        ClientError,
        CredentialRetrievalError,
        NoCredentialsError,
        PartialCredentialsError,
    )

    try:
        yield
    except ClientError as error:
        code, status = code_of(error), _status(error)
        if status in _REFUSING and status not in _BUSY and code not in _LATER:
            raise ProvisioningRefusedError(
                f"AWS refused {action} ({code})",
                where=where,
                fix=f"check that it is there and that the credentials may {action}; `lakestream"
                " notifications plan` prints the policy",
            ) from error
        raise ProvisioningUnavailableError(
            f"AWS cannot do {action} now ({code})",
            where=where,
            fix="try again in a minute; what was made stays and is taken up",
        ) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise ProvisioningRefusedError(
            "there are no credentials for AWS",
            where=where,
            fix="give them in storage_options, or by one of AWS's usual ways",
        ) from error
    except BotoCoreError as error:
        raise ProvisioningUnavailableError(
            f"AWS did not answer {action} ({type(error).__name__})",
            where=where,
            fix="try again; what was made stays and is taken up",
        ) from error


@contextmanager
def if_there() -> Iterator[None]:
    """Pass over what is missing: the block ends there."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code_of(error) not in _MISSING:
            raise


def code_of(error: Any) -> str:  # noqa: ANN401 - botocore has no types
    """Give the service's code of a failure, or the HTTP status."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if code.replace(".", "").isalnum() else f"HTTP {_status(error)}"


def _endpoint(options: StorageOptions) -> str | None:
    client: Any = options.for_s3fs()["client_kwargs"]
    endpoint: str | None = client.get("endpoint_url")
    return endpoint


def _status(error: Any) -> int:  # noqa: ANN401 - as above
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _client(
    session: Any,  # noqa: ANN401 - as above
    service: str,
    endpoints: tuple[tuple[str, str], ...],
    credentials: tuple[tuple[str, str], ...],
    region: str,
) -> Any:  # noqa: ANN401 - as above
    from botocore.config import Config  # type: ignore[import-untyped] # it has none

    return session.client(
        service,
        endpoint_url=dict(endpoints).get(service),
        region_name=region,
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 4},
        ),
        **dict(credentials),
    )
