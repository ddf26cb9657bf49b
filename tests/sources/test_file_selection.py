"""Which files of a place belong to a source, by their paths: patterns and globbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.files_source import FilesPipe

from lakestream.sources.files.describe import describe_files
from lakestream.sources.files.description import FilesDescription
from lakestream.storage.location import parse_location


@pytest.fixture
def pipe(tmp_path: Path) -> FilesPipe:
    found = FilesPipe(tmp_path, options={"format": "json", "schema": "id BIGINT"})
    found.land("a.json", {"id": 1})
    found.land("2026/b.json", {"id": 2})
    found.land("2026/old/c.json", {"id": 3})
    found.land("2025/d_v2.json", {"id": 4})
    return found


def ids(pipe: FilesPipe, **options: Any) -> list[int]:
    return sorted(row["id"] for row in pipe.all_rows(pipe.open(**options)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include_patterns": "2026"}, [2, 3]),
        ({"include_patterns": "*.json"}, [1]),
        ({"include_patterns": "**/*.json"}, [1, 2, 3, 4]),
        ({"include_patterns": ["a.json", r"re:_v\d\.json$"]}, [1, 4]),
        ({"exclude_patterns": "**/old"}, [1, 2, 4]),
        ({"exclude_patterns": ["re:^2025/", "a*"]}, [2, 3]),
        ({"include_patterns": "202*", "exclude_patterns": "**/old"}, [2, 4]),
        ({"include_patterns": "2026", "exclude_patterns": "202*"}, []),
        ({"include_patterns": "202*", "path_glob_filter": "?.json"}, [2, 3]),
        ({"exclude_patterns": []}, [1, 2, 3, 4]),
    ],
)
def test_patterns_when_given_choose_files_by_their_paths(
    pipe: FilesPipe, options: dict[str, Any], expected: list[int]
) -> None:
    assert ids(pipe, **options) == expected


def test_patterns_when_the_path_is_a_glob_then_they_begin_at_its_literal_folder(
    pipe: FilesPipe,
) -> None:
    pipe.path = f"{pipe.landing}/202?"
    assert ids(pipe, include_patterns="2026/*.json") == [2]


def test_patterns_when_changed_then_what_was_left_out_is_found_and_nothing_twice(
    pipe: FilesPipe,
) -> None:
    assert ids(pipe, exclude_patterns="2026") == [1, 4]
    assert ids(pipe, exclude_patterns="**/old") == [1, 2, 4]
    assert ids(pipe, include_patterns="2025") == [1, 2, 4]
    assert ids(pipe) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("glob", "strict", "lax"),
    [
        ("*.json", [1], [1, 2, 3, 4]),
        ("*/old/", [3], [3]),
        ("20*/d", [], [4]),
    ],
)
def test_path_when_the_globber_is_lax_then_stars_cross_folders(
    pipe: FilesPipe, glob: str, strict: list[int], lax: list[int]
) -> None:
    pipe.path = f"{pipe.landing}/{glob}"
    assert ids(pipe) == strict
    assert ids(pipe, use_strict_globber=False) == lax


@pytest.mark.parametrize(
    ("options", "circle"),
    [
        ({}, True),
        ({"exclude_patterns": "lake"}, False),
        ({"exclude_patterns": "lake/*.parquet"}, True),  # a partitioned table has folders
        ({"exclude_patterns": "lake/**"}, False),
        ({"include_patterns": "*.json"}, False),
        ({"include_patterns": "lake"}, True),
    ],
)
def test_table_when_the_patterns_leave_it_out_then_it_may_lie_in_its_landing_folder(
    options: dict[str, Any],
    circle: bool,  # noqa: FBT001 - a column of the table
) -> None:
    found = describe_files("/landing", format="parquet", **options)
    assert found.takes_files_of(parse_location("/landing/lake")) is circle


def test_selection_when_what_chooses_paths_changes_then_another_text() -> None:
    def described(path: str = "/landing/*", **options: Any) -> FilesDescription:
        return describe_files(path, format="json", **options)

    texts = [
        described(**each).selection()
        for each in (
            {},
            {"path": "/landing/*.json"},
            {"path": "/landing"},
            {"use_strict_globber": False},
            {"path_glob_filter": "*.json"},
            {"include_patterns": "x"},
            {"include_patterns": "re:x"},
            {"exclude_patterns": "x"},
            {"recursive": False},
        )
    ]
    assert len(set(texts)) == len(texts)
    assert described(modified_after="2026-01-01").selection() == texts[0]
