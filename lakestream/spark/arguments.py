"""From Spark's options to typed arguments: each option is mapped, or refused by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lakestream.errors import ConfigError, UnknownOptionError, UnsupportedOptionError
from lakestream.spark.option_row import Row
from lakestream.storage.location import EnvPath
from lakestream.storage.option_names import known_names


class OptionTable:
    """The rows that apply to one source, by name whatever its case.

    Args:
        rows: Spark's options.
        own: Typed options that Spark has no name for; they may be given as values of any type.
        where: The source, for messages.
        elsewhere: Options of other sources, and whose they are.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        own: Sequence[Row],
        *,
        where: str,
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        self._rows = {row.name.lower(): row for row in rows}
        self._own = {row.name: row for row in own}
        self._where = where
        self._elsewhere = elsewhere or {}

    def arguments(self, options: Mapping[str, object]) -> dict[str, object]:
        """Give the typed arguments of options.

        Raises:
            UnknownOptionError: A name that neither the source nor a store knows.
            UnsupportedOptionError: An option of Spark that lakestream does not have.
            ConfigError: A value that is none for its option, or two names of one option.
        """
        found: dict[str, object] = {}
        storage: dict[str, object] = {}
        named: dict[str, str] = {}
        for name, value in options.items():
            row = self._row(name)
            target, place = self._target(name, row)
            typed = value if row is None else self._typed(name, value, row)
            if not target:
                continue
            if target in named:
                raise ConfigError(
                    f"options {named[target]!r} and {name!r} are one option",
                    where=self._where,
                    fix="give it once",
                )
            named[target] = name
            (storage if place else found)[place or target] = typed
        if storage:
            found["storage_options"] = self._storage(found.get("storage_options"), storage)
        return found

    def _row(self, name: str) -> Row | None:
        """Find an option's row; None is a storage option."""
        lowered = name.lower()
        row = self._rows.get(lowered) or self._own.get(lowered)
        if row is not None:
            return row
        for each, starred in self._rows.items():
            if each.endswith(".*") and lowered.startswith(each[:-1]):
                return starred
        if lowered in known_names():
            return None
        if lowered in self._elsewhere:
            raise UnknownOptionError(
                f"option {name!r} is of {self._elsewhere[lowered]}",
                where=self._where,
                fix="leave it out, or choose the other",
            )
        names = [row.name for row in self._rows.values() if row.to or row.only != ()]
        raise UnknownOptionError.from_names(name, [*names, *self._own], where=self._where)

    @staticmethod
    def _target(name: str, row: Row | None) -> tuple[str, str]:
        """Give the typed option, and its name among the storage options if it is one."""
        if row is None:
            return f"storage_options.{name.lower()}", name
        return row.to, row.storage_option

    def _typed(self, name: str, value: object, row: Row) -> object:
        if row.name in self._own and not isinstance(value, str):
            return value
        if row.late and isinstance(value, EnvPath):
            return row.read(value)
        written = self._text(name, value)
        if not row.to:
            if row.accepts(written):
                return None
            what = f"option {row.name!r} is not supported"
            if row.only:
                what += f" as {written!r}"
            raise UnsupportedOptionError(f"{what}: {row.why}", where=self._where, fix=row.instead)
        try:
            return row.read(written)
        except ValueError as error:
            raise ConfigError(
                f"option {row.name!r} cannot be {written!r}",
                where=self._where,
                fix=f"give {error}",
            ) from None

    def _text(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str | int | float):
            return str(value)
        raise ConfigError(
            f"option {name!r} cannot be a {type(value).__name__}",
            where=self._where,
            fix="give a text, a number or a boolean, as to Spark",
        )

    def _storage(self, whole: object, single: Mapping[str, object]) -> dict[str, object]:
        if whole is None:
            return dict(single)
        if not isinstance(whole, Mapping):
            raise ConfigError("storage_options must be a dict", where=self._where)
        return {**whole, **single}
