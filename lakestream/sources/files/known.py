"""The identities of the known files: exact membership in a fraction of a set's memory.

The newest are in a set. Once they are many they become a pack: sorted, cut into blocks, each block
one text that leaves out how all its names begin and end. Names are compared as whole texts, so no
hash decides. Where a listing comes in order a block is looked at once for all that fall into it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

#: So many are packed at once. A question goes to each pack: there are forty at ten million files.
PACK_NAMES: Final = 262_144
#: Names in one block of a pack.
_BLOCK_NAMES: Final = 256
#: So many are searched for in a block's text, which takes less than to take it apart.
_FEW: Final = 16
#: Between names in a text. A name that holds it is never packed.
_END: Final = "\n"


class Pack:
    """Sorted names that no longer change.

    Args:
        names: Sorted, at least one, none with a line end.
    """

    __slots__ = ("_firsts", "_heads", "_last", "_open", "_open_names", "_tails", "_texts")

    def __init__(self, names: Sequence[str]) -> None:
        self._last = names[-1]
        self._firsts: list[str] = []
        self._heads: list[int] = []
        self._tails: list[int] = []
        self._texts: list[str] = []
        self._open = -1
        self._open_names: frozenset[str] = frozenset()
        for at in range(0, len(names), _BLOCK_NAMES):
            self._append(names[at : at + _BLOCK_NAMES])

    def _append(self, block: Sequence[str]) -> None:
        first, last = block[0], block[-1]
        head = _shared(first, last)  # by all, as they are sorted
        rests = [each[head:] for each in block]
        text = _END.join(("", *rests, ""))
        tail = rests[0][len(rests[0]) - _shared(rests[0][::-1], rests[-1][::-1]) :]
        if tail:
            end = tail + _END
            if text.count(end) == len(block):
                text = text.replace(end, _END)
            else:
                tail = ""
        self._firsts.append(first)
        self._heads.append(head)
        self._tails.append(len(tail))
        self._texts.append(text)

    def without(self, wanted: list[str]) -> list[str]:
        """Give those of some sorted names without line ends that are not here, in order."""
        firsts = self._firsts
        at, end = bisect_left(wanted, firsts[0]), bisect_right(wanted, self._last)
        if at == end:
            return wanted
        absent = wanted[:at]
        while at < end:
            block = bisect_right(firsts, wanted[at]) - 1
            stop = end
            if block + 1 < len(firsts):
                stop = bisect_left(wanted, firsts[block + 1], at, end)
            absent += self._without(block, wanted[at:stop])
            at = stop
        absent += wanted[end:]
        return absent

    def _without(self, block: int, wanted: list[str]) -> list[str]:
        if block != self._open:
            if len(wanted) < _FEW:
                return self._not_found(block, wanted)
            text = self._whole(block)
            if text == _END.join(wanted):
                return []
            self._open, self._open_names = block, frozenset(text.split(_END))
        names = self._open_names
        return [each for each in wanted if each not in names]

    def _not_found(self, block: int, wanted: list[str]) -> list[str]:
        head, tail = self._ends(block)
        text, start, cut = self._texts[block], len(head), len(tail)
        return [
            each
            for each in wanted
            if len(each) < start + cut
            or not each.startswith(head)
            or not each.endswith(tail)
            or f"{_END}{each[start : len(each) - cut]}{_END}" not in text
        ]

    def _whole(self, block: int) -> str:
        """Give a block's names as one text."""
        head, tail = self._ends(block)
        inner = self._texts[block][1:-1]
        return f"{head}{inner.replace(_END, f'{tail}{_END}{head}')}{tail}"

    def _ends(self, block: int) -> tuple[str, str]:
        """Give how all names of a block begin and end."""
        first = self._firsts[block]
        return first[: self._heads[block]], first[len(first) - self._tails[block] :]


class KnownFiles:
    """A set of identities that only grows; not thread-safe.

    Cost: 5 to 50 bytes an identity, as much as in its block it differs from its neighbours.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._newest: set[str] = set()
        self._packs: list[Pack] = []
        self._apart: set[str] = set()
        self._packed = 0

    def __len__(self) -> int:
        """Give how many there are; one that was added twice may count twice."""
        return len(self._waiting) + len(self._newest) + len(self._apart) + self._packed

    def add(self, identities: Sequence[str]) -> None:
        """Add identities, those that are known already too."""
        if _END in "".join(identities):
            self._apart.update(each for each in identities if _END in each)
            identities = [each for each in identities if _END not in each]
        self._waiting += identities
        if len(self._waiting) + len(self._newest) >= PACK_NAMES:
            self._pack()

    def absent(self, identities: Sequence[str]) -> list[int]:
        """Give the positions of those identities that are not here."""
        if self._waiting:
            self._newest.update(self._waiting)
            self._waiting = []
        newest = self._newest
        if not (self._packs or self._apart):
            return [at for at, each in enumerate(identities) if each not in newest]
        names = sorted(each for each in identities if each not in newest)
        apart: list[str] = []
        if _END in "".join(names):
            apart = [each for each in names if _END in each and each not in self._apart]
            names = [each for each in names if _END not in each]
        for pack in self._packs:
            if not names:
                break
            names = pack.without(names)
        absent = {*names, *apart}
        return [at for at, each in enumerate(identities) if each in absent] if absent else []

    def _pack(self) -> None:
        names = sorted([*self._newest, *self._waiting])
        self._newest, self._waiting = set(), []
        self._packs.append(Pack(names))
        self._packed += len(names)


def _shared(one: str, other: str) -> int:
    """Give how many characters two texts have in common at their beginning."""
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))
