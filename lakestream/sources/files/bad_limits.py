"""How much of a batch may be unreadable before the query stops. Pure."""

from __future__ import annotations

import msgspec

from lakestream.errors import ConfigError
from lakestream.sources.files.option_values import WHERE, check_type


class BadLimits(msgspec.Struct, frozen=True):
    """What of one batch may go to quarantine or be dropped.

    Args:
        records: Bad records; None is no limit. A file that cannot be read counts as one.
        ratio: Of all records of the batch, 0 to 1; None is no limit.
    """

    records: int | None
    ratio: float | None

    def broken(self, bad: int, total: int | None = None) -> str | None:
        """Tell which limit a batch breaks, or None.

        Args:
            bad: Bad records so far.
            total: All records of the batch; None while it is read.
        """
        if self.records is not None and bad > self.records:
            return (
                f"more of this batch's records do not parse than max_bad_records={self.records:,}"
                " allows"
            )
        if self.ratio is not None and total is not None and bad > self.ratio * total:
            return (
                f"{bad:,} of this batch's {total:,} records do not parse, more than"
                f" max_bad_ratio={self.ratio:g} allows"
            )
        return None


def bad_limits(records: int | None, ratio: float | None) -> BadLimits:
    """Check ``max_bad_records`` and ``max_bad_ratio``.

    Raises:
        ConfigError: One is no number, or out of its range.
    """
    if records is not None:
        check_type("max_bad_records", records, int)
        if records < 0:
            raise ConfigError(
                f"max_bad_records cannot be {records}", where=WHERE, fix="give 0 or more"
            )
    if ratio is not None:
        if not isinstance(ratio, int | float) or isinstance(ratio, bool) or not 0 <= ratio <= 1:
            raise ConfigError(
                f"max_bad_ratio cannot be {ratio!r}",
                where=WHERE,
                fix="give a number from 0 to 1: 0.01 is one record of a hundred",
            )
        ratio = float(ratio)
    return BadLimits(records, ratio)
