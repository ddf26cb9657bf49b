"""Made ``v1``: a lake as the first checkpoint format writes it. Run once; v1 is never made anew.

    python tests/golden/checkpoints/make_v1.py FOLDER

Twelve runs, each with a new file, so that the ledger and the batch records are merged once:
values of most types, a column that comes later, a broken line, a partition column. Where it was
made and on which host is taken out of the entries that say so.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[2]
FILES = 12


def lines(number: int) -> list[str]:
    """Give the lines of a file."""
    records = [
        {
            "id": number * 10 + row,
            "name": f"n{row}",
            "price": f"{number}.{row}0",
            "at": f"2026-11-{number + 1:02d}T08:00:0{row}Z",
            "tags": ["a", "b"][:row],
            "day": f"2026-11-{number % 2 + 1:02d}",
            **({"late": {"x": number}} if number >= 4 else {}),
        }
        for row in range(3)
    ]
    broken = ['{"id": 99, "name": "broken"'] if number == 5 else []
    return [*(json.dumps(record) for record in records), *broken]


def main(folder: Path) -> None:
    """Write the lake to a folder that is not there yet."""
    sys.path.insert(0, str(TESTS))
    from support import golden_lake

    platform.node = lambda: "host"
    lake = Path(tempfile.mkdtemp()).resolve()
    (lake / "landing").mkdir()
    for number in range(FILES):
        (lake / "landing" / f"{number:02d}.json").write_text("\n".join(lines(number)) + "\n")
        golden_lake.declared(lake).run()
    golden_lake.move(lake, lake, golden_lake.HOME)
    shutil.move(lake, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
