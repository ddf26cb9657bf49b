"""``spark``: the session that Spark code begins with. It holds nothing."""

from __future__ import annotations

from typing import Final

from lakestream.spark.readers import DataFrameReader, DataStreamReader
from lakestream.sql.sql_text import sql
from lakestream.stream import Stream


class SparkSession:
    """Gives PySpark's readers and ``sql``; there is no cluster, no catalogue and no state."""

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


spark: Final = SparkSession()
