"""errors.py draws its tree in its docstring; the drawing and the classes must agree."""

from __future__ import annotations

import inspect
import pickle
import re
from typing import Final

import pytest

from lakestream import errors
from lakestream.errors import LakestreamError

DRAWN: Final = re.compile(r"^(?P<rails>[ │├└─]*)(?P<name>\w+Error) +(?P<code>LS-\S+)(?P<rest>.*)$")
INDENT: Final = 4
ROOT_INDENT: Final = 4


def drawn_tree() -> dict[str, tuple[str, str, bool]]:
    """Read name -> (parent, code, transient) from the module's docstring."""
    tree: dict[str, tuple[str, str, bool]] = {}
    path = ["LakestreamError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := DRAWN.match(line):
            depth = (len(found["rails"]) - ROOT_INDENT) // INDENT
            path[depth:] = [found["name"]]
            code = found["code"].replace("-*", "-001")
            tree[found["name"]] = (path[depth - 1], code, "transient" in found["rest"].split())
    return tree


def defined_tree() -> dict[str, tuple[str, str, bool]]:
    return {
        name: (kind.__mro__[1].__name__, kind.code, kind.transient)
        for name, kind in vars(errors).items()
        if inspect.isclass(kind)
        and issubclass(kind, LakestreamError)
        and kind is not LakestreamError
    }


def test_error_tree_when_drawn_then_equal_to_the_classes() -> None:
    assert drawn_tree() == defined_tree()


def test_error_codes_when_listed_then_unique_and_of_their_family() -> None:
    tree = defined_tree()
    codes = {name: code for name, (_, code, _) in tree.items()}

    assert len(set(codes.values())) == len(codes)
    for name, (parent, code, _) in tree.items():
        if parent in codes:
            assert code.rpartition("-")[0] == codes[parent].rpartition("-")[0], name


@pytest.mark.parametrize("name", sorted(defined_tree()))
def test_error_when_pickled_then_whole(name: str) -> None:
    error = getattr(errors, name)("what", where="where", fix="fix")

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), str(copy)) == (type(error), str(error))
    assert str(error).startswith(f"[{error.code}] what")


def test_error_when_pickled_then_facts_beside_its_message_survive() -> None:
    error = errors.ExpectationFailedError("rows broke it")
    error.failed_rows = {"priced": 3}
    assert pickle.loads(pickle.dumps(error)).failed_rows == {"priced": 3}
