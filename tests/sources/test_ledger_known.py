"""The known files: what is in a set, in packs and apart answers as one plain set would."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.sources.files import known
from lakestream.sources.files.known import KnownFiles, Pack

#: Few characters, so that names share beginnings and ends; a line end, since texts are divided by
#: it; a divider, as identities with a version have it; some that are wider than one byte.
_NAME = st.text(st.sampled_from("ab/.\n\0é𝄞"), max_size=6)
_NAMES = st.lists(_NAME, max_size=40)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make packs of eight names and blocks of three."""
    monkeypatch.setattr(known, "PACK_NAMES", 8)
    monkeypatch.setattr(known, "_BLOCK_NAMES", 3)
    monkeypatch.setattr(known, "_FEW", 2)


def _known(*added: list[str]) -> KnownFiles:
    found = KnownFiles()
    for each in added:
        found.add(each)
    return found


@given(added=st.lists(_NAMES, max_size=6), pages=st.lists(_NAMES, max_size=4))
def test_names_when_asked_for_then_answered_as_by_a_set(
    added: list[list[str]], pages: list[list[str]]
) -> None:
    found, plain = KnownFiles(), set[str]()
    for names in added:
        for page in [*pages, names, sorted({*names, *plain}), sorted(plain)]:
            wanted = [at for at, each in enumerate(page) if each not in plain]
            assert found.absent(page) == wanted
        found.add(names)
        plain.update(names)
        assert len(found) >= len(plain)
    assert found.absent(sorted(plain)) == []


@given(names=st.sets(_NAME.map(lambda each: each.replace("\n", "")), min_size=1), page=_NAMES)
def test_pack_when_asked_then_only_what_it_lacks_in_order(names: set[str], page: list[str]) -> None:
    pack = Pack(sorted(names))
    for wanted in (sorted({each.replace("\n", "") for each in page}), sorted(names)):
        for each in ([each] for each in wanted):
            assert pack.without(each) == [one for one in each if one not in names]
        assert pack.without(wanted) == [each for each in wanted if each not in names]


def test_name_when_it_spans_two_neighbours_then_it_is_not_known() -> None:
    found = _known([f"a{at}" for at in range(8)])
    assert found.absent(["a0\na1", "a1\na2\na3", "\n", "a0\n", "\na0"]) == [0, 1, 2, 3, 4]
    assert found.absent(["a0"]) == []


def test_name_with_a_line_end_when_packed_then_known() -> None:
    names = [f"a\n{at}" for at in range(30)]
    found = _known(names[:7], ["b"], names[7:])
    assert found.absent([*names, "b", "a\n30", "a", "0"]) == [31, 32, 33]
    assert len(found) == 31


def test_name_when_it_only_begins_and_ends_like_its_neighbours_then_it_is_not_known() -> None:
    found = _known([f"part-{at}.json" for at in range(8)])
    wrong = ["part-.json", "part-1.jso", "art-1.json", "part-11.json", "part-9.json", "part", ""]
    assert found.absent(wrong) == list(range(len(wrong)))
    for each in wrong:
        assert found.absent([each]) == [0]


def test_name_when_shorter_than_what_its_neighbours_share_then_it_is_not_known() -> None:
    found = _known([*("aba", "abba", "abbba"), *(f"c{at}" for at in range(5))])
    assert found.absent(["ab", "aba", "a"]) == [0, 2]
    assert found.absent(["aba"]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("abz", id="begins and ends like them, but these overlap"),
        pytest.param("bbcbz", id="begins otherwise"),
        pytest.param("abcbx", id="ends otherwise"),
        pytest.param("cz", id="only what they share"),
    ],
)
def test_name_when_it_lies_between_two_blocks_then_it_is_not_known(wrong: str) -> None:
    names = ["abbz", "abcbz", "abdbz", "c1z", "c2z", "c3z", "d1.json", "d2.json"]
    found = _known(names)
    assert found._packs[0]._texts[:2] == ["\n\nc\nd\n", "\n1\n2\n3\n"]
    page = sorted([*names, wrong])
    for _ in range(2):
        assert found.absent([wrong]) == [0]
        assert found.absent(page) == [page.index(wrong)]
        assert found.absent(names) == []


def test_names_when_added_then_packed_from_so_many_on() -> None:
    found = _known(["a", "b"], ["c1", "c2", "c3", "c4", "c5"])
    assert found.absent(["a", "d"]) == [1]
    assert found._packs == []
    found.add(["d"])
    assert len(found._packs) == 1
    assert found.absent(["a", "b", "c5", "d", "e"]) == [4]
    assert len(found) == 8
    found.add(["e"])
    assert (found.absent(["e", "f"]), len(found._packs), len(found)) == ([1], 1, 9)


def test_text_of_names_when_packed_then_what_they_share_is_left_out() -> None:
    pack = Pack([f"landing/part-{at}.json" for at in range(6)])
    assert pack._texts == ["\n0\n1\n2\n", "\n3\n4\n5\n"]
    assert Pack(["a.json", "b.csv", "c.json"])._texts == ["\na.json\nb.csv\nc.json\n"]


@pytest.mark.parametrize(("shape", "most"), [("ordered", 12), ("random", 60)])
def test_d9_known_files_when_very_many_then_each_takes_few_bytes(
    monkeypatch: pytest.MonkeyPatch, shape: str, most: int
) -> None:
    monkeypatch.setattr(known, "PACK_NAMES", 16_384)
    monkeypatch.setattr(known, "_BLOCK_NAMES", 256)
    stride = {"ordered": 1, "random": 0x9E3779B97F4A7C15F39CC0605CEDC835}[shape]
    found = KnownFiles()
    tracemalloc.start()
    try:
        for first in range(0, 65_536, 4_096):
            found.add([_part(at * stride) for at in range(first, first + 4_096)])
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held / len(found) < most
    wanted = [0, 30_000, 65_535, 65_536, -1]
    assert found.absent([_part(at * stride) for at in wanted]) == [3, 4]


def _part(number: int) -> str:
    return f"landing/part-{number % 2**128:032x}.json"
