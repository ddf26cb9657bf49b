from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.azure_events import SCHEMAS, Schema, base64, event
from support.azurite import ACCOUNT

from lakestream.sources.files.notifications.base import FileEvent, FolderEvent, Ignored, Poison
from lakestream.sources.files.notifications.event_grid import events_of

KEY: Final = "orders/day=1/a b+c%20é#.json"
AT: Final = datetime(2026, 11, 20, 9, 0, 0, 958410, tzinfo=UTC)


def body(tree: object) -> bytes:
    return json.dumps(tree).encode()


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("encode", [body, lambda tree: base64(tree).encode()])
@pytest.mark.parametrize("listed", [False, True])
def test_blob_when_told_of_then_its_key_is_as_it_is(
    schema: Schema, encode: Any, *, listed: bool
) -> None:
    tree = event(KEY, schema=schema)
    assert events_of(encode([tree] if listed else tree)) == [FileEvent("landing", KEY, AT, ACCOUNT)]


@pytest.mark.parametrize(
    "api", ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"]
)
def test_api_that_makes_a_whole_blob_when_told_of_then_a_file(api: str) -> None:
    (found,) = events_of(body(event(KEY, data={"api": api})))
    assert isinstance(found, FileEvent)


@pytest.mark.parametrize(
    ("data", "reason"),
    [({"api": "CreateFile", "contentLength": 0}, "BlobCreated:CreateFile"),
     ({"api": "SftpCreate"}, "BlobCreated:SftpCreate"),
     ({"api": "a secret?"}, "BlobCreated by another api"),
     ({"api": "PutBlob", "blobType": "AppendBlob", "contentLength": 0},
      "BlobCreated: an append blob with nothing in it")],
)  # fmt: skip
@pytest.mark.parametrize("schema", SCHEMAS)
def test_blob_that_is_still_written_when_told_of_then_ignored(
    data: dict[str, Any], reason: str, schema: Schema
) -> None:
    assert events_of(body(event(KEY, data=data, schema=schema))) == [Ignored(reason)]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_rename_when_told_of_then_the_destination_is_a_file_or_a_folder(schema: Schema) -> None:
    data = {
        "api": "RenameFile",
        "destinationUrl": f"https://{ACCOUNT}.dfs.core.windows.net/landing/orders/new",
        "sourceUrl": f"https://{ACCOUNT}.dfs.core.windows.net/landing/orders/old",
    }
    file = event("orders/new", kind="BlobRenamed", data=data, schema=schema)
    folder = event("orders/new", kind="DirectoryRenamed", data=data, schema=schema)
    assert events_of(body([file, folder])) == [
        FileEvent("landing", "orders/new", AT, ACCOUNT),
        FolderEvent("landing", "orders/new", AT, ACCOUNT),
    ]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize(
    "kind",
    ["BlobDeleted", "BlobTierChanged", "DirectoryCreated", "DirectoryDeleted",
     "AsyncOperationInitiated", "BlobInventoryPolicyCompleted", "LifecyclePolicyCompleted"],
)  # fmt: skip
def test_event_of_no_new_blob_when_read_then_ignored(kind: str, schema: Schema) -> None:
    assert events_of(body(event(KEY, kind=kind, schema=schema))) == [Ignored(kind)]


def test_validation_of_a_subscription_when_read_then_ignored() -> None:
    kind = "Microsoft.EventGrid.SubscriptionValidationEvent"
    tree = event(KEY, eventType=kind, data={"validationCode": "512d38b6"})
    assert events_of(body(tree)) == [Ignored(kind)]
    (other,) = events_of(body(event(KEY, eventType="Corp.Orders.Created")))
    assert isinstance(other, Ignored)
    assert "Corp" not in other.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no json",
        b"{",
        b"\xff\xfe",
        body("text"),
        body([1]),
        body({}),
        b64encode(b"\xff"),
        b64encode(b64encode(body(event(KEY)))),
        body(event(KEY, eventType=5)),
        body(event(KEY, eventType="")),
        body(event(KEY, data={"api": None})),
        body({**event(KEY), "data": "text"}),
        body(event(KEY, subject=None)),
        body(event(KEY, subject="/blobServices/default/containers/landing")),
        body(event("", container="landing")),
        b"[" * 100_000,
        b'{"eventType": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_has_no_known_shape_when_read_then_poison(data: bytes) -> None:
    assert any(isinstance(each, Poison) for each in events_of(data))


def test_good_events_beside_a_broken_one_when_read_then_kept() -> None:
    found = events_of(body([event(KEY), {}, event(KEY, schema="cloud events")]))
    assert [type(each) for each in found] == [FileEvent, Poison, FileEvent]


@pytest.mark.parametrize("time", ["", "yesterday", 5, None])
def test_time_or_account_that_is_none_when_read_then_left_out(time: object) -> None:
    (found,) = events_of(body(event(KEY, eventTime=time, topic=time)))
    assert found == FileEvent("landing", KEY)


LEAVES: Final = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
TREES: Final = st.recursive(
    LEAVES
    | st.sampled_from(["Microsoft.Storage.BlobCreated", "Microsoft.Storage.DirectoryRenamed",
                       "/blobServices/default/containers/c/blobs/a", "PutBlob"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["eventType", "type", "specversion", "subject", "data", "api", "topic",
                         "source", "eventTime", "time", "blobType", "contentLength"]),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip
FIELDS: Final = st.sampled_from(["eventType", "subject", "data", "topic", "eventTime"])


@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(b64encode)
    | TREES.map(body)
    | TREES.map(base64).map(str.encode)
    | st.dictionaries(FIELDS, TREES, max_size=2).map(lambda some: body({**event(KEY), **some}))
)
def test_d4_whatever_event_grid_brings_when_read_then_it_is_sorted_without_raising(
    data: bytes,
) -> None:
    for each in events_of(data):
        assert isinstance(each, FileEvent | FolderEvent | Ignored | Poison)
        if isinstance(each, FileEvent | FolderEvent):
            assert each.bucket
            assert each.key
