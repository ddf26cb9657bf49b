from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from support.doc_examples import run_document

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_document_when_its_examples_run_then_all_succeed(document: Path) -> None:
    run_document(document, name=f"example_{document.stem}")


def write(text: str) -> Path:
    path = Path("sample.md")
    path.write_text(text)
    return path


def test_python_blocks_when_run_then_share_names_and_see_files() -> None:
    sample = write(
        "```json file=in/a.json\n{}\n```\n```python\na = open('in/a.json').read()\n```\n"
        "- item\n  ```python\n  assert a == '{}\\n'\n  ```\n```text\nnot code\n```\n"
    )

    assert run_document(sample, name="example_sample") == 3


def test_python_file_when_two_documents_name_it_alike_then_each_imports_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        block = f"```python file=beside.py\nn = {number}\n```\n"
        check = f"```python\nimport beside\nassert beside.n == {number}\n```\n"
        assert run_document(write(block + check), name="example_sample") == 2


def test_python_block_when_it_fails_then_traceback_names_the_line() -> None:
    sample = write("one\n\n```python\nx = 1\nraise RuntimeError\n```\n")

    with pytest.raises(RuntimeError) as failure:
        run_document(sample, name="example_sample")

    last = failure.traceback[-1]
    assert (Path(last.path).name, last.lineno + 1) == ("sample.md", 5)


def test_python_block_when_marked_no_run_then_only_compiled() -> None:
    assert run_document(write("```python no-run\nraise ValueError\n```\n"), name="example_x") == 1

    with pytest.raises(SyntaxError):
        run_document(write("```python no-run\nraise from\n```\n"), name="example_x")


@pytest.mark.parametrize("command", ["rm -r x", "lakestream no-such-verb"])
def test_bash_block_when_command_is_foreign_or_fails_then_error(command: str) -> None:
    with pytest.raises(AssertionError, match=r"sample\.md:2"):
        run_document(write(f"```bash run\n{command}\n```\n"), name="example_x")


def test_bash_block_when_not_marked_then_text() -> None:
    assert run_document(write("```bash\nexit 1\n```\n"), name="example_x") == 0
