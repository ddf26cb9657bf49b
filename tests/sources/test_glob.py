from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.errors import ConfigError
from lakestream.sources.files.glob import compile_glob, split_glob


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.json", "a.json", True),
        ("*.json", "a.jsonl", False),
        ("*.json", "d/a.json", False),
        ("*/a.json", "d/a.json", True),
        ("?.json", "ab.json", False),
        ("[abc]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[^a]x", "bx", True),
        ("[^a]x", "ax", False),
        ("[^a]x", "/x", False),
        ("[]]x", "]x", True),
        ("[a&&b]x", "&x", True),
        ("{ab,cd}", "cd", True),
        ("{ab,c{de,fh}}", "cfh", True),
        ("{ab,c{de,fh}}", "cab", False),
        ("{a*,b}/*.gz", "axx/1.gz", True),
        (r"\*.json", "*.json", True),
        (r"\*.json", "a.json", False),
        ("a*b*c", "axbxbxc", True),
        ("a*b*c", "axbxbxcd", False),
        ("a**c", "abc", True),
        ("a.json", "aXjson", False),
        ("*", "a\nb", True),
    ],
)
def test_glob_matches_as_sparks(pattern: str, path: str, matches: bool) -> None:  # noqa: FBT001 - a column of the table
    assert compile_glob(pattern, option="path").matches(path) is matches


@pytest.mark.parametrize("pattern", ["[abc", "{a,b", "a[z-a]", "a\\", "{a,b}" * 10])
def test_glob_when_malformed_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="LS-CONF-001"):
        compile_glob(pattern, option="path")


@pytest.mark.parametrize(
    ("pattern", "path", "recursive", "takes"),
    [
        ("2026", "2026/11/a.json", True, True),
        ("2026", "2026/11/a.json", False, False),
        ("2026", "2026/day=11/a.json", False, True),
        ("2026", "20261/a.json", True, False),
        ("{x,x/y}", "x/y/a.json", False, True),
        ("20*/*.json", "2026/a.json", False, True),
    ],
)
def test_glob_when_a_folder_matches_takes_what_is_below(
    pattern: str,
    path: str,
    recursive: bool,  # noqa: FBT001 - a column of the table
    takes: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert compile_glob(pattern, option="path").takes(path, recursive=recursive) is takes


@pytest.mark.parametrize(
    ("path", "root", "pattern"),
    [
        ("s3://bucket/orders", "s3://bucket/orders", None),
        ("s3://bucket/orders/*.json", "s3://bucket/orders", "*.json"),
        ("s3://bucket/a{b,c}/d", "s3://bucket", "a{b,c}/d"),
        ("/data/20*/x/*.csv", "/data", "20*/x/*.csv"),
        ("/*.csv", "/", "*.csv"),
        ("*.csv", ".", "*.csv"),
        (r"/data/a\[1\]/b", "/data/a[1]/b", None),
        (r"/data/a\[1\]/*", "/data/a[1]", "*"),
    ],
)
def test_path_when_split_gives_whole_literal_folders(
    path: str, root: str, pattern: str | None
) -> None:
    assert split_glob(path) == (root, pattern)


@pytest.mark.timeout(60)  # backtracking over thirty stars would not end in years
def test_glob_with_many_stars_ends() -> None:
    assert not compile_glob("*a" * 30 + "b", option="path").matches("a" * 5_000)


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab/", max_size=10))
def test_glob_matches_like_a_plain_backtracking_matcher(pattern: str, path: str) -> None:
    assert compile_glob(pattern, option="path").matches(path) is _matches(pattern, path)


def _matches(pattern: str, path: str) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "*":
        return _matches(pattern[1:], path) or (
            bool(path) and path[0] != "/" and _matches(pattern, path[1:])
        )
    return (
        bool(path)
        and (pattern[0] == path[0] or (pattern[0] == "?" and path[0] != "/"))
        and (_matches(pattern[1:], path[1:]))
    )
