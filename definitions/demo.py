"""``make demo``: real flights land a day at a time while Dagster keeps the lake up to date.

With ``HEADLESS=1`` there is no UI: the sensor's job runs in this process until all has landed,
and what is in the tables is then held against the raw files.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

DEMO_DIR: Final = Path(".demo")
#: Columns that the tables need; a pipe reports 80.
_NARROWEST: Final = 110
_OFF: Final = {"", "0", "false", "no"}


def main() -> int:
    """Run the demo in a fresh ``.demo`` folder; gives the exit code."""
    found = Console()
    console = Console(width=max(found.width, _NARROWEST))
    shutil.rmtree(DEMO_DIR, ignore_errors=True)
    landing = (DEMO_DIR / "landing").resolve()
    home = (DEMO_DIR / "dagster").resolve()
    home.mkdir(parents=True)
    # Neither telemetry nor the window that asks newcomers for their address.
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\nnux:\n  enabled: false\n")
    os.environ |= {
        "LANDING": str(landing),
        "LAKE": str((DEMO_DIR / "lake").resolve()),
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    if os.environ.get("HEADLESS", "").lower() in _OFF:
        from definitions.interactive import serve

        return serve(console, landing)
    from definitions.headless import run_to_the_end

    return run_to_the_end(console, landing)


if __name__ == "__main__":
    sys.exit(main())
