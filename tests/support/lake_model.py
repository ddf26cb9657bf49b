"""What must be in a table: the file versions that landed, held against what the table's log says.

The log and the data files are read here without lakestream, each entry and file once.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pyarrow.parquet as pq

from lakestream.sources.files.states import FileState
from lakestream.testing import check_exactly_once

Row = tuple[object, ...]


@dataclass
class LandedFile:
    """The versions of one file, each a multiset of rows.

    Args:
        versions: Oldest first.
        is_there: Whether the last one still is in the landing folder.
        settled: The rows that the table had of it at the last check: for ever.
    """

    versions: list[Counter[Row]]
    is_there: bool = True
    settled: Counter[Row] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it landed once and stayed: then nothing excuses its absence."""
        return self.is_there and len(self.versions) == 1

    def expected(self, found: Counter[Row]) -> Counter[Row]:
        """Give what should be there: one version whole, or nothing of a file that changed."""
        if self.settled is not None:
            return self.settled
        allowed = self.versions if self.is_plain else [*self.versions, Counter()]
        return found if found in allowed else self.versions[0]


@dataclass
class LakeModel:
    """A landing folder as the test filled it.

    Args:
        landing: The folder, which must be there.
        aside: Another one on the same disk, where versions are written before they land whole.
    """

    landing: Path
    aside: Path
    files: dict[str, LandedFile] = field(default_factory=dict)

    def land(self, name: str, records: Sequence[Mapping[str, object]]) -> None:
        """Let a version of a file land, whole at once."""
        path = self.aside / name
        path.write_text("".join(json.dumps(each) + "\n" for each in records))
        os.replace(path, self.landing / name)
        rows = Counter((each["id"], each.get("extra")) for each in records)
        self.files.setdefault(name, LandedFile([])).versions.append(rows)

    def drop(self, name: str) -> None:
        """Remove a file."""
        (self.landing / name).unlink()
        self.files[name].is_there = False

    def there(self) -> list[str]:
        """Give the files in the folder."""
        return sorted(name for name, file in self.files.items() if file.is_there)

    def forget(self) -> None:
        """Begin anew with what is in the folder now, as a table does that was reset."""
        self.files = {
            name: LandedFile(file.versions[-1:])
            for name, file in self.files.items()
            if file.is_there
        }

    def check(self, found: Iterator[tuple[str, Row]]) -> None:
        """Hold the rows of a table that is up to date against the versions.

        Raises:
            RowsDifferError: Rows are lost or doubled, or of two versions of a file.
        """
        by_file: dict[str, Counter[Row]] = {name: Counter() for name in self.files}
        for name, row in found:
            by_file.setdefault(name, Counter())[row] += 1
        expected = {name: file.expected(by_file[name]) for name, file in self.files.items()}
        check_exactly_once(_pairs(expected), _pairs(by_file))
        for name, file in self.files.items():
            file.settled = expected[name]

    def check_states(self, states: Mapping[str, FileState]) -> None:
        """Hold what the checkpoint tells of the files against a model that was checked."""
        assert states.keys() >= set(self.there())
        assert states.keys() <= self.files.keys()
        if {each.state for each in states.values()} <= {"pending"}:
            # Nothing was ever there to infer the columns from; what was found while it was empty is
            # known so, whatever it holds now.
            assert not any(all(self.files[name].versions) for name in self.there())
            return
        for name, told in states.items():
            file = self.files[name]
            assert file.settled is not None
            assert told.state == "committed" or (told.state == "skipped" and not file.is_plain)
            assert (told.rows or 0) == file.settled.total()


@dataclass
class TableFiles:
    """The rows of a table at its newest version, by a reader that remembers what it has read.

    Args:
        folder: The table's folder.
    """

    folder: Path
    _version: int = -1
    _active: set[str] = field(default_factory=set)
    _rows: dict[str, list[tuple[str, Row]]] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Give file name and row of each row."""
        while (entry := self._entry(self._version + 1)).exists():
            self._version += 1
            for line in entry.read_text().splitlines():
                self._apply(json.loads(line))
        for path in self._active:
            if path not in self._rows:
                self._rows[path] = list(_rows_of(self.folder / path))
            yield from self._rows[path]

    def _entry(self, version: int) -> Path:
        return self.folder / "_delta_log" / f"{version:020}.json"

    def _apply(self, action: Mapping[str, Mapping[str, str]]) -> None:
        if "add" in action:
            self._active.add(unquote(action["add"]["path"]))
        elif "remove" in action:
            self._active.remove(unquote(action["remove"]["path"]))


def _rows_of(path: Path) -> Iterator[tuple[str, Row]]:
    for row in pq.ParquetFile(path).read().to_pylist():
        yield row["_metadata"]["file_name"], (row["id"], row.get("extra"))


def _pairs(rows: Mapping[str, Counter[Row]]) -> Iterator[tuple[str, Row]]:
    for name, counted in rows.items():
        for row in counted.elements():
            yield name, row
