"""SHA-256 without loading OpenSSL, which takes a fortieth of a run that finds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
else:  # as ``random`` of the standard library does; hashlib is the way that always works
    try:
        from _sha2 import sha256
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256

__all__ = ["sha256"]
