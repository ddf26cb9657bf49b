"""The process that decodes ORC for another: started by its path, alone with pyarrow.

It gets commands on its standard input and answers on its standard output. Each message is a letter
and two numbers, and as many bytes as the first of them says. To open a file (``O``, its size) it
answers the schema (``S``); to go on (``N``) the next stripe (``B``) or that there is none (``D``);
each may be an error (``E``, its text). In between it asks for bytes of the file (``R``, where, how
many), which come bare. It ends when its input does.
"""

from __future__ import annotations

import os
import struct
import sys
from io import SEEK_CUR, SEEK_END, SEEK_SET
from typing import Any, BinaryIO

HEAD = struct.Struct("<cQQ")


class Asked:
    """A file whose bytes the other process has."""

    closed = False

    def __init__(self, size_bytes: int, commands: BinaryIO, answers: BinaryIO) -> None:
        self._size = size_bytes
        self._commands, self._answers = commands, answers
        self._at = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read anywhere."""
        return True

    def tell(self) -> int:
        """Give the place."""
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Go to a place."""
        self._at = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._size}[whence] + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes."""
        left = max(0, self._size - self._at)
        size = left if size < 0 else min(size, left)
        if not size:
            return b""
        self._answers.write(HEAD.pack(b"R", self._at, size))
        self._answers.flush()
        data = self._commands.read(size)
        if len(data) != size:
            os._exit(0)  # the other process has ended
        self._at += size
        return data

    def close(self) -> None:
        """Read no more."""
        self.closed = True


def serve(commands: BinaryIO, answers: BinaryIO) -> None:
    """Answer commands until there are no more."""
    import pyarrow as pa
    from pyarrow import orc

    file: Any = None
    stripe = 0
    while head := commands.read(HEAD.size):
        letter, size_bytes, _ = HEAD.unpack(head)
        try:
            if letter == b"O":
                asked: Any = Asked(size_bytes, commands, answers)
                source = pa.PythonFile(asked, mode="r")
                file, stripe = orc.ORCFile(source), 0
                kind, body = b"S", file.schema.serialize()
            elif stripe < file.nstripes:
                kind, body, stripe = b"B", file.read_stripe(stripe).serialize(), stripe + 1
            else:
                kind, body, file = b"D", b"", None
        except Exception as error:  # noqa: BLE001 - told to the other process
            kind, body, file = b"E", str(error).encode("utf-8", "replace"), None
        answers.write(HEAD.pack(kind, len(body), 0))
        answers.write(body)
        answers.flush()


def main() -> None:
    """Serve the process that started this one."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
