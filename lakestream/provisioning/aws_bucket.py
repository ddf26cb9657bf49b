"""The bucket's own side: one entry among others' in its notification configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lakestream.clock import Clock
from lakestream.errors import ProvisioningRefusedError, ProvisioningUnavailableError
from lakestream.provisioning.aws_documents import RECEIVERS, entry_of, normal, overlaps
from lakestream.provisioning.aws_session import Aws, code_of, mapped
from lakestream.provisioning.base import Found, Target

#: A queue's new policy is not known everywhere at once, and S3 tries the queue: seconds to wait.
_WAITS_S: Final = (1, 2, 4, 8, 16, 30)


class EntryPart:
    """The entry by which the bucket tells a queue or topic; it can carry no tag but its id.

    S3 knows only whole configurations: what stands there is read, changed and written. Who else
    writes in the same instant may be undone by it, or undo it, and is told nothing by S3.

    Args:
        aws: Where.
        target: Whose.
        service: ``sqs`` or ``sns``, of what is told.
        clock: Waits.
    """

    kind: Final = "s3 bucket notification"

    def __init__(self, aws: Aws, target: Target, service: str, clock: Clock) -> None:
        self._bucket = _Configuration(aws, target.bucket)
        self._target = target
        self._clock = clock
        self._list = "QueueConfigurations" if service == "sqs" else "TopicConfigurations"
        self._entry = entry_of(target, RECEIVERS[self._list], aws.arn(service, target.name))
        self.name: Final = f"{target.bucket}/{target.name}"

    def find(self) -> Found | None:
        """Look at the bucket's entries. Cost: one request."""
        configuration = self._bucket.read()
        crossing = tuple(overlaps(self._target, configuration))
        elsewhere = [
            name
            for name in RECEIVERS
            if name != self._list and any(map(self._is_named_so, configuration.get(name, ())))
        ]
        if elsewhere:
            crossing += (f"{self.name} is wired another way: destroy that one first",)
        own = next(filter(self._is_named_so, configuration.get(self._list, ())), None)
        if own is None:
            return Found(is_there=False, overlaps=crossing)
        receiver = RECEIVERS[self._list]
        return Found(
            is_ours=own.get(receiver) == self._entry[receiver],
            drift=() if normal(own) == normal(self._entry) else ("entry",),
            overlaps=crossing,
        )

    def make(self) -> None:
        """Put the entry beside the others. Cost: three requests; more where AWS is slow."""
        configuration = self._without_own()
        configuration[self._list] = [*configuration.get(self._list, ()), self._entry]
        self._write(configuration)
        if not any(
            normal(each) == normal(self._entry) for each in self._bucket.read().get(self._list, ())
        ):
            raise ProvisioningUnavailableError(
                "somebody else wrote the bucket's notifications in the same instant",
                where=self.name,
                fix="try again, and see that their entries are there",
            )

    def remove(self) -> None:
        """Take the entry out; the others stay. Cost: two requests."""
        self._bucket.write(self._without_own())

    def _without_own(self) -> dict[str, Any]:
        configuration = self._bucket.read()
        kept = [e for e in configuration.get(self._list, ()) if not self._is_named_so(e)]
        return {**configuration, self._list: kept}

    def _write(self, configuration: Mapping[str, Any]) -> None:
        for wait_s in _WAITS_S:
            try:
                self._bucket.write(configuration)
            except ProvisioningRefusedError as error:
                if code_of(error.__cause__) != "InvalidArgument":
                    raise
                self._clock.sleep(wait_s)
            else:
                return
        self._bucket.write(configuration)

    def _is_named_so(self, entry: Mapping[str, Any]) -> bool:
        return entry.get("Id") == self._target.name


class SwitchPart:
    """The bucket's switch that lets EventBridge have its events; never switched off again."""

    kind: Final = "s3 bucket eventbridge switch"

    def __init__(self, aws: Aws, target: Target) -> None:
        self._bucket = _Configuration(aws, target.bucket)
        self.name: Final = target.bucket

    def find(self) -> Found | None:
        """Look at the switch. Cost: one request."""
        is_on = "EventBridgeConfiguration" in self._bucket.read()
        return Found(is_shared=True) if is_on else None

    def make(self) -> None:
        """Switch it on; the bucket's other entries stay. Cost: two requests."""
        self._bucket.write({**self._bucket.read(), "EventBridgeConfiguration": {}})

    def remove(self) -> None:
        """Leave it on: others may rely on it."""


class _Configuration:
    """A bucket's notification configuration, read and written whole."""

    def __init__(self, aws: Aws, bucket: str) -> None:
        self._s3 = aws.client("s3")
        self._named = {"Bucket": bucket, "ExpectedBucketOwner": aws.account}
        self._where = f"bucket {bucket}"

    def read(self) -> dict[str, Any]:
        with mapped("s3:GetBucketNotification", self._where):
            reply = self._s3.get_bucket_notification_configuration(**self._named)
        return {name: value for name, value in reply.items() if name != "ResponseMetadata"}

    def write(self, configuration: Mapping[str, Any]) -> None:
        filled = {
            name: value
            for name, value in configuration.items()
            if value or name == "EventBridgeConfiguration"
        }
        with mapped("s3:PutBucketNotification", self._where):
            self._s3.put_bucket_notification_configuration(
                **self._named, NotificationConfiguration=filled
            )
