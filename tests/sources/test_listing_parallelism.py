"""``listing_parallelism``: several folders listed at a time give what one listing gives."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arro3.core import RecordBatch
from support.files_source import FilesPipe
from support.listed_place import Place, known
from support.moto import MotoServer

from lakestream.storage import stores
from lakestream.storage.object_store import ObjectReadStore
from lakestream.storage.options import StorageOptions

NAMES = sorted(
    f"{year}/{month}/{file}" for year in (2025, 2026) for month in (1, 2) for file in "ab"
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many folders listings of landing places were asked to list at the same time."""
    found: list[int] = []
    real = ObjectReadStore.list

    def listed(
        self: ObjectReadStore,
        prefix: str = "",
        *,
        start_after: str | None = None,
        parallelism: int = 1,
    ) -> Iterator[RecordBatch]:
        found.append(parallelism)
        return real(self, prefix, start_after=start_after, parallelism=parallelism)

    monkeypatch.setattr(ObjectReadStore, "list", listed)
    return found


def test_files_on_s3_when_folders_are_listed_at_once_come_once(
    moto_server: MotoServer, tmp_path: Path
) -> None:
    uri = f"s3://{moto_server.bucket}/{uuid.uuid4().hex}/in"
    landing = stores.open_log_store(uri, StorageOptions.of(moto_server.options, where="test"))
    pipe = FilesPipe(
        tmp_path,
        options={
            "format": "text",
            "storage_options": moto_server.options,
            "listing_parallelism": 4,
            "order_by": "key",
        },
        path=uri,
    )
    for name in ("0", *NAMES):
        landing.put_absent(name, name.encode())
    reader = pipe.open()
    assert [row["value"] for row in pipe.all_rows(reader)] == ["0", *NAMES]

    landing.put_absent("2026/3/new", b"new")
    again = pipe.open()
    again.discover()
    assert known(again) == ["0", *NAMES, "2026/3/new"]


@pytest.mark.parametrize(
    ("options", "budget_s", "expected"),
    [
        ({}, None, 4),
        ({"order_by": "key"}, 600.0, 4),
        ({"use_incremental_listing": True}, None, 1),
        ({}, 600.0, 1),
    ],
)
def test_listing_when_it_has_to_follow_the_order_of_names_then_one_after_another(
    tmp_path: Path,
    asked: list[int],
    options: dict[str, Any],
    budget_s: float | None,
    expected: int,
) -> None:
    place = Place(tmp_path, listing_parallelism=4, **options)
    place.put(*NAMES)
    reader = place.open()
    reader.discover(time_budget_s=budget_s)
    assert asked == [expected]
    assert sorted(known(reader)) == NAMES
