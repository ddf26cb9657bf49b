from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.gcs_events import attributes, payload

from lakestream.sources.files.notifications.base import FileEvent, Ignored, Poison
from lakestream.sources.files.notifications.gcs_events import events_of

NAME: Final = "orders/day=1/a b+c%20é#.json"
AT: Final = datetime(2026, 11, 20, 9, 0, 0, 958410, tzinfo=UTC)


@pytest.mark.parametrize("body", [b"", payload(NAME), b"\xff"])
def test_object_when_told_of_then_its_name_is_as_it_is(body: bytes) -> None:
    assert events_of(body, attributes(NAME)) == [FileEvent("landing", NAME, AT)]
    again = attributes(NAME, overwroteGeneration="1732170000000000")
    assert events_of(body, again) == [FileEvent("landing", NAME, AT)]


def test_name_when_only_the_payload_tells_it_then_from_there() -> None:
    told = {"eventType": "OBJECT_FINALIZE"}
    assert events_of(payload(NAME), told) == [FileEvent("landing", NAME)]


@pytest.mark.parametrize(
    ("told", "reason"),
    [(attributes(NAME, eventType="OBJECT_DELETE"), "OBJECT_DELETE"),
     (attributes(NAME, eventType="OBJECT_ARCHIVE"), "OBJECT_ARCHIVE"),
     (attributes(NAME, eventType="OBJECT_METADATA_UPDATE"), "OBJECT_METADATA_UPDATE"),
     (attributes(NAME, eventType="a secret?"), "another event"),
     (attributes("orders/"), "OBJECT_FINALIZE of a folder's placeholder")],
)  # fmt: skip
def test_event_of_no_new_object_when_read_then_ignored(told: dict[str, str], reason: str) -> None:
    assert events_of(payload(NAME), told) == [Ignored(reason)]


@pytest.mark.parametrize(
    ("body", "told"),
    [(payload(NAME), {}), (b"", {"eventType": "OBJECT_FINALIZE"}),
     (b"[" * 100_000, {"eventType": "OBJECT_FINALIZE"}),
     (b'{"bucket": 5, "name": "a"}', {"eventType": "OBJECT_FINALIZE"}),
     (b'{"bucket": "b", "name": ""}', attributes(""))],
)  # fmt: skip
def test_what_has_no_known_shape_when_read_then_poison(body: bytes, told: dict[str, str]) -> None:
    (found,) = events_of(body, told)
    assert isinstance(found, Poison)


FIELDS: Final = st.sampled_from(["eventType", "bucketId", "objectId", "eventTime"])


@given(
    st.binary(max_size=200) | st.just(payload(NAME)),
    st.dictionaries(FIELDS, st.text(max_size=20) | st.just("OBJECT_FINALIZE"))
    | st.dictionaries(FIELDS, st.text(max_size=20)).map(lambda some: attributes(NAME, **some)),
)
def test_d4_whatever_pubsub_brings_when_read_then_it_is_sorted_without_raising(
    body: bytes, told: dict[str, str]
) -> None:
    (found,) = events_of(body, told)
    assert isinstance(found, FileEvent | Ignored | Poison)
    if isinstance(found, FileEvent):
        assert found.bucket
        assert found.key
