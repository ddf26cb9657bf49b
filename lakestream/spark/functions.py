"""``lakestream.functions`` under the place that Spark code imports them from."""

from __future__ import annotations

from lakestream import functions
from lakestream.functions import *  # noqa: F403 - all of them are meant

__all__ = functions.__all__
__getattr__ = functions.__getattr__
