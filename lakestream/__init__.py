"""Auto Loader and Structured Streaming for a Dagster lakehouse, without a cluster.

    import lakestream as ls

    @ls.streaming_table("s3://lake/bronze/orders")
    def bronze_orders():
        return ls.read_files("s3://landing/orders", format="json")

    bronze_orders.run()

Importing it is cheap: every name is loaded at first use.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lakestream import functions
    from lakestream.errors import LakestreamError
    from lakestream.plan.expectations import expect
    from lakestream.provisioning.setup import NotificationSetup
    from lakestream.query.progress import QueryProgress
    from lakestream.query.streaming_query import StreamingQuery
    from lakestream.read_delta import read_delta, table
    from lakestream.read_files import read_files
    from lakestream.sources.files.notifications.azure_queue import AzureStorageQueue
    from lakestream.sources.files.notifications.pubsub import PubSubSubscription
    from lakestream.sources.files.notifications.sqs import SqsQueue
    from lakestream.sql.sql_text import sql
    from lakestream.storage.location import env
    from lakestream.stream import Stream
    from lakestream.streaming_table import StreamingTable, streaming_table
    from lakestream.triggers import available_now, once, processing_time

__version__: Final = "0.1.0"

__all__ = [
    "AzureStorageQueue",
    "LakestreamError",
    "NotificationSetup",
    "PubSubSubscription",
    "QueryProgress",
    "SqsQueue",
    "Stream",
    "StreamingQuery",
    "StreamingTable",
    "available_now",
    "env",
    "expect",
    "functions",
    "once",
    "processing_time",
    "read_delta",
    "read_files",
    "sql",
    "streaming_table",
    "table",
]

_HOMES: Final = {
    "AzureStorageQueue": "lakestream.sources.files.notifications.azure_queue",
    "LakestreamError": "lakestream.errors",
    "NotificationSetup": "lakestream.provisioning.setup",
    "PubSubSubscription": "lakestream.sources.files.notifications.pubsub",
    "QueryProgress": "lakestream.query.progress",
    "SqsQueue": "lakestream.sources.files.notifications.sqs",
    "Stream": "lakestream.stream",
    "StreamingQuery": "lakestream.query.streaming_query",
    "StreamingTable": "lakestream.streaming_table",
    "available_now": "lakestream.triggers",
    "env": "lakestream.storage.location",
    "expect": "lakestream.plan.expectations",
    "once": "lakestream.triggers",
    "processing_time": "lakestream.triggers",
    "read_delta": "lakestream.read_delta",
    "read_files": "lakestream.read_files",
    "sql": "lakestream.sql.sql_text",
    "streaming_table": "lakestream.streaming_table",
    "table": "lakestream.read_delta",
}


class _Package(ModuleType):
    """Keeps public names public.

    Some functions are called like the module they live in (``streaming_table``, ``sql``). When
    such a module is imported, Python would put it on the package over the function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes are of any type
    if name == "functions":
        return importlib.import_module("lakestream.functions")
    home = _HOMES.get(name)
    if home is None:
        from lakestream.errors import near_names

        raise AttributeError(f"lakestream has no {name!r}; {near_names(name, __all__)}")
    found = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
