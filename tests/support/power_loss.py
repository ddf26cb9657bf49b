"""A folder on a disk whose cache a power cut takes, told from the syncs that really happen.

``Disk`` watches a folder while real code works in it: before each call that changes or syncs
something it looks at the whole tree, and notes what has been written since the last sync, data
and names apart. That sees other libraries' files as well, which appear between two calls. Each
such moment is a ``Cut``; ``survivors`` gives trees that a disk may hold after a power cut at it.

The disk is as forgetful as POSIX allows. What ``fsync`` of a file had seen is there; of a later
write any part may be: all, none, a piece, or the length with zeros for data. What ``fsync`` of a
folder had seen is named so; of later creations, links, renames and deletions any may have
reached the disk, in any order, but one name's changes follow each other. A folder whose own name
is lost takes with it what is below.
"""

from __future__ import annotations

import functools
import json
import os
import random
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

#: A tree: the content of each file by its path, None for a folder.
Tree = Mapping[str, bytes | None]
_CHANGES: Final = ("link", "unlink", "rename", "replace", "mkdir", "rmdir")
#: The version in the name of a file of a Delta log.
VERSION: Final = re.compile(r"\d{20}")
_ROOT: Final = 0
#: What may become of data that was not synced.
LOSSES: Final = ("no data", "half the data", "zeros for data")


@dataclass(frozen=True)
class _File:
    """A file's content that is sure to stay (None: not even its inode), and as it is now."""

    synced: bytes | None = None
    now: bytes = b""

    @property
    def is_synced(self) -> bool:
        return self.synced == self.now

    def leftovers(self) -> tuple[bytes, ...]:
        """Give what may be left, as ``LOSSES`` names it, and last all of it."""
        if self.is_synced:
            return (self.now,) * (len(LOSSES) + 1)
        kept = self.synced or b""
        return (
            kept,
            self.now[: (len(kept) + len(self.now)) // 2],
            kept + bytes(len(self.now) - len(kept)),
            self.now,
        )


@dataclass(frozen=True)
class _Folder:
    """The names that are sure to stay, what changed since in order, and the names now."""

    synced: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[tuple[str, int | None], ...] = ()
    now: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """A moment at which the power may fail.

    Args:
        before: The call that was about to be made.
        nodes: Files and folders by number; 0 is the root.
    """

    before: str
    nodes: Mapping[int, _File | _Folder]

    @functools.cached_property
    def waits_for_a_receipt(self) -> bool:
        """Whether the table has a commit that the checkpoint has no word of yet."""
        now = self.tree(_now, lambda file: file.now)
        names = (path.rpartition("_delta_log/")[2] for path in now if "_delta_log/" in path)
        versions = [int(found[0]) for name in names if (found := VERSION.match(name))]
        return max(versions, default=-1) > last_receipt(now)

    def unsynced(self) -> Iterator[str]:
        """Give the paths whose data, or whose name, is not on the disk."""
        yield from self._unsynced("", _ROOT)

    def _unsynced(self, path: str, number: int) -> Iterator[str]:
        node = self.nodes[number]
        if isinstance(node, _File):
            if not node.is_synced:
                yield path
            return
        yield from (f"{path}{name}" for name, _ in node.changes)
        for name, child in node.now.items():
            below = f"{path}{name}"
            yield from self._unsynced(
                f"{below}/" if isinstance(self.nodes[child], _Folder) else below, child
            )

    def tree(
        self,
        names: Callable[[_Folder], Mapping[str, int]],
        data: Callable[[_File], bytes],
    ) -> Tree:
        """Give the tree that is left when these names and this data are."""
        found: dict[str, bytes | None] = {}

        def walk(path: str, number: int) -> None:
            node = self.nodes[number]
            if isinstance(node, _File):
                found[path] = data(node)
                return
            if path:
                found[path] = None
            for name, child in names(node).items():
                walk(f"{path}/{name}".lstrip("/"), child)

        walk("", _ROOT)
        return found


def last_receipt(tree: Tree) -> int:
    """Give the version of the table that the newest commit entry of a checkpoint tells of.

    0 before the first batch, when only the table's making is told of; -1 before that.
    """
    told = {
        int(found[1]): content
        for path, content in tree.items()
        if content and (found := re.search(r"/commits/(\d+)$", path))
    }
    if not told:
        return 0 if any(path.endswith("_lakestream/metadata") for path in tree) else -1
    entry = told[max(told)].split(b"\n")[1]
    return int(json.loads(entry)["lakestream"]["deltaVersion"])


def survivors(cut: Cut, rolls: random.Random, samples: int) -> Iterator[tuple[str, Tree]]:
    """Give trees that a power cut may leave: the extremes, each single loss, some by lot.

    Yields:
        A name for the tree, and the tree; equal trees once.
    """
    seen: list[Tree] = []
    for name, tree in _survivors(cut, rolls, samples):
        if tree not in seen:
            seen.append(tree)
            yield name, tree


def _survivors(cut: Cut, rolls: random.Random, samples: int) -> Iterator[tuple[str, Tree]]:
    yield "nothing unsynced", cut.tree(lambda each: each.synced, lambda file: file.synced or b"")
    yield "everything", cut.tree(_now, lambda file: file.now)
    for place, name in enumerate(LOSSES):
        yield f"names, {name}", cut.tree(_now, lambda file, at=place: file.leftovers()[at])
    yield "newer names only", cut.tree(_newer_half, lambda file: file.now)
    yield "older names only", cut.tree(_older_half, lambda file: file.now)
    for node in cut.nodes.values():
        if isinstance(node, _File) and not node.is_synced:
            for place, name in enumerate(LOSSES):
                yield f"one file: {name}", cut.tree(_now, _spoils(node, place))
        elif isinstance(node, _Folder):
            for lost in dict.fromkeys(name for name, _ in node.changes):
                yield f"one name lost: {lost}", cut.tree(_loses(node, lost), lambda file: file.now)
    for number in range(samples):
        yield (
            f"by lot {number}",
            cut.tree(
                lambda each: _by_lot(each, rolls), lambda file: rolls.choice(file.leftovers())
            ),
        )


def _now(folder: _Folder) -> Mapping[str, int]:
    return folder.now


def _spoils(spoilt: _File, place: int) -> Callable[[_File], bytes]:
    return lambda file: file.leftovers()[place] if file is spoilt else file.now


def _loses(loser: _Folder, lost: str) -> Callable[[_Folder], Mapping[str, int]]:
    def names(folder: _Folder) -> Mapping[str, int]:
        if folder is not loser:
            return folder.now
        return _applied(folder, tuple(change for change in folder.changes if change[0] != lost))

    return names


def _newer_half(folder: _Folder) -> Mapping[str, int]:
    return _applied(folder, folder.changes[(len(folder.changes) + 1) // 2 :])


def _older_half(folder: _Folder) -> Mapping[str, int]:
    return _applied(folder, folder.changes[: len(folder.changes) // 2])


def _by_lot(folder: _Folder, rolls: random.Random) -> Mapping[str, int]:
    kept: list[tuple[str, int | None]] = []
    for name in dict.fromkeys(name for name, _ in folder.changes):
        own = [change for change in folder.changes if change[0] == name]
        kept += own[: rolls.randint(0, len(own))]
    return _applied(folder, tuple(kept))


def _applied(folder: _Folder, changes: tuple[tuple[str, int | None], ...]) -> Mapping[str, int]:
    names = dict(folder.synced)
    for name, number in changes:
        if number is None:
            names.pop(name, None)
        else:
            names[name] = number
    return names


class Disk:
    """Watches a folder and notes each moment at which the power may fail.

    Args:
        root: The folder; what is in it at the start counts as synced.
        ignored: Names in the root that are not watched.
        skips_sync: Tells, for a path below the root, that a sync of it does nothing: a disk that
            lies, or code that forgot the call.
    """

    def __init__(
        self,
        root: Path,
        *,
        ignored: tuple[str, ...] = (),
        skips_sync: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._root = root
        self._ignored = ignored
        self._skips_sync = skips_sync
        self._nodes: dict[int, _File | _Folder] = {_ROOT: _Folder()}
        self._numbers: dict[tuple[int, bool], int] = {}
        self._paths: dict[int, str] = {}
        self._lock = threading.RLock()
        self.cuts: list[Cut] = []
        self.written: dict[str, set[bytes]] = {}
        """Each content that a path has had at any of these moments."""
        self.synced: list[str] = []
        """The paths that were synced, in order; the root is ""."""
        self._look()
        for number, node in self._nodes.items():
            self._nodes[number] = _synced(node)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the calls of this process until the block ends, which is the last moment."""
        real = {name: getattr(os, name) for name in (*_CHANGES, "fsync")}
        for name in _CHANGES:
            setattr(os, name, self._noting(name, real[name]))
        os.fsync = self._syncing(real["fsync"])
        try:
            yield
        finally:
            for name, call in real.items():
                setattr(os, name, call)
        self._cut("the end")

    def restore(self, tree: Tree) -> None:
        """Put a tree in the place of what is in the folder."""
        for entry in list(self._root.iterdir()):
            if entry.name not in self._ignored:
                shutil.rmtree(entry)
        for path, content in tree.items():
            target = self._root / path
            if content is None:
                target.mkdir()
            else:
                target.write_bytes(content)

    def _noting(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                self._cut(f"{name} {arguments[-1]}")
                return real(*arguments, **options)

        return call

    def _syncing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def fsync(descriptor: int) -> None:
            with self._lock:
                self._look()
                status = os.fstat(descriptor)
                number = self._numbers.get((status.st_ino, os.path.isdir(descriptor)))
                if status.st_ino == self._root.stat().st_ino:
                    number = _ROOT
                path = "elsewhere" if number is None else self._paths.get(number, "")
                self._cut(f"fsync {path}")
                real(descriptor)
                if number is not None and not self._skips_sync(path):
                    self._nodes[number] = _synced(self._nodes[number])
                    self.synced.append(path)

        return fsync

    def _cut(self, before: str) -> None:
        self._look()
        if not self.cuts or self.cuts[-1].nodes != self._nodes:
            self.cuts.append(Cut(before.replace(f"{self._root}/", ""), dict(self._nodes)))

    def _look(self) -> None:
        seen: dict[tuple[int, bool], int] = {}
        self._look_into(self._root, _ROOT, seen)
        self._numbers = seen  # a number that went away may come back as another file's

    def _look_into(self, path: Path, number: int, seen: dict[tuple[int, bool], int]) -> None:
        now: dict[str, int] = {}
        for entry in sorted(path.iterdir()):
            if number == _ROOT and entry.name in self._ignored:
                continue
            try:
                status = entry.stat()
                content = None if entry.is_dir() else entry.read_bytes()
            except FileNotFoundError:
                continue  # another library's temporary file
            key = (status.st_ino, content is None)
            found = seen.get(key, self._numbers.get(key))
            if found is None:
                found = len(self._nodes)
                self._nodes[found] = _Folder() if content is None else _File()
            seen[key] = found
            now[entry.name] = found
            self._paths[found] = name = str(entry.relative_to(self._root))
            node = self._nodes[found]
            if content is None:
                self._look_into(entry, found, seen)
            elif isinstance(node, _File):
                self.written.setdefault(name, set()).add(content)
                self._nodes[found] = replace(node, now=content)
        self._name(number, now)

    def _name(self, number: int, now: dict[str, int]) -> None:
        folder = self._nodes[number]
        assert isinstance(folder, _Folder)
        changed = tuple(
            (name, now.get(name))
            for name in sorted(folder.now.keys() | now.keys())
            if folder.now.get(name) != now.get(name)
        )
        if changed:
            self._nodes[number] = replace(folder, now=now, changes=(*folder.changes, *changed))


def _synced(node: _File | _Folder) -> _File | _Folder:
    if isinstance(node, _File):
        return replace(node, synced=node.now)
    return _Folder(synced=node.now, now=node.now)
