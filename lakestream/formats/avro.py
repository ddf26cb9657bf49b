"""Avro files: read block by block, columns by name, fitted as Parquet's are."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from lakestream.errors import BadFileError, ConfigError, LakestreamError
from lakestream.formats.avro_container import Block, ContainerReader, encode_long
from lakestream.formats.avro_schema import (
    AvroColumns,
    AvroSchemaError,
    avro_library,
    read_schema,
)
from lakestream.formats.bad_records import fail_file
from lakestream.formats.base import (
    DecodedBatch,
    DecodePlan,
    FileChunk,
    InputFile,
    Outcomes,
    Sample,
)
from lakestream.formats.columnar import BATCH_ROWS, FileColumns, columns_of, damaged, merged
from lakestream.formats.lazy_pyarrow import Column, pyarrow
from lakestream.plan import types as t

_NAME: Final = "Avro"
#: Small blocks are read together, up to this: the library parses the schema once for each lot.
_LOT_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class AvroFormat:
    """Avro container files; Spark's mapping of types, see ``avro_schema``.

    A damaged file fails as a whole. There are no bad records: parse modes do not matter. Values
    are never rebased between calendars. Blocks may be packed with deflate, snappy, zstandard,
    bzip2 or xz.

    Args:
        avro_schema: The reader's schema (JSON), which every file is resolved to by Avro's rules:
            defaults for missing fields, aliases, promoted types. The columns are its, and stay;
            a file that cannot be resolved to it fails. None takes each file's own.
    """

    avro_schema: str = ""

    def __post_init__(self) -> None:
        if self.avro_schema:
            try:
                read_schema(self.avro_schema)
            except AvroSchemaError as error:
                raise ConfigError(
                    f"avro_schema cannot be used: {error}",
                    where="read_files(format='avro')",
                    fix="give the JSON text of a record's schema",
                ) from error

    @property
    def name(self) -> str:
        """The format's name."""
        return "avro"

    @property
    def whole_files(self) -> bool:
        """Blocks stand alone, so files come in pieces."""
        return False

    @property
    def ranged(self) -> bool:
        """Files are read from their beginning on."""
        return False

    @property
    def compressible(self) -> bool:
        """Avro compresses its own blocks."""
        return False

    @property
    def fixed_schema(self) -> t.Struct | None:
        """The columns of ``avro_schema``, else the files' own."""
        return columns_of(read_schema(self.avro_schema).arrow) if self.avro_schema else None

    def options(self) -> Mapping[str, str]:
        """Give the options that shape the rows."""
        return {"avro_schema": self.avro_schema} if self.avro_schema else {}

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> t.Struct:  # noqa: ARG002 - Avro is typed
        """Merge the files' own schemas, as ``columnar.merged`` says; a file's beginning is enough.

        Raises:
            SchemaInferenceError: No sample begins as a readable Avro file.
            SchemaRejectedError: The columns are too many, or nested too deep.
        """
        fixed = self.fixed_schema
        return merged(_schemas(samples), _NAME) if fixed is None else fixed

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says; memory is bounded by a block."""
        rest = iter(chunks)
        wanted = read_schema(self.avro_schema) if self.avro_schema else None
        for first in rest:
            pieces = _Pieces(first, rest)
            try:
                yield from _decoded(first.file, pieces, wanted, plan, outcomes)
            except _FailedError as failed:
                fail_file(first.file, failed.failure, outcomes)
            except BadFileError as error:
                fail_file(first.file, error, outcomes)
            pieces.skip()


class _FailedError(Exception):
    """A chunk said that its file cannot be read on."""

    def __init__(self, failure: LakestreamError) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Pieces:
    """The bytes of one file, taken from the chunks of all."""

    def __init__(self, first: FileChunk, rest: Iterator[FileChunk]) -> None:
        self._chunks = chain((first,), rest)
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._over:
            raise StopIteration
        chunk = next(self._chunks)
        self._over = chunk.last or chunk.failure is not None
        if chunk.failure is not None:
            raise _FailedError(chunk.failure)
        return chunk.data

    def skip(self) -> None:
        """Leave the next file's chunk to come, whatever was read of this one."""
        while not self._over:
            try:
                next(self)
            except _FailedError:
                return


def _schemas(samples: Iterable[Sample]) -> Iterator[t.Struct]:
    for sample in samples:
        try:
            header = ContainerReader(iter((sample.data,)), sample.uri).header()
            yield columns_of(read_schema(header.schema).arrow)
        except (BadFileError, AvroSchemaError):
            continue


def _decoded(
    file: InputFile,
    pieces: Iterator[bytes],
    wanted: AvroColumns | None,
    plan: DecodePlan,
    outcomes: Outcomes,
) -> Iterator[DecodedBatch]:
    container = ContainerReader(pieces, file.uri)
    header = container.header()
    try:
        written = read_schema(header.schema)
    except AvroSchemaError as error:
        raise BadFileError(
            f"the file cannot be read as Avro: {error}",
            where=file.uri,
            fix="write the file with a schema that a table can have",
        ) from error
    read = written if wanted is None else wanted
    columns = FileColumns(file, columns_of(read.arrow), plan, outcomes)
    for lot in _lots(container.blocks(header.codec, written.record_bytes)):
        records = _records(lot, written, wanted, file.uri)
        for start in range(0, len(records), BATCH_ROWS):
            yield columns.fit(_batch(records[start : start + BATCH_ROWS], read, file.uri))


def _lots(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    lot: list[Block] = []
    size = 0
    for block in blocks:
        lot.append(block)
        size += len(block.data)
        if size >= _LOT_BYTES:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot


#: What the library raises for bytes that do not hold what the schema says.
_DAMAGE: Final = (
    EOFError, ValueError, LookupError, TypeError, ArithmeticError, struct.error, RecursionError,
    MemoryError,
)  # fmt: skip


def _records(
    lot: list[Block], written: AvroColumns, wanted: AvroColumns | None, uri: str
) -> list[dict[str, Any]]:
    """Decode blocks with the library, as a container of its own that is not packed."""
    fastavro = avro_library()
    reader_schema = None if wanted is None else wanted.parsed
    content = io.BytesIO()
    writer = fastavro.write.Writer(content, written.parsed, codec="null", sync_marker=bytes(16))
    writer.flush()
    for block in lot:
        content.write(
            encode_long(block.records) + encode_long(len(block.data)) + block.data + bytes(16)
        )
    content.seek(0)
    try:
        return list(fastavro.reader(content, reader_schema, return_named_type=True))
    except _DAMAGE as error:
        raise damaged(uri, _NAME) from error
    except fastavro.read.SchemaResolutionError as error:
        raise BadFileError(
            "the file cannot be read with avro_schema: its own schema does not resolve to it",
            where=uri,
            fix="give avro_schema a default for the field that is missing, or an alias",
        ) from error


def _batch(records: list[dict[str, Any]], schema: AvroColumns, uri: str) -> Column:
    pa = pyarrow()
    try:
        arrays = []
        for name, kind in zip(schema.arrow.names, schema.arrow.types, strict=True):
            convert = schema.converts[name]
            values = [each[name] for each in records]
            arrays.append(pa.array(values if convert is None else map(convert, values), kind))
        return pa.record_batch(arrays, schema=schema.arrow)
    except (*_DAMAGE, pa.ArrowException) as error:
        raise damaged(uri, _NAME) from error
