"""``MODULE:TABLE``: from what a person types to streaming tables."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from lakestream.errors import ConfigError, near_names
from lakestream.streaming_table import StreamingTable


def load_tables(target: str) -> list[StreamingTable]:
    """Give the table that ``MODULE:TABLE`` names, or all tables of ``MODULE``, inputs first.

    MODULE is a dotted name, looked for from the current folder too, or a ``.py`` file.

    Raises:
        ConfigError: There is no such module, or no such table in it.
    """
    module_name, _, table_name = target.partition(":")
    module = _load_module(module_name)
    # A table that is named runs, whatever is wrong with those beside it.
    named = [each for each in _own_tables(module) if table_name in _names_of(each)]
    if named:
        return named[:1]
    tables = tables_of(module)
    if not table_name:
        if not tables:
            raise ConfigError(
                "the module declares no streaming table",
                where=module_name,
                fix="decorate a function with @ls.streaming_table(path)",
            )
        return tables
    return [_find(tables, table_name, module_name)]


def load_table(target: str) -> StreamingTable:
    """Give the one table that ``MODULE:TABLE`` names; MODULE alone will do when it has just one.

    Raises:
        ConfigError: There is no such table, or several and none was named.
    """
    tables = load_tables(target)
    if len(tables) > 1:
        names = ", ".join(table.name for table in tables)
        raise ConfigError(
            f"{target} has {len(tables)} streaming tables: {names}",
            fix=f"name one: {target}:{tables[0].name}",
        )
    return tables[0]


def tables_of(module: ModuleType) -> list[StreamingTable]:
    """Give a module's streaming tables, each after the tables that it reads."""
    found: dict[str, StreamingTable] = {}

    def add(table: StreamingTable) -> None:
        if table.name not in found:
            for each in table.inputs.values():
                add(each)
            found[table.name] = table

    for table in _own_tables(module):
        add(table)
    return list(found.values())


def _own_tables(module: ModuleType) -> list[StreamingTable]:
    return [each for each in vars(module).values() if isinstance(each, StreamingTable)]


def _names_of(table: StreamingTable) -> set[str | None]:
    return {table.name, getattr(table, "__name__", None)}


def _find(tables: list[StreamingTable], name: str, module_name: str) -> StreamingTable:
    for table in tables:
        if name in _names_of(table):
            return table
    raise ConfigError(
        f"there is no streaming table {name!r}",
        where=module_name,
        fix=near_names(name, [table.name for table in tables]),
    )


def _load_module(name: str) -> ModuleType:
    if name.endswith(".py"):
        return _load_file(Path(name))
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(
            f"there is no module {name!r}",
            fix="run this in the project's folder, or give the path of the .py file",
        ) from error


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ConfigError(f"there is no file {str(path)!r}", fix="give the path of a .py file")
    sys.path.insert(0, str(path.resolve().parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
