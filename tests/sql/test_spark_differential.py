"""The golden answers are still Spark's: asks a real one again, where it can be had."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PYTHON = os.environ.get("LAKESTREAM_SPARK_PYTHON") or (
    sys.executable if importlib.util.find_spec("pyspark") else None
)


@pytest.mark.timeout(960)
@pytest.mark.skipif(PYTHON is None, reason="pyspark is not here: LAKESTREAM_SPARK_PYTHON names it")
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs java")
@pytest.mark.parametrize(
    ("script", "golden"),
    [
        ("make_golden.py", "golden_spark.json"),
        ("make_golden_frames.py", "golden_frames.json"),
    ],
)
def test_golden_when_spark_is_asked_again_then_answers_are_the_same(script, golden, tmp_path):
    for name in ("make_golden.py", "make_golden_frames.py", "frame_cases.py"):
        shutil.copy(HERE / name, tmp_path / name)
    subprocess.run(
        [str(PYTHON), str(tmp_path / script)],
        check=True,
        capture_output=True,
        timeout=900,
        cwd=tmp_path,
    )

    fresh = json.loads((tmp_path / golden).read_text(encoding="utf-8"))
    kept = json.loads((HERE / golden).read_text(encoding="utf-8"))
    assert fresh == kept
