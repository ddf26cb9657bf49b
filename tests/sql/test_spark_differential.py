"""The golden answers are still Spark's: asks a real one again, where it can be had."""

# ruff: noqa: ANN001, ANN201 - tests read as sentences; the reader's own errors are of any kind

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


@pytest.mark.skipif(PYTHON is None, reason="pyspark is not here: LAKESTREAM_SPARK_PYTHON names it")
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs java")
def test_golden_when_spark_is_asked_again_then_answers_are_the_same(tmp_path):
    script = tmp_path / "make_golden.py"
    shutil.copy(HERE / "make_golden.py", script)
    subprocess.run([str(PYTHON), str(script)], check=True, capture_output=True, timeout=280)

    fresh = json.loads((tmp_path / "golden_spark.json").read_text(encoding="utf-8"))
    kept = json.loads((HERE / "golden_spark.json").read_text(encoding="utf-8"))
    assert fresh == kept
