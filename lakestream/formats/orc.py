"""ORC files: read stripe by stripe, columns by name, fitted as Parquet's are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lakestream.errors import BadFileError
from lakestream.formats.bad_records import fail_file
from lakestream.formats.base import DecodedBatch, DecodePlan, FileChunk, Outcomes, Sample
from lakestream.formats.columnar import FileColumns, checked_batches, columns_of, merged, reading
from lakestream.formats.lazy_pyarrow import Column, pyarrow
from lakestream.plan import types as t

_NAME: Final = "ORC"


@dataclass(frozen=True, slots=True)
class OrcFormat:
    """ORC as it is; it has no options.

    A damaged file fails as a whole. There are no bad records: parse modes do not matter. ORC's
    ``timestamp`` is read as Spark's, UTC; a time that nanoseconds do not reach (before 1677,
    after 2262) fails its file, because the ORC library cannot give it.
    """

    @property
    def name(self) -> str:
        """The format's name."""
        return "orc"

    @property
    def whole_files(self) -> bool:
        """The footer stands at the end, so files come whole."""
        return True

    @property
    def compressible(self) -> bool:
        """ORC compresses its own streams."""
        return False

    @property
    def fixed_schema(self) -> t.Struct | None:
        """The schema is the files' own."""
        return None

    def options(self) -> Mapping[str, str]:
        """Give no options: there are none."""
        return {}

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> t.Struct:  # noqa: ARG002 - ORC is typed
        """Merge the files' own schemas, as ``columnar.merged`` says.

        Samples that are not whole files are left out.

        Raises:
            SchemaInferenceError: No sample is a readable ORC file.
            SchemaRejectedError: The columns are too many, or nested too deep.
        """
        return merged(_schemas(samples), _NAME)

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says; memory is bounded by a stripe."""
        for chunk in chunks:
            if chunk.failure is not None:
                fail_file(chunk.file, chunk.failure, outcomes)
                continue
            try:
                yield from _decoded(chunk, plan, outcomes)
            except BadFileError as error:
                fail_file(chunk.file, error, outcomes)


def _schemas(samples: Iterable[Sample]) -> Iterator[t.Struct]:
    for sample in samples:
        if not sample.whole:
            continue
        try:
            with reading(sample.uri, _NAME):
                opened = _opened(sample.data)
        except BadFileError:
            continue
        yield _columns(opened.schema)


def _decoded(chunk: FileChunk, plan: DecodePlan, outcomes: Outcomes) -> Iterator[DecodedBatch]:
    uri = chunk.file.uri
    with reading(uri, _NAME):
        opened = _opened(chunk.data)
        schema = _columns(opened.schema)
    columns = FileColumns(chunk.file, schema, plan, outcomes)
    stripes = (opened.read_stripe(number) for number in range(opened.nstripes))
    for batch in checked_batches(stripes, uri, _NAME):
        yield columns.fit(batch)


def _opened(data: bytes) -> Any:  # noqa: ANN401 - pyarrow's, as lazy_pyarrow says
    from pyarrow import orc

    return orc.ORCFile(pyarrow().BufferReader(data))


def _columns(schema: Column) -> t.Struct:
    """Give the columns as Spark reads them: it takes ORC's timestamp for an instant."""
    return t.Struct(tuple((name, _instants(kind)) for name, kind in columns_of(schema).fields))


def _instants(kind: t.SparkType) -> t.SparkType:
    match kind:
        case t.Struct(fields):
            return t.Struct(tuple((name, _instants(each)) for name, each in fields))
        case t.Array(element):
            return t.Array(_instants(element))
        case t.Map(key, value):
            return t.Map(_instants(key), _instants(value))
        case _:
            return t.TIMESTAMP if kind == t.TIMESTAMP_NTZ else kind
