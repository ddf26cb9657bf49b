"""How much the tests try: little for each push, all of it each night.

Every swept point and every property is tried at either volume: what shrinks for a push are the
examples that are drawn, and combinations of points that are each tried alone as well.
"""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "LAKESTREAM_TEST_VOLUME"
NIGHTLY: Final = os.environ.get(VARIABLE, "push") == "nightly"
