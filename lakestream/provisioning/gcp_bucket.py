"""The bucket's own side: the notification configuration that tells the topic of new objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from lakestream.clock import Clock
from lakestream.errors import ProvisioningRefusedError
from lakestream.provisioning.base import Found, Target
from lakestream.provisioning.gcp_session import Google, mapped
from lakestream.provisioning.naming import STREAM_TAG

_EVENT: Final = "OBJECT_FINALIZE"
_SERVICE: Final = "//pubsub.googleapis.com/"
#: What a bucket takes: in all, and for one event.
_MOST: Final = 100
_MOST_OF_EVENT: Final = 10
#: A new grant is not known everywhere at once, and the bucket tries the topic: seconds to wait.
_WAITS_S: Final = (1, 2, 4, 8, 16, 30)


class ConfigurationPart:
    """A notification configuration of the bucket; its tag is an attribute of each message.

    It cannot be changed: another one is made, and then the old one is removed.

    Args:
        google: Where.
        target: Whose.
        topics: The topic's full names: by the project's id, and by its number.
        clock: Waits.
    """

    kind: Final = "gcs bucket notification"

    def __init__(self, google: Google, target: Target, topics: Sequence[str], clock: Clock) -> None:
        self._google = google
        self._target = target
        self._topics = [_SERVICE + each for each in topics]
        self._clock = clock
        self._path = f"b/{quote(target.bucket, safe='')}/notificationConfigs"
        self.name: Final = f"{target.bucket}/{target.name}"

    def find(self) -> Found | None:
        """Look at the bucket's configurations. Cost: one request."""
        found = self._read()
        ours = [each for each in found if self._is_ours(each)]
        overlaps = self._overlaps([each for each in found if each not in ours])
        if ours:
            is_right = len(ours) == 1 and self._is_right(ours[0])
            return Found(drift=() if is_right else ("configuration",))
        if any(each.get("topic") in self._topics for each in found):
            return Found(is_ours=False, overlaps=overlaps)
        return Found(is_there=False, overlaps=overlaps)

    def make(self) -> None:
        """Make the configuration beside the others'; then remove what has drifted of ours.

        Cost: two requests, and one for each that is removed; more where Google is slow.
        """
        ours = [each for each in self._read() if self._is_ours(each)]
        right = next(filter(self._is_right, ours), None)
        if right is None:
            self._insert()
        for each in ours:
            if each is not right:
                self._delete(each)

    def remove(self) -> None:
        """Remove the stream's configurations; the others stay. Cost: two requests."""
        for each in self._read():
            if self._is_ours(each):
                self._delete(each)

    def _insert(self) -> None:
        body: dict[str, Any] = {
            "topic": self._topics[0],
            "event_types": [_EVENT],
            "payload_format": "NONE",
            "custom_attributes": {STREAM_TAG: self._target.id},
        }
        if self._target.prefix:
            body["object_name_prefix"] = self._target.prefix
        for wait_s in (*_WAITS_S, None):
            try:
                with mapped("storage.buckets.update", self.name):
                    self._google.post("storage", self._path, body)
            except ProvisioningRefusedError:
                if wait_s is None:
                    raise
                self._clock.sleep(wait_s)
            else:
                return

    def _delete(self, configuration: Mapping[str, Any]) -> None:
        with mapped("storage.buckets.update", self.name):
            number = quote(str(configuration["id"]), safe="")
            self._google.delete("storage", f"{self._path}/{number}")

    def _read(self) -> list[dict[str, Any]]:
        with mapped("storage.buckets.get", self.name):
            reply = self._google.get("storage", self._path)
        return list((reply or {}).get("items", ()))

    def _is_ours(self, configuration: Mapping[str, Any]) -> bool:
        tags: Mapping[str, str] = configuration.get("custom_attributes", {})
        return tags.get(STREAM_TAG) == self._target.id

    def _is_right(self, configuration: Mapping[str, Any]) -> bool:
        return (
            configuration.get("topic") in self._topics
            and configuration.get("event_types") == [_EVENT]
            and configuration.get("object_name_prefix", "") == self._target.prefix
        )

    def _overlaps(self, others: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Tell why the bucket takes no further configuration."""
        bucket, prefix = self._target.bucket, self._target.prefix
        same = [
            each
            for each in others
            if _EVENT in (each.get("event_types") or [_EVENT])
            and _meet(each.get("object_name_prefix", ""), prefix)
        ]
        if len(others) >= _MOST:
            return (f"bucket {bucket} has {len(others)} notifications, and takes {_MOST}",)
        if len(same) >= _MOST_OF_EVENT:
            topics = sorted({str(each.get("topic", "")).removeprefix(_SERVICE) for each in same})
            crowd = (
                f"bucket {bucket} tells of new files under {prefix or 'every prefix'!r}"
                f" {len(same)} times, and takes {_MOST_OF_EVENT}: {', '.join(topics)}"
            )
            return (crowd,)
        return ()


def _meet(prefix: str, other: str) -> bool:
    return prefix.startswith(other) or other.startswith(prefix)
