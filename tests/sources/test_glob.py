from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.errors import ConfigError
from lakestream.sources.files.glob import Style, compile_glob, split_glob


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


@pytest.mark.parametrize(
    ("pattern", "path", "lax", "strict"),
    [
        ("b", "b/c/file.txt", True, True),
        ("*/c/", "b/c/file.txt", True, True),
        ("*/c/", "b/c/d/file.txt", True, True),
        ("*/d/", "b/c/d/file.txt", True, False),
        ("*/c/", "b/x/y/c/file.txt", True, False),
        ("*/c", "b/c_file.txt", True, False),
        ("*/c/", "b/c_file.txt", True, False),
        ("*/c", "b/cookie/file.txt", True, False),
        ("b*", "b.txt", True, True),
        ("b*", "b/file.txt", True, True),
        ("{0.txt,1.txt}", "0.txt", True, True),
        ("*/{0.txt,1.txt}", "0.txt", False, False),
        ("b/[cde-h]/i/", "b/c/i/file.txt", True, True),
    ],
)
def test_globber_when_lax_or_strict_takes_what_auto_loaders_does(
    pattern: str,
    path: str,
    lax: bool,  # noqa: FBT001 - a column of the table
    strict: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert compile_glob(pattern, option="path", style="lax").takes(path, recursive=True) is lax
    assert compile_glob(pattern, option="path").takes(path, recursive=True) is strict


@pytest.mark.parametrize(
    ("pattern", "path", "takes"),
    [
        ("*/c", "x/c/d/e.json", False),
        ("*/c", "x/c/day=1/e.json", True),
        ("*/c", "x/cookie/e.json", True),
        ("*/c", "x/c/d/c/e.json", True),
        ("*", "x/y/e.json", True),
        ("x?", "xy/y/e.json", False),
    ],
)
def test_globber_when_lax_then_only_folders_below_the_longest_match_are_entered(
    pattern: str,
    path: str,
    takes: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert compile_glob(pattern, option="path", style="lax").takes(path, recursive=False) is takes


@pytest.mark.parametrize(
    ("pattern", "path", "takes"),
    [
        ("**/*.json", "a.json", True),
        ("**/*.json", "x/y/a.json", True),
        ("*.json", "x/a.json", False),
        ("x/**/z", "x/z/a", True),
        ("x/**/z", "x/y/y/z/a", True),
        ("x/**/z", "x/y/zz/a", False),
        ("x/**", "x", False),
        ("x/**", "x/a", True),
        ("**", "a", True),
        ("**/archive", "x/archive/y/a", True),
        ("**/archive", "x/archived/a", False),
        ("a**b", "aXb", True),
        ("a**b", "a/b", False),
        ("{x,y}/**/a*", "y/1/2/ab", True),
    ],
)
def test_glob_with_two_stars_crosses_folders(
    pattern: str,
    path: str,
    takes: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert compile_glob(pattern, option="path", style="deep").takes(path, recursive=True) is takes


@pytest.mark.timeout(60)  # as above, for what crosses folders
@pytest.mark.parametrize("style", ["lax", "deep"])
def test_glob_that_crosses_folders_many_times_ends(style: Style) -> None:
    glob = compile_glob("**/a*/" * 30 + "b", option="path", style=style)
    assert not glob.takes("a/" * 2_000 + "c", recursive=True)


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab/", max_size=10))
def test_glob_matches_like_a_plain_backtracking_matcher(pattern: str, path: str) -> None:
    assert compile_glob(pattern, option="path").matches(path) is _matches(pattern, path)


@given(st.text(alphabet="ab*?/", max_size=8), st.text(alphabet="ab/", max_size=10))
def test_lax_glob_takes_like_a_plain_matcher_of_beginnings(pattern: str, path: str) -> None:
    wanted = pattern.strip("/")
    beginnings = (path[:end] for end in range(len(path) + 1))
    taken = compile_glob(pattern, option="path", style="lax").takes(path, recursive=True)
    assert taken is any(_matches(wanted, each, crosses=True) for each in beginnings)


SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab", "a*", "*", "?", "**", "*b"]), min_size=1)
FOLDERS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "aab"]), min_size=1, max_size=7)


@given(SEGMENTS, FOLDERS)
def test_deep_glob_takes_like_a_plain_matcher_of_folders(
    pattern: list[str], path: list[str]
) -> None:
    glob = compile_glob("/".join(pattern), option="path", style="deep")
    above = (path[:end] for end in range(1, len(path) + 1))
    taken = glob.takes("/".join(path), recursive=True)
    assert taken is any(_matches_folders(pattern, each) for each in above)


def _matches_folders(pattern: list[str], path: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        if pattern == ["**"]:
            return bool(path)
        return _matches_folders(pattern[1:], path) or (
            bool(path) and _matches_folders(pattern, path[1:])
        )
    return bool(path) and _matches(pattern[0], path[0]) and _matches_folders(pattern[1:], path[1:])


def _matches(pattern: str, path: str, *, crosses: bool = False) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "*":
        return _matches(pattern[1:], path, crosses=crosses) or (
            bool(path)
            and (crosses or path[0] != "/")
            and _matches(pattern, path[1:], crosses=crosses)
        )
    return (
        bool(path)
        and (pattern[0] == path[0] or (pattern[0] == "?" and path[0] != "/"))
        and _matches(pattern[1:], path[1:], crosses=crosses)
    )
