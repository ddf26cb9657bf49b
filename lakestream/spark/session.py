"""``spark``: the session that Spark code begins with. It holds nothing."""

from __future__ import annotations

from typing import Final, Never

from lakestream.errors import UnsupportedOperationError, near_names
from lakestream.spark.readers import DataFrameReader, DataStreamReader
from lakestream.sql.sql_text import sql
from lakestream.stream import Stream

#: Settings that are about a JVM, a cluster or a catalogue, so that leaving them out changes no row.
_WITHOUT_EFFECT: Final = (
    "spark.app.", "spark.databricks.delta.", "spark.default.parallelism", "spark.driver.",
    "spark.dynamicAllocation.", "spark.eventLog.", "spark.executor.", "spark.jars", "spark.kryo",
    "spark.local.", "spark.master", "spark.memory.", "spark.network.", "spark.scheduler.",
    "spark.serializer", "spark.shuffle.", "spark.sql.adaptive.", "spark.sql.catalog.",
    "spark.sql.extensions", "spark.sql.shuffle.", "spark.sql.warehouse.", "spark.submit.",
    "spark.ui.",
)  # fmt: skip
_INSTEAD: Final = {
    "spark.hadoop.": 'give the store\'s options to the reader: .option("aws_region", ...)',
    "spark.sql.session.timeZone": "there is one time zone, UTC; convert where another is meant",
    "spark.sql.streaming.checkpointLocation": "give checkpoint= to @ls.streaming_table",
    "spark.databricks.cloudFiles.": "give it as an option to the reader",
}
_METHODS: Final = {
    "catalog": "there is no catalogue; a table goes by its path",
    "conf": "there is no session to configure; give options to the reader",
    "createDataFrame": "a stream is read from files or a table",
    "range": "a stream is read from files or a table",
    "sparkContext": "there is no cluster",
    "stop": "there is nothing to stop: leave it out",
    "streams": "start() of a streaming table gives its query",
    "table": 'there is no catalogue of names; use read.format("delta").load(path)',
    "udf": "give a Python function to mapBatches",
}


class SparkSession:
    """Gives PySpark's readers and ``sql``; there is no cluster, no catalogue and no state."""

    builder: SessionBuilder

    @property
    def readStream(self) -> DataStreamReader:  # noqa: N802 - PySpark's name
        """A new reader of streams."""
        return DataStreamReader()

    @property
    def read(self) -> DataFrameReader:
        """A new reader of static tables."""
        return DataFrameReader()

    def sql(self, sqlQuery: str, /, **streams: Stream) -> Stream:  # noqa: N803 - PySpark's name
        """Give the stream that a Spark SQL SELECT describes, as ``lakestream.sql`` does.

        Args:
            sqlQuery: One SELECT. A stream stands in it by its name, with or without PySpark's
                braces: ``FROM {orders}``.
            streams: The streams and static tables of the text, by name.

        Raises:
            PlanError: Not Spark SQL, or an unknown table or column.
        """
        text = sqlQuery
        for name in streams:
            text = text.replace(f"{{{name}}}", name)
        return sql(text, **streams)

    def __getattr__(self, name: str) -> Never:
        """Refuse what the session does not have, and say what to do instead.

        Raises:
            UnsupportedOperationError: PySpark has it.
            AttributeError: Nobody has it.
        """
        if name in _METHODS:
            raise UnsupportedOperationError(
                f"{name} is not supported", where="spark", fix=_METHODS[name]
            )
        public = [each for each in dir(self) if not each.startswith("_")]
        raise AttributeError(f"spark has no {name!r}; {near_names(name, public)}")


class SessionBuilder:
    """``SparkSession.builder``: names and tuning are heard and need nothing."""

    def appName(self, name: str) -> SessionBuilder:  # noqa: ARG002, N802 - PySpark's name
        """Hear the application's name; a query has the name of its streaming table."""
        return self

    def master(self, master: str) -> SessionBuilder:  # noqa: ARG002 - there is no cluster
        """Hear where the cluster is; there is none."""
        return self

    def config(self, key: str, value: object) -> SessionBuilder:  # noqa: ARG002 - see below
        """Hear a setting about a JVM, a cluster or a catalogue.

        Raises:
            UnsupportedOperationError: Another setting: leaving it out might change rows.
        """
        if not key.startswith(_WITHOUT_EFFECT):
            instead = (each for name, each in _INSTEAD.items() if key.startswith(name))
            raise UnsupportedOperationError(
                f"setting {key!r} is not supported: the session holds nothing",
                where="SparkSession.builder",
                fix=next(instead, "leave it out"),
            )
        return self

    def getOrCreate(self) -> SparkSession:  # noqa: N802 - PySpark's name
        """Give the session."""
        return spark


SparkSession.builder = SessionBuilder()
spark: Final = SparkSession()
