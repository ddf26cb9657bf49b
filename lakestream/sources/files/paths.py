"""Which files below the root belong to the source: names, globs and ages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.lazy_pattern import lazy_pattern
from lakestream.sources.files.glob import Glob, only_hive_folders
from lakestream.sources.files.ledger_rows import microseconds
from lakestream.sources.files.patterns import PathPatterns

if TYPE_CHECKING:
    from datetime import datetime

    from lakestream.sources.files.ledger_rows import Candidate

_SUSPECT: Final = lazy_pattern(r"(?:^|/)[_.]")


def is_hidden(key: str) -> bool:
    """Tell whether Spark's file index skips a path.

    It does when a folder or the file starts with ``.``, or with ``_`` unless it is a Hive
    folder (``_day=1``), or when the file is a copy under way (``._COPYING_``).
    """
    if key.endswith("._COPYING_"):
        return True
    if _SUSPECT.search(key) is None:
        return False
    return any(
        each.startswith(".") or (each.startswith("_") and "=" not in each)
        for each in key.split("/")
    )


class PathFilter(msgspec.Struct, frozen=True):
    """What a source, or one run of it, takes of a listing.

    Args:
        pattern: Over the path below the root; a matched folder brings what is below it.
        recursive: False enters only Hive folders below the root or a matched folder.
        name: Over the file's name.
        patterns: Over the path below the root.
        modified_after: Exclusive.
        modified_before: Exclusive.
        hidden: True takes what ``is_hidden`` would skip (a file that was named outright).
    """

    pattern: Glob | None = None
    recursive: bool = True
    name: Glob | None = None
    patterns: PathPatterns = PathPatterns()
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    hidden: bool = False

    def takes_path(self, key: str) -> bool:
        """Tell whether a path belongs, whatever its age."""
        if key.endswith("/") or (not self.hidden and is_hidden(key)):
            return False
        if self.pattern is not None:
            if not self.pattern.takes(key, recursive=self.recursive):
                return False
        elif not self.recursive and not only_hive_folders(key):
            return False
        if self.name is not None and not self.name.matches(key.rpartition("/")[2]):
            return False
        return self.patterns.takes(key)

    def takes(self, file: Candidate) -> bool:
        """Tell whether a file belongs."""
        if self.modified_after and file.modified_us <= microseconds(self.modified_after):
            return False
        if self.modified_before and file.modified_us >= microseconds(self.modified_before):
            return False
        return self.takes_path(file.key)
