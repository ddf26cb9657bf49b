"""How much schema inference looks at. Pure."""

from __future__ import annotations

import msgspec

from lakestream.errors import ConfigError
from lakestream.limits import SAMPLE_BYTES, SAMPLE_FILES
from lakestream.sources.files.option_values import WHERE, check_type
from lakestream.units import parse_size


class SampleLimits(msgspec.Struct, frozen=True):
    """The newest files up to both limits; one file always.

    Args:
        files: So many files.
        bytes: So many bytes read, as they are stored. Of a large file only the beginning is read,
            where the format can do with that.
    """

    files: int = SAMPLE_FILES
    bytes: int = SAMPLE_BYTES


def sample_limits(files: int, size: str | int) -> SampleLimits:
    """Read the options ``schema_inference_max_files`` and ``schema_inference_max_bytes``.

    Raises:
        ConfigError: One is no number, or not positive.
    """
    check_type("schema_inference_max_files", files, int)
    if files < 1:
        raise ConfigError(
            f"schema_inference_max_files must be at least 1, not {files}",
            where=WHERE,
            fix="give a number of files, or declare the columns with schema",
        )
    return SampleLimits(files, parse_size(size, option="schema_inference_max_bytes"))
