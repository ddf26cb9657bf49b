from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.errors import ConfigError
from lakestream.sources.files.notifications.base import FileEvent, FolderEvent
from lakestream.sources.files.notifications.routing import Route, rewrites_of
from lakestream.sources.files.notifications.sqs import SqsQueue
from lakestream.storage.location import parse_location

QUEUE = SqsQueue("https://sqs.eu-west-1.amazonaws.com/1/q")


def key_of(
    bucket: str,
    key: str,
    *,
    landing: str = "s3://landing/orders",
    rewrites: dict[str, str] | None = None,
    account: str | None = None,
) -> str | None:
    route = Route(parse_location(landing), rewrites_of(rewrites))
    return route.key_of(FileEvent(bucket, key, account=account))


def test_key_below_the_landing_place_when_routed_then_relative() -> None:
    assert key_of("landing", "orders/a/b.json") == "a/b.json"
    assert key_of("landing", "a.json", landing="s3://landing") == "a.json"
    assert key_of("box", "x/a.json", landing="abfss://box@acc.dfs.core.windows.net/x") == "a.json"


@pytest.mark.parametrize(
    ("bucket", "key"),
    [("other", "orders/a.json"), ("landing", "order/a.json"), ("landing", "orders2/a.json"),
     ("landing", "orders"), ("LANDING", "orders/a.json"), ("landing", "x/orders/a.json")],
)  # fmt: skip
def test_d4_key_outside_when_routed_then_nobodys(bucket: str, key: str) -> None:
    assert key_of(bucket, key) is None


def test_other_account_when_routed_then_nobodys() -> None:
    landing = "abfss://box@mine.dfs.core.windows.net/x"
    assert key_of("box", "x/a", landing=landing, account="mine") == "a"
    assert key_of("box", "x/a", landing=landing, account="theirs") is None


@pytest.mark.parametrize(
    "key",
    ["orders/../../secret", "orders/./a", "orders//a", "/orders/a", "orders/a\0b",
     "orders/\ud800", "orders/" + "a" * 1100, "", "../orders/a"],
)  # fmt: skip
def test_d4_key_that_leads_elsewhere_when_routed_then_nobodys(key: str, tmp_path: Path) -> None:
    assert key_of("landing", key) is None
    assert (
        key_of("landing", key, landing=str(tmp_path), rewrites={"landing": str(tmp_path)}) is None
    )


@given(st.text(max_size=30), st.text(alphabet="./ab\\%\0", max_size=20))
def test_d4_whatever_a_key_is_when_rewritten_to_a_folder_then_it_stays_below(
    bucket: str, tail: str
) -> None:
    for key in (tail, f"orders/{tail}"):
        found = key_of(bucket, key, landing="/data/orders", rewrites={"landing": "/data"})
        if found is not None:
            assert ".." not in found.split("/")
            assert not found.startswith("/")


def test_rewrites_when_several_match_then_the_longest_wins() -> None:
    rewrites = {"landing": "/mnt/all", "landing/orders": "/mnt/orders/"}
    assert key_of("landing", "orders/a.json", landing="/mnt/orders", rewrites=rewrites) == "a.json"
    assert (
        key_of("landing", "other/a.json", landing="/mnt/all", rewrites=rewrites) == "other/a.json"
    )
    assert key_of("landing", "orders2/a", landing="/mnt/all", rewrites=rewrites) == "orders2/a"
    assert key_of("landing", "orders/a", landing="/mnt/all", rewrites=rewrites) is None
    assert key_of("alias", "a/b", landing="s3://real/x", rewrites={"alias/a": "s3://real/x"}) == "b"


@pytest.mark.parametrize(
    ("folder", "key"),
    [("orders/a/b", "a/b"), ("orders/a/b/", "a/b"), ("orders", ""), ("order", None),
     ("other", None), ("orders/..", None)],
)  # fmt: skip
def test_folder_when_routed_then_what_of_it_is_the_source_s(folder: str, key: str | None) -> None:
    event = FolderEvent("landing", folder)
    assert Route(parse_location("s3://landing/orders"), ()).key_of(event) == key


def test_folder_above_the_landing_place_when_routed_then_it_is_all_of_it() -> None:
    event = FolderEvent("landing", "a")
    assert Route(parse_location("s3://landing/a/b/c"), ()).key_of(event) == ""
    rewritten = rewrites_of({"landing": "/mnt"})
    assert Route(parse_location("/mnt/a/b"), rewritten).key_of(event) == ""
    assert Route(parse_location("/mnt/b"), rewritten).key_of(event) is None


def test_queue_of_another_store_when_no_rewrite_then_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tells of nothing in"):
        Route.of(QUEUE, parse_location(str(tmp_path)), ())
    assert Route.of(QUEUE, parse_location(str(tmp_path)), rewrites_of({"b": str(tmp_path)}))


@pytest.mark.parametrize(
    "mapping", [{"": "/x"}, {"s3://b": "/x"}, {"b": " "}, {"b": 1}, {1: "/x"}, {"/": "/x"}]
)
def test_rewrites_when_no_prefix_and_place_then_refused(mapping: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="path_rewrites"):
        rewrites_of(mapping)
