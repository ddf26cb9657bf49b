"""Reads the fenced blocks of a Markdown file and runs them in order, in the current folder.

What a block is for stands in its info string, after the language:

- ```` ```python ```` is run; the blocks of one document share one namespace, as in a notebook.
- ```` ```python no-run ```` is compiled only.
- ```` ```bash run ```` runs each line, all of which must start with ``lakestream``, and succeed.
- ```` ```<language> file=PATH ```` is written to PATH first; such a block is not run.
- Every other block is text.
"""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from support import fork_server

_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^`]*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block and where it stands."""

    document: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def file(self) -> str | None:
        """The path that the block is to be written to."""
        return next((word[5:] for word in self.words if word.startswith("file=")), None)


def blocks(document: Path) -> Iterator[Block]:
    """Give the fenced blocks of a document in order."""
    lines = iter(enumerate(document.read_text().splitlines(), start=1))
    for number, line in lines:
        opened = _FENCE.match(line)
        if not opened:
            continue
        body: list[str] = []
        for _, inner in lines:
            if inner.strip() == opened["fence"]:
                break
            body.append(inner.removeprefix(opened["indent"]))
        language, *words = opened["info"].split() or [""]
        text = "".join(f"{each}\n" for each in body)
        yield Block(document, number + 1, language, tuple(words), text)


def run_document(document: Path, *, name: str) -> int:
    """Run a document's blocks in the current folder; the first that fails raises.

    Args:
        document: The Markdown file.
        name: Module name under which the document's Python blocks live.

    Returns:
        How many blocks were written, compiled or run.
    """
    module = ModuleType(name)
    known = set(sys.modules)
    sys.modules[name] = module
    # As in a notebook, the files beside the document can be imported.
    sys.path.insert(0, str(Path.cwd()))
    importlib.invalidate_caches()
    try:
        return sum([_run_block(block, module) for block in blocks(document)])
    finally:
        here = sys.path.pop(0)
        for new in set(sys.modules) - known:
            # Another document's file may have the same name.
            if new == name or (getattr(sys.modules[new], "__file__", None) or "").startswith(here):
                del sys.modules[new]


def _run_block(block: Block, module: ModuleType) -> bool:
    if block.file is not None:
        Path(block.file).parent.mkdir(parents=True, exist_ok=True)
        Path(block.file).write_text(block.text)
        # Something else of this name may have been imported by this process before.
        sys.modules.pop(Path(block.file).stem, None)
    elif block.language == "python":
        # The empty lines make a traceback point into the document.
        code = compile("\n" * (block.line - 1) + block.text, str(block.document), "exec")
        if "no-run" not in block.words:
            exec(code, vars(module))
    elif block.language == "bash" and "run" in block.words:
        for line in block.text.splitlines():
            _run_command(line, where=f"{block.document.name}:{block.line}")
    else:
        return False
    return True


def _run_command(line: str, *, where: str) -> None:
    words = shlex.split(line, comments=True)
    if not words:
        return
    assert words[0] == "lakestream", f"{where}: only `lakestream ...` is run, not {words[0]!r}"
    done = fork_server.run("from lakestream.cli.main import run; run()", *words[1:])
    assert done.returncode == 0, f"{where}: {line}\n{done.stdout}{done.stderr}"
