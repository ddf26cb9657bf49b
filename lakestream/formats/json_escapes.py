r"""Characters that the column parser misreads when they are written as escapes.

arrow-rs joins the two halves of an escaped surrogate pair with ``|`` where ``+`` is meant, so
``\ud840\udc00`` (U+20000, a Chinese character) becomes U+10000 without an error. Such pairs
are given to it as the character itself.
"""

from __future__ import annotations

import re
from typing import Final

from lakestream.lazy_pattern import lazy_pattern

_BACKSLASH: Final = b"\\"
#: A first half whose bit 16 is set already: the pairs that come out wrong.
_MISREAD: Final = lazy_pattern(rb"\\u[dD][89abAB][4-7c-fC-F]")
#: An escaped backslash is taken first, so that the ``u`` behind it starts no escape.
_PAIR: Final = lazy_pattern(rb"\\\\|\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def with_plain_pairs(data: bytes) -> bytes:
    """Give valid JSON with surrogate pairs as characters, if any would be misread.

    Cost: a search that runs at memory speed when there is no escape of this kind.
    """
    # One byte is looked for at memory speed, two are not: most data has no backslash at all.
    if _BACKSLASH not in data or not _MISREAD.search(data):
        return data
    return _PAIR.sub(_character, data)


def _character(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        return match[0]
    high, low = int(match[1], 16) - 0xD800, int(match[2], 16) - 0xDC00
    return chr(0x10000 + (high << 10) + low).encode()
