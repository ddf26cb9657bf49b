"""ORC decoded in a process of its own, since its library ends a process over some damaged files.

pyarrow's ORC reader is C++ that trusts the lengths in a file: of random damage some ends in a
segmentation fault (``test_orc_over_which_the_library_crashes_fails_as_a_file``). Then the child
ends, and the file fails.

Cost: 0.3 CPU s for the first file of a run, later files use the child again; a file's bytes and its
batches are copied once more.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from lakestream.errors import StorageUnavailableError
from lakestream.formats import orc_child
from lakestream.formats.lazy_pyarrow import Column, pyarrow
from lakestream.formats.orc_child import HEAD

#: What a library's own mistakes end a process with.
_CRASHES: Final = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
)
_LONGEST_END_S: Final = 5.0
#: Children that are kept: a thread decodes one file at a time.
_MOST_IDLE: Final = 2


class OrcProcess:
    """A child that decodes one file at a time. One thread at a time."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # -P: what lies beside the script is not what it imports.
        self._child = subprocess.Popen(  # noqa: S603 - our own script, no shell
            [sys.executable, "-P", str(Path(orc_child.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, letter: bytes, size_bytes: int, source: Column) -> tuple[bytes, bytes]:
        """Give a command; answer what it asks of the file until it has an answer.

        Raises:
            ValueError: The file is damaged.
            StorageUnavailableError: The child was ended by somebody else.
            What ``source`` raises.
        """
        commands, answers = self._pipes
        try:
            commands.write(HEAD.pack(letter, size_bytes, 0))
            commands.flush()
            while True:
                kind, first, second = HEAD.unpack(_exactly(answers, HEAD.size))
                if kind != b"R":
                    break
                source.seek(first)
                commands.write(source.read(second))
                commands.flush()
            body = _exactly(answers, first)
        except (EOFError, BrokenPipeError):
            raise self._ended() from None
        if kind == b"E":
            raise ValueError(body.decode())
        return kind, body

    @property
    def is_usable(self) -> bool:
        """Whether the child is there, and this process' own: not that of one it was forked from."""
        return self.owner == os.getpid() and self._child.poll() is None

    def end(self) -> None:
        """End the child."""
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.close()
        self._child.kill()
        self._child.wait(_LONGEST_END_S)

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        commands, answers = self._child.stdin, self._child.stdout
        assert commands is not None  # noqa: S101 - both were asked for
        assert answers is not None  # noqa: S101
        return commands, answers

    def _ended(self) -> Exception:
        code = self._child.wait(_LONGEST_END_S)
        if -code in _CRASHES:
            return ValueError(f"the ORC library crashed ({signal.Signals(-code).name})")
        return StorageUnavailableError(
            f"the process that decodes ORC has ended with {code}",
            fix="run again; when it stays so, look whether its memory was taken",
        )


class Stripes(Iterator[Column]):
    """A file's record batches, decoded as they are asked for.

    Args:
        source: pyarrow's file.

    Raises:
        ValueError: The file is damaged.
    """

    def __init__(self, source: Column) -> None:
        self._source = source
        self._process: OrcProcess | None = _idle()
        self.schema: Column = pyarrow().ipc.read_schema(
            pyarrow().py_buffer(self._ask(b"O", source.size()))
        )

    def __next__(self) -> Column:
        """Decode the next stripe."""
        if self._process is None:
            raise StopIteration
        body = self._ask(b"N", 0)
        if not body:
            self.close()
            raise StopIteration
        return pyarrow().ipc.read_record_batch(pyarrow().py_buffer(body), self.schema)

    def close(self) -> None:
        """Let the child decode other files."""
        process, self._process = self._process, None
        if process is None or not process.is_usable:
            return
        if len(_IDLE) < _MOST_IDLE:
            _IDLE.append(process)
        else:
            process.end()

    def __del__(self) -> None:
        """A file of which only the columns were asked for is not read to its end."""
        self.close()

    def _ask(self, letter: bytes, size_bytes: int) -> bytes:
        process = self._process
        assert process is not None  # noqa: S101 - not closed
        try:
            return process.ask(letter, size_bytes, self._source)[1]
        except ValueError:
            self.close()
            raise
        except BaseException:
            self._process = None
            process.end()
            raise


#: Children that wait for a file; a list's own calls are thread-safe.
_IDLE: Final[list[OrcProcess]] = []


def _idle() -> OrcProcess:
    while _IDLE:
        with suppress(IndexError):
            found = _IDLE.pop()
            if found.is_usable:
                return found
    return OrcProcess()


@atexit.register
def _end_all() -> None:
    while _IDLE:
        found = _IDLE.pop()
        if found.is_usable:
            found.end()


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise EOFError
    return data
