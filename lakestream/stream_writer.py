"""``stream.writeStream``: PySpark's builder of a query that feeds a Delta table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Never

from lakestream import triggers
from lakestream.errors import (
    ConfigError,
    UnknownOptionError,
    UnsupportedOperationError,
    UnsupportedOptionError,
    near_names,
)
from lakestream.storage.location import display
from lakestream.storage.option_names import known_names
from lakestream.streaming_table import streaming_table

if TYPE_CHECKING:
    from lakestream.query.streaming_query import StreamingQuery
    from lakestream.storage.location import PathLike
    from lakestream.storage.options import OptionValue
    from lakestream.stream import Stream

_WHERE: Final = "writeStream"
_OPTIONS: Final = ("checkpointLocation", "mergeSchema", "path", "widening")
#: Where no trigger is given: Spark looks again at once, which would list the input all the time.
_USUAL_INTERVAL: Final = "500 milliseconds"
_INSTEAD: Final = {
    "foreach": "write to the table, and give a Python function to mapBatches",
    "foreachBatch": "write to the table, and give a Python function to mapBatches",
    "toTable": "there is no catalogue of names: give the table's path to start(path)",
    "table": "there is no catalogue of names: give the table's path to start(path)",
    "clusterBy": "use partitionBy",
}


class DataStreamWriter:
    """Builds a query that feeds a Delta table; each method gives the builder itself."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._options: dict[str, Any] = {}
        self._partition_by: tuple[str, ...] = ()
        self._output_mode = "append"
        self._name: str | None = None
        self._trigger: triggers.Trigger = triggers.processing_time(_USUAL_INTERVAL)

    def format(self, source: str) -> DataStreamWriter:
        """Name the sink: ``delta``, which is also meant when there is none.

        Raises:
            UnsupportedOperationError: Another one.
        """
        if source.strip().lower() != "delta":
            raise UnsupportedOperationError(
                f"there is no sink {source!r}", where=_WHERE, fix='write to format("delta")'
            )
        return self

    def outputMode(self, outputMode: str) -> DataStreamWriter:  # noqa: N802, N803 - PySpark's name
        """Choose the output mode: ``append``. It is checked by ``start``."""
        self._output_mode = outputMode.strip().lower()
        return self

    def partitionBy(self, *cols: str | Sequence[str]) -> DataStreamWriter:  # noqa: N802 - PySpark's name
        """Name the columns to partition by; they are fixed when the table is made."""
        self._partition_by = tuple(
            name for each in cols for name in ([each] if isinstance(each, str) else each)
        )
        return self

    def queryName(self, queryName: str) -> DataStreamWriter:  # noqa: N802, N803 - PySpark's name
        """Name the query; by default it has the name of the table's folder."""
        self._name = queryName
        return self

    def option(self, key: str, value: OptionValue | None) -> DataStreamWriter:
        """Set an option, whatever its case; None takes it back.

        ``checkpointLocation`` (``<table>/_lakestream`` by default), ``path``, ``mergeSchema``
        (only true: the table always gets the stream's columns), ``widening`` (as
        ``streaming_table`` has it), and storage options under object_store's names.

        Raises:
            UnknownOptionError, UnsupportedOptionError: Another one.
        """
        known = {each.lower(): each for each in _OPTIONS}
        name = known.get(key.lower())
        if name is None and key.lower() not in known_names():
            raise UnknownOptionError.from_names(key, _OPTIONS, where=_WHERE)
        if name == "mergeSchema" and value is not None and str(value).lower() != "true":
            raise UnsupportedOptionError(
                f"option 'mergeSchema' is not supported as {str(value)!r}: the table always gets"
                " the stream's columns",
                where=_WHERE,
                fix="leave it out; select the columns that the table is to have",
            )
        self._options.pop(name or key.lower(), None)
        if value is not None:
            self._options[name or key.lower()] = value
        return self

    def options(self, **options: OptionValue | None) -> DataStreamWriter:
        """Set several options."""
        for key, value in options.items():
            self.option(key, value)
        return self

    def trigger(
        self,
        *,
        processingTime: str | None = None,  # noqa: N803 - PySpark's name
        once: bool | None = None,
        continuous: str | None = None,
        availableNow: bool | None = None,  # noqa: N803 - PySpark's name
    ) -> DataStreamWriter:
        """Say when batches run; without a trigger every 500 milliseconds, until stopped.

        Args:
            processingTime: Each such interval, until stopped.
            once: One batch with all that is there, then the end.
            continuous: Not there.
            availableNow: All that is there at the start, then the end.

        Raises:
            UnsupportedOperationError: ``continuous``.
            ConfigError: None of them, or several.
        """
        if continuous is not None:
            raise UnsupportedOperationError(
                "there is no continuous processing",
                where=_WHERE,
                fix='use trigger(processingTime="1 second")',
            )
        self._trigger = _chosen_trigger(processingTime, once=once, available=availableNow)
        return self

    def start(
        self,
        path: PathLike | None = None,
        format: str | None = None,  # noqa: A002 - PySpark's name
        outputMode: str | None = None,  # noqa: N803 - PySpark's name
        partitionBy: str | Sequence[str] | None = None,  # noqa: N803 - PySpark's name
        queryName: str | None = None,  # noqa: N803 - PySpark's name
        **options: OptionValue | None,
    ) -> StreamingQuery:
        """Start the query in a thread of this process; gives its handle.

        Args:
            path: The table; also as option ``path``.
            format: As the method of this name, like all that follow.
            outputMode: The output mode.
            partitionBy: The columns to partition by.
            queryName: The query's name.
            **options: More options.

        Raises:
            ConfigError: There is no path, or two; or an option does not fit.

        Delivery: exactly once, wherever the process ends.
        """
        if format is not None:
            self.format(format)
        if outputMode is not None:
            self.outputMode(outputMode)
        if partitionBy is not None:
            self.partitionBy(partitionBy)
        if queryName is not None:
            self.queryName(queryName)
        self.options(**options)
        rest = dict(self._options)
        rest.pop("mergeSchema", None)
        target = _one_path(path, rest.pop("path", None))
        mode: Any = self._output_mode  # checked by the decorator
        widening: Any = rest.pop("widening", None)  # likewise
        declare = streaming_table(
            target,
            name=self._name or _name_of(target),
            partition_by=self._partition_by,
            checkpoint=rest.pop("checkpointLocation", None),
            output_mode=mode,
            widening=widening,
            storage_options=rest,
        )
        return declare(lambda: self._stream).start(self._trigger)

    def __getattr__(self, name: str) -> Never:
        """Refuse a method that the builder does not have, and say what to do instead.

        Raises:
            UnsupportedOperationError: PySpark has it.
            AttributeError: Nobody has it.
        """
        if name in _INSTEAD:
            raise UnsupportedOperationError(
                f"{name} is not supported", where=_WHERE, fix=_INSTEAD[name]
            )
        public = [each for each in dir(self) if not each.startswith("_")]
        raise AttributeError(f"{_WHERE} has no {name!r}; {near_names(name, public)}")


def _chosen_trigger(
    interval: str | None, *, once: bool | None, available: bool | None
) -> triggers.Trigger:
    given = [each for each in (interval, once, available) if each is not None]
    if len(given) != 1 or given[0] is False:
        raise ConfigError(
            "one trigger is wanted",
            where="writeStream.trigger",
            fix='give availableNow=True, once=True or processingTime="10 seconds"',
        )
    if interval is not None:
        found = triggers.processing_time(interval)
        return found if found.interval_s else triggers.processing_time(_USUAL_INTERVAL)
    return triggers.once() if once else triggers.available_now()


def _one_path(path: PathLike | None, option: PathLike | None) -> PathLike:
    if (path is None) == (option is None):
        raise ConfigError(
            "there is no path" if path is None else "the path is given twice",
            where=_WHERE,
            fix="give the table's path to start, or as option path",
        )
    found = path if path is not None else option
    assert found is not None, "one of the two is given"  # noqa: S101
    return found


def _name_of(path: PathLike) -> str:
    parts = [part for part in display(path).replace("\\", "/").split("/") if part]
    return parts[-1] if parts else "stream"
