"""Which files of a commit a stream of appends reads.

Source: Delta's ``DeltaSource.validateCommitAndDecideSkipping``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestream.delta.features import refuse_deletion_vectors
from lakestream.delta.snapshot import DataFile
from lakestream.errors import DeltaChangeError
from lakestream.plan.types import Array, Map, SparkType, Struct, type_name
from lakestream.plan.widening import widened

if TYPE_CHECKING:
    from lakestream.delta.log import Commit
    from lakestream.sources.delta.rules import ChangeRules


def files_of(commit: Commit, rules: ChangeRules, *, where: str) -> tuple[DataFile, ...]:
    """Give the files whose rows a commit brings, in log order.

    Files that a commit only moves around (``dataChange`` false: a compaction) are not new.

    Raises:
        DeltaChangeError: The commit deletes or updates rows and no option allows it.
        TableFeatureError: A file has a deletion vector.
    """
    adds = [add for add in commit.adds if add.data_change]
    if any(each.data_change for each in commit.removes):
        if rules.skip_change_commits:
            return ()
        _check_allowed(commit, rules, updates=bool(adds), where=where)
    refuse_deletion_vectors(sum(each.deletion_vector is not None for each in adds), where=where)
    return tuple(DataFile.of(add) for add in adds)


def _check_allowed(commit: Commit, rules: ChangeRules, *, updates: bool, where: str) -> None:
    if rules.ignore_changes or (rules.ignore_deletes and not updates):
        return
    option = (
        "ignore_changes=True to read the rewritten files whole"
        if updates
        else "ignore_deletes=True to pass over deletes"
    )
    raise DeltaChangeError(
        f"version {commit.version} ({commit.operation}) "
        + ("updates or deletes rows by rewriting files" if updates else "deletes rows"),
        where=where,
        fix=f"read it by ls.read_delta(...) with {option}, or with skip_change_commits=True to pass"
        " over such versions as a whole; or reset this table, to read all anew: a stream of appends"
        " cannot pass the change on",
    )


def check_grown(old: Struct, new: Struct, *, version: int, operation: str, where: str) -> None:
    """Check that a table's new columns only add to the old ones or widen them, at any depth.

    A wider type changes no value, of the rows before it neither: what the plan makes of it is
    held against the query's own table before anything is written.

    Raises:
        DeltaChangeError: A column was dropped, renamed, or has a type that is not a wider one.
    """
    problem = _lost(old, new, "")
    if problem is not None:
        raise DeltaChangeError(
            f"version {version} ({operation}) changes the table's columns: {problem}",
            where=where,
            fix="reset the query so that it reads the table anew with the columns it has now",
        )


def _lost(old: SparkType, new: SparkType, path: str) -> str | None:
    match old, new:
        case Struct(fields), Struct():
            for name, kind in fields:
                inner = f"{path}.{name}" if path else name
                found = new.get(name)
                problem = f"{inner!r} is gone" if found is None else _lost(kind, found, inner)
                if problem is not None:
                    return problem
            return None
        case Array(one), Array(other):
            return _lost(one, other, f"{path}.element")
        case Map(key, value), Map(new_key, new_value):
            return _lost(key, new_key, f"{path}.key") or _lost(value, new_value, f"{path}.value")
        case _ if old == new or widened(old, new) == new:
            return None
        case _:
            return f"{path!r} was {type_name(old)} and is {type_name(new)}"
