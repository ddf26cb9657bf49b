"""Regular expressions that cost nothing until they are asked something.

Compiling one takes a tenth of a millisecond and more. A run with nothing new is over in 150, and
uses few of the patterns of the modules that it loads.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _LazyPattern:
    """Compiles itself at its first use; from then on its methods are the compiled one's."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the pattern has it
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found


def lazy_pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Give a pattern for a module's constant; for its methods only, not for ``re.sub`` and such."""
    return cast("re.Pattern[AnyStr]", _LazyPattern(text, flags))
