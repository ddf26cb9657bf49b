"""Small mistakes put into a module's syntax tree, one at a time: mutants.

What is changed: comparisons, ``and``/``or`` and their operands, arithmetic, numbers, strings,
booleans, conditions that are always or never met, values not returned, statements left out,
exceptions not caught, arguments swapped or left out, ``min``/``max``, ``any``/``all``, ``sorted``.
What is not: annotations, docstrings, decorators, assertions, the fields of classes, and the words
of errors (that an error is raised is changed, and of which class is seen by the tests).
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
#: The modules that the promise rests on.
MODULES: Final = (
    *sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "lakestream" / "checkpoint").glob("*.py")
        if path.name != "__init__.py"
    ),
    "lakestream/query/micro_batch.py",
    "lakestream/sources/files/known.py",
    "lakestream/sources/files/ledger.py",
    "lakestream/sources/files/ledger_rows.py",
    "lakestream/sources/files/planner.py",
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
#: Calls that make an error or are for the type checker, and arguments that are words for people
#: or, like ``strict``, assert what the code knows.
_LEFT_ALONE: Final = ("Error", "corrupt", "TypeVar", "NewType")
_WORDS: Final = {"where", "fix", "strict"}


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Args:
        path: The module's file, from the repository's root.
        function: The function that has it, with its class; or the constant.
        line: The source line, without its indent.
        change: What is changed into what.
        nth: Which of those that are equal in all this, from 1.
        first: The first line of what is changed.
        last: The last.
        index: Where the change is made: the place among the tree's changes.
    """

    path: str
    function: str
    line: str
    change: str
    nth: int
    first: int
    last: int
    index: int

    @property
    def is_constant(self) -> bool:
        """Whether a constant of the module is changed, which any of its functions may use."""
        return self.function.lstrip("_").isupper()

    @property
    def name(self) -> str:
        """The mutant's name within its module."""
        nth = f" #{self.nth}" if self.nth > 1 else ""
        return f"{self.function}: {self.line} [{self.change}]{nth}"


@dataclass(frozen=True)
class _Change:
    """A node and what is put in its place; ``label`` is for people."""

    node: ast.AST
    instead: ast.AST
    label: str = ""


def mutants_of(path: str, source: str | None = None) -> list[Mutant]:
    """Give all mutants of a module, in the order of the source."""
    source = (ROOT / path).read_text() if source is None else source
    lines = source.split("\n")
    found: list[Mutant] = []
    seen: Counter[tuple[str, str, str]] = Counter()
    for index, (owner, change) in enumerate(_changes(ast.parse(source))):
        node = change.node
        line = lines[node.lineno - 1].strip()
        label = change.label or f"{_text(node)} -> {_text(change.instead)}"
        key = (owner, line, label)
        seen[key] += 1
        last = node.end_lineno or node.lineno
        found.append(Mutant(path, owner, line, label, seen[key], node.lineno, last, index))
    return found


def mutated(source: str, index: int) -> ast.Module:
    """Give the module's tree with one change made."""
    tree = ast.parse(source)
    change = next(each for at, (_, each) in enumerate(_changes(tree)) if at == index)
    _Put(change.node, change.instead).visit(tree)
    return ast.fix_missing_locations(tree)


class _Put(ast.NodeTransformer):
    def __init__(self, node: ast.AST, instead: ast.AST) -> None:
        self._node = node
        self._instead = instead

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._node:
            return ast.copy_location(self._instead, node)
        return self.generic_visit(node)


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _changes(tree: ast.Module) -> Iterator[tuple[str, _Change]]:
    for node in tree.body:
        match node:
            case ast.ClassDef():
                for inner in node.body:
                    if isinstance(inner, Function):
                        yield from _in_function(inner, f"{node.name}.{inner.name}")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _in_function(node, node.name)
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                if node.value is not None:
                    yield from ((name, change) for change in _in_expression(node.value))


def _in_function(function: Function, owner: str) -> Iterator[tuple[str, _Change]]:
    defaults = [*function.args.defaults, *function.args.kw_defaults]
    for default in defaults:
        if default is not None:
            yield from ((owner, change) for change in _in_expression(default))
    for statement in function.body:
        yield from ((owner, change) for change in _in_statement(statement))


def _in_statement(node: ast.stmt) -> Iterator[_Change]:
    if isinstance(node, ast.Assert) or _is_docstring(node):
        return
    yield from _of_statement(node)
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.stmt():
                yield from _in_statement(child)
            case ast.ExceptHandler():
                yield from _of_handler(child)
            case ast.expr() if not (isinstance(node, ast.AnnAssign) and child is node.annotation):
                if not isinstance(node, ast.Raise) and child not in getattr(
                    node, "decorator_list", ()
                ):
                    yield from _in_expression(child)
            case ast.withitem():
                yield from _in_expression(child.context_expr)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _of_handler(node: ast.ExceptHandler) -> Iterator[_Change]:
    if not (len(node.body) == 1 and isinstance(node.body[0], ast.Raise)):
        instead = copy.copy(node)
        instead.body = [ast.Raise()]
        yield _Change(node, instead, "not caught")
    for statement in node.body:
        yield from _in_statement(statement)


def _of_statement(node: ast.stmt) -> Iterator[_Change]:
    match node:
        case ast.Expr(ast.Yield() | ast.YieldFrom()):
            pass  # without it the function would be no generator
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Return(None):
            yield _Change(node, ast.Pass(), "left out")
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield _Change(node, ast.Pass(), "left out")
        case ast.Return(ast.expr() as value) if not _is_none(value):
            yield _Change(value, ast.Constant(None), "returns None")
        case ast.Break():
            yield _Change(node, ast.Continue(), "continue")
        case ast.Continue():
            yield _Change(node, ast.Break(), "break")
            yield _Change(node, ast.Pass(), "left out")
        case ast.If() | ast.While():
            yield from _of_test(node)
    if isinstance(node, ast.AugAssign) and type(node.op) in _OPERATORS:
        instead = copy.copy(node)
        instead.op = _OPERATORS[type(node.op)]()
        yield _Change(node, instead)


def _of_test(node: ast.If | ast.While) -> Iterator[_Change]:
    if isinstance(node, ast.If):
        yield _Change(node.test, ast.Constant(True), f"if {_text(node.test)}: always")
        yield _Change(node.test, ast.Constant(False), f"if {_text(node.test)}: never")
    elif not isinstance(node.test, ast.Constant):
        yield _Change(node.test, ast.Constant(False), "while: never")


def _in_expression(node: ast.expr) -> Iterator[_Change]:
    if _is_left_alone(node):
        return
    yield from _of_expression(node)
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.expr() if not _is_text(child, node):
                yield from _in_expression(child)
            case ast.keyword() if child.arg not in _WORDS:
                yield from _in_expression(child.value)
            case ast.comprehension():
                yield from _in_comprehension(child)


def _in_comprehension(node: ast.comprehension) -> Iterator[_Change]:
    yield from _in_expression(node.iter)
    for test in node.ifs:
        yield _Change(test, ast.Constant(True), f"if {_text(test)}: always")
        yield from _in_expression(test)


def _is_left_alone(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=function):
            return _name(function).endswith(_LEFT_ALONE)
        case ast.Subscript(value=value):
            return _name(value) == "Literal"
    return False


def _of_expression(node: ast.expr) -> Iterator[_Change]:
    match node:
        case ast.Compare():
            for at, operator in enumerate(node.ops):
                instead = copy.copy(node)
                instead.ops = list(node.ops)
                instead.ops[at] = _COMPARISONS[type(operator)]()
                yield _Change(node, instead)
        case ast.BoolOp():
            for at in range(len(node.values)):
                rest = [each for place, each in enumerate(node.values) if place != at]
                less = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
                yield _Change(node, less)
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield _Change(node, ast.BoolOp(other, node.values))
        case ast.BinOp() if type(node.op) in _OPERATORS:
            yield _Change(node, ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right))
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield _Change(node, node.operand)
        case ast.IfExp():
            yield _Change(node, node.body)
            yield _Change(node, node.orelse)
        case ast.Constant():
            yield from _of_constant(node)
        case ast.Call():
            yield from _of_call(node)


def _of_constant(node: ast.Constant) -> Iterator[_Change]:
    match node.value:
        case bool():
            yield _Change(node, ast.Constant(not node.value))
        case int() | float():
            yield _Change(node, ast.Constant(node.value + 1))
            if node.value:
                yield _Change(node, ast.Constant(node.value - 1))
        case str():
            yield _Change(node, ast.Constant(f"{node.value}~"))
        case bytes():
            yield _Change(node, ast.Constant(node.value + b"~"))


def _of_call(node: ast.Call) -> Iterator[_Change]:
    name = _name(node.func)
    if name in _CALLS and isinstance(node.func, ast.Name):
        instead = copy.copy(node)
        instead.func = ast.Name(_CALLS[name], ast.Load())
        if name != "sorted":
            yield _Change(node, instead)
        else:
            yield _Change(node, ast.Call(instead.func, node.args[:1], []))
    if _are_swappable(node, name):
        instead = copy.copy(node)
        instead.args = [node.args[1], node.args[0], *node.args[2:]]
        yield _Change(node, instead)
    for keyword in node.keywords:
        if keyword.arg is not None and keyword.arg not in _WORDS:
            instead = copy.copy(node)
            instead.keywords = [each for each in node.keywords if each is not keyword]
            yield _Change(node, instead, f"{name}(...) without {keyword.arg}")


def _is_text(child: ast.expr, node: ast.expr) -> bool:
    """Tell the type in ``cast("type", value)``, and the texts between an f-string's values."""
    if isinstance(node, ast.JoinedStr):
        return isinstance(child, ast.Constant)
    if isinstance(node, ast.FormattedValue):
        return child is node.format_spec
    return isinstance(node, ast.Call) and node.args[:1] == [child] and _text(node.func) == "cast"


def _are_swappable(node: ast.Call, name: str) -> bool:
    first, second = [*node.args[:2], None, None][:2]
    if first is None or second is None or name in {"min", "max", "cast"}:
        return False
    if isinstance(first, ast.Starred) or isinstance(second, ast.Starred):
        return False
    return _text(first) != _text(second)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
