"""Runs a ruling through every path that the code has for its format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import pytest

from lakestream.formats import csv_casts, csv_decode, json_blocks
from lakestream.formats import json as json_format
from lakestream.formats.base import DecodePlan, FileChunk, Format, Outcomes, Sample
from lakestream.formats.base import FileOutcome as Counts
from lakestream.formats.csv import CsvFormat
from lakestream.formats.csv_dialect import RecordSplitter
from lakestream.formats.json import JsonFormat
from lakestream.formats.json_decode import BlockDecoder
from lakestream.plan import types as t
from support.format_runs import chunks_of, input_file
from support.rulings.model import VALUE_KINDS, Bad, Fails, File, Outcome, Row, Value

RESCUED: Final = "_rescued_data"
_NEIGHBOURS: Final = {"json": b'{"a":7}\n{"b":"n"}\n', "csv": b"b,a\nn,7\n"}


@dataclass
class Finding:
    """What came of one file, in a form that can be compared (a NaN equals itself)."""

    rows: list[str] = field(default_factory=list)
    bad: list[tuple[int | None, str]] = field(default_factory=list)
    counts: tuple[int, int, int] = (0, 0, 0)
    failure: str | None = None
    raw: list[bytes] = field(default_factory=list, compare=False)


def expected(outcomes: tuple[Outcome, ...]) -> Finding:
    """Give what a ruling says."""
    rows = [each for each in outcomes if isinstance(each, Row)]
    bad = [(each.line, each.code) for each in outcomes if isinstance(each, Bad)]
    rescued = sum(each.rescued is not None for each in rows)
    failures = [each.reason for each in outcomes if isinstance(each, Fails)]
    texts = [plain(*each.values, each.rescued) for each in rows]
    return Finding(texts, bad, (len(rows), rescued, len(bad)), *failures)


def as_file(value: Value, format_name: str) -> File:
    """Give the file that reads a value into a column of each type."""
    schema = ", ".join(f"v{at} {kind}" for at, kind in enumerate(VALUE_KINDS))
    taken = [value.takes.get(kind) for kind in VALUE_KINDS]
    if "STRING" not in value.takes:
        taken[0] = value.text
    if format_name == "csv" and "BINARY" not in value.takes:
        taken[VALUE_KINDS.index("BINARY")] = value.text.encode()
    raw = value.text if format_name == "json" else json.dumps(value.text, ensure_ascii=False)
    takes_all = {*value.takes, "STRING"} | ({"BINARY"} if format_name == "csv" else set())
    left = [f'"v{at}":{raw}' for at, kind in enumerate(VALUE_KINDS) if kind not in takes_all]
    rescued = "{" + ",".join(left) + "}" if left else None
    names = [f"v{at}" for at in range(len(VALUE_KINDS))]
    if format_name == "json":
        data = "{" + ",".join(f'"{name}":{value.text}' for name in names) + "}\n"
    else:
        data = ",".join(names) + "\n" + ",".join([value.text] * len(names)) + "\n"
    row = Row(tuple(taken), rescued)
    return File(value.id, value.case, data.encode(), (row,), schema, None, spark=value.spark)


def plan_for(schema: str | t.Struct, **more: Any) -> DecodePlan:
    """Give the plan that a ruling is decoded by."""
    fields = t.schema_of_ddl(schema) if isinstance(schema, str) else schema
    given = {"rescued_column": RESCUED, "corrupt_column": None, "mode": "permissive"}
    return DecodePlan(fields, **{**given, "unknown": "rescue", **more})


Path = Callable[[Format, bytes, DecodePlan], list[Finding]]


def _findings(form: Format, chunks: Iterator[FileChunk], plan: DecodePlan, n: int) -> list[Finding]:
    outcomes = Outcomes([Counts() for _ in range(n)])
    found = [Finding() for _ in range(n)]
    for batch in form.decode(chunks, plan, outcomes):
        rows = _rows(batch.batch)
        for index, count in batch.runs:
            found[index].rows += [next(rows) for _ in range(count)]
    for record in outcomes.bad_records:
        found[record.file].bad.append((record.line, record.code))
        found[record.file].raw.append(record.raw)
    for each, counts in zip(found, outcomes.files, strict=True):
        each.counts = (counts.rows, counts.rescued, counts.bad)
        each.failure = counts.failure.what.rpartition(": ")[2] if counts.failure else None
    return found


def _rows(batch: Any) -> Iterator[str]:
    import pyarrow as pa

    columns = [column.to_pylist() for column in pa.record_batch(batch).columns]
    for *values, rescued in zip(*columns, strict=True):
        yield plain(*values, without_path(rescued))


def plain(*values: Any) -> str:
    """Give values by their text: a NaN equals itself, and -0.0 is not 0.0."""
    return repr(values).replace("zoneinfo.ZoneInfo(key='UTC')", "datetime.timezone.utc")


def without_path(text: str | None) -> str | None:
    """Give rescued data without the file's path."""
    if text is None:
        return None
    head, found, _ = text.rpartition('"_file_path":')
    assert found
    return head.rstrip(",") + "}"


def alone(form: Format, data: bytes, plan: DecodePlan, *, step: int | None = None) -> list[Finding]:
    """Decode the file by itself, in chunks of ``step`` bytes."""
    return _findings(form, chunks_of({"x": data}, step), plan, 1)


def at_every_byte(form: Format, data: bytes, plan: DecodePlan) -> list[Finding]:
    """Decode as many copies as there are bytes, each cut into two chunks at another."""
    cuts = range(1, min(len(data), 200))

    def chunks() -> Iterator[FileChunk]:
        for index, cut in enumerate(cuts):
            file = input_file(index, "x", len(data))
            yield FileChunk(file, data[:cut], last=False)
            yield FileChunk(file, data[cut:], last=True)

    return _findings(form, chunks(), plan, len(cuts))


def among_others(form: Format, data: bytes, plan: DecodePlan) -> list[Finding]:
    """Decode the file between others, some of which have the same columns."""
    other = _NEIGHBOURS[form.name]
    header = data.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0] + b"\n"
    files = {"v": other, "w": header, "x": data, "y": data, "z": other}
    found = _findings(form, chunks_of(files, None), plan, 5)
    return [found[2], found[3]]


def _patched(run: Path, *patches: tuple[Any, str, Any]) -> Path:
    def patched(form: Format, data: bytes, plan: DecodePlan) -> list[Finding]:
        with pytest.MonkeyPatch.context() as patch:
            for target, name, value in patches:
                patch.setattr(target, name, value)
            return run(form, data, plan)

    return patched


class ExactSplitter(RecordSplitter):
    """A dialect that pyarrow is never asked about."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.fast = False
        self._plain_block = self.plain_record(1)


_EACH_RECORD: Final = (BlockDecoder, "_takes_whole", lambda _self, _block: False)
_EACH_EXACTLY: Final = (BlockDecoder, "_refused", lambda _self, records: range(len(records)))


def _blocks_of(size: int) -> tuple[Any, str, Any]:
    return (json_format, "line_blocks", partial(json_blocks.line_blocks, block_bytes=size))


COMMON: Final[Mapping[str, Path]] = {
    "alone": alone,
    "byte by byte": partial(alone, step=1),
    "in chunks of seven": partial(alone, step=7),
    "cut at every byte": at_every_byte,
    "among others": among_others,
}
PATHS: Final[Mapping[str, Mapping[str, Path]]] = {
    "json": {
        **COMMON,
        "record by record": _patched(alone, _EACH_RECORD),
        "rewritten": _patched(alone, _EACH_RECORD, _EACH_EXACTLY),
        "rewritten among others": _patched(among_others, _EACH_RECORD, _EACH_EXACTLY),
        "blocks of a byte": _patched(among_others, _blocks_of(1)),
        "blocks of 40 bytes": _patched(among_others, _blocks_of(40)),
    },
    "csv": {
        **COMMON,
        "exact splitter": _patched(alone, (csv_decode, "RecordSplitter", ExactSplitter)),
        "exact among others": _patched(
            among_others, (csv_decode, "RecordSplitter", ExactSplitter)
        ),
        "value by value": _patched(
            alone, (csv_casts, "_whole_casts", lambda _kind, _rules: ())
        ),
        "all exact": _patched(
            partial(alone, step=1),
            (csv_decode, "RecordSplitter", ExactSplitter),
            (csv_casts, "_whole_casts", lambda _kind, _rules: ()),
        ),
    },
}  # fmt: skip


def format_of(name: str, options: Mapping[str, Any], **more: Any) -> Format:
    """Give the format with a ruling's options."""
    return {"json": JsonFormat, "csv": CsvFormat}[name](**options, **more)


def infer(form: Format, *files: bytes, infer_types: bool = True) -> tuple[t.Struct, list[Sample]]:
    """Infer the schema of whole files."""
    samples = [Sample(f"s3://landing/{at}", data, whole=True) for at, data in enumerate(files)]
    return form.infer(samples, infer_types=infer_types), samples


def reused(form: Format, data: bytes, plan: DecodePlan, sample: Sample) -> list[Finding]:
    """Decode a file with what inference said of it, as a first batch does."""
    chunk = FileChunk(input_file(0, "x", len(data)), data, last=True, fits=sample.fits)
    return _findings(form, iter([chunk]), plan, 1)


def quoted(file: File, text: str) -> File:
    """Give the CSV file of a value with quotes around each field."""
    field_ = '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
    header = file.data.partition(b"\n")[0]
    width = header.count(b",") + 1
    return replace(file, data=header + b"\n" + ",".join([field_] * width).encode() + b"\n")


def nested(file: File) -> File:
    """Give the JSON file of a value with all its columns in a struct."""
    (row,) = file.gives
    assert isinstance(row, Row)
    names = t.schema_of_ddl(file.schema).names
    rescued = None if row.rescued is None else f'{{"s":{row.rescued}}}'
    return replace(
        file,
        data=b'{"s":' + file.data.rstrip() + b"}\n",
        schema=f"s STRUCT<{file.schema.replace(' ', ': ')}>".replace(",: ", ", "),
        gives=(Row((dict(zip(names, row.values, strict=True)),), rescued),),
    )
