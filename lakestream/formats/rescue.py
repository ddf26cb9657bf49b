"""The text of the rescued data column.

A JSON object: each rescued field's name with its raw value, nested fields inside their struct,
and the source file under ``_file_path``, last. Null (no text at all) in a clean row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

#: A raw value as JSON text exactly as it stood in the file, or a struct's rescued fields.
Rescued: TypeAlias = "bytes | Mapping[str, Rescued]"

FILE_PATH: Final = "_file_path"


def raw_text(value: str) -> bytes:
    """Give a raw value of a textual format without types (CSV) as JSON text."""
    return msgspec.json.encode(value)


def rescued_data(fields: Mapping[str, Rescued], file_uri: str) -> str:
    """Write the rescued data of one row.

    Args:
        fields: What did not fit, by the field's name in the file, in the file's order.
        file_uri: The source file, as ``_metadata.file_path`` shows it.

    Returns:
        The JSON object as text. A field of the file that is itself called ``_file_path`` stays
        in the text, before ours, which is the one that JSON readers give.
    """
    parts = _members(fields)
    parts.append(msgspec.json.encode(FILE_PATH) + b":" + msgspec.json.encode(file_uri))
    return (b"{" + b",".join(parts) + b"}").decode()


def _members(fields: Mapping[str, Rescued]) -> list[bytes]:
    return [msgspec.json.encode(name) + b":" + _text(value) for name, value in fields.items()]


def _text(value: Rescued) -> bytes:
    return value if isinstance(value, bytes) else b"{" + b",".join(_members(value)) + b"}"
