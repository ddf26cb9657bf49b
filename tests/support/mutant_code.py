"""Putting a mutant into modules that are imported already.

A function gets the code object that it has in the mutated module, so that whoever holds the
function runs the mutant. A constant is bound anew in each module that holds it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path

from support.mutation import ROOT


def put(path: str, tree: ast.Module, names: set[str]) -> None:
    """Bring functions and constants of a changed tree into the module that is imported.

    Args:
        path: The module's file, from the repository's root.
        tree: The changed module.
        names: What was changed: functions with their class (``Tiers.grow``), constants. Those
            constants that are made of a changed one are changed with it.
    """
    module_name = path.removesuffix(".py").replace("/", ".")
    old = importlib.import_module(module_name)
    new = types.ModuleType(module_name)
    new.__file__ = old.__file__
    exec(compile(tree, str(ROOT / path), "exec"), new.__dict__)
    constants = set(_assigned(tree, names))
    for name in names - constants:
        _swap(_function(old, name), _function(new, name))
    for name in constants:
        _rebind(name, getattr(old, name), getattr(new, name))


def _assigned(tree: ast.Module, names: set[str]) -> Iterator[str]:
    """Give the changed constants, and those below them that name one."""
    changed = set(names)
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
                if changed & used:
                    changed.add(name)
                    yield name


def _function(module: types.ModuleType, name: str) -> types.FunctionType:
    found: object = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    function = inspect.unwrap(found)  # type: ignore[arg-type] # the line below looks
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"{name} of {module.__name__} is no function: {function!r}")
    return function


def _swap(old: types.FunctionType, new: types.FunctionType) -> None:
    old.__code__ = new.__code__
    old.__defaults__ = new.__defaults__
    old.__kwdefaults__ = new.__kwdefaults__


def _rebind(name: str, old: object, new: object) -> None:
    for module in list(sys.modules.values()):
        holder = getattr(module, "__dict__", {})
        if name in holder and holder[name] is old and _is_ours(module):
            setattr(module, name, new)


def _is_ours(module: types.ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(ROOT)
