"""Reading an Arrow C stream without holding the GIL.

Iterating an arro3 reader from Python keeps the GIL while Rust parses, so two threads run no
faster than one. Calling the stream's ``get_next`` through ctypes lets go of it: two threads
parse twice as fast, and pyarrow (0.3 CPU s to import) is not needed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Final, Protocol

from arro3.core import RecordBatch, Schema

from lakestream.plan.arrow_types import CSchema, capsule_pointer


class ArrowStream(Protocol):
    """Anything with the Arrow PyCapsule stream method: arro3, pyarrow, polars, duckdb."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give a capsule named ``arrow_array_stream``."""
        ...


class ArrowStreamError(Exception):
    """The stream's producer reported an error; its own text is the message."""


class _CArray(ctypes.Structure):
    """``struct ArrowArray`` of the Arrow C data interface."""

    _fields_ = (
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


class _CStream(ctypes.Structure):
    """``struct ArrowArrayStream``."""

    _fields_ = (
        ("get_schema", ctypes.c_void_p),
        ("get_next", ctypes.c_void_p),
        ("get_last_error", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


#: ``int (*)(stream, out)``: both getters. ctypes lets go of the GIL around a CFUNCTYPE call.
_GETTER: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_LAST_ERROR: Final = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)
_RELEASE: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_capsule_new = ctypes.pythonapi.PyCapsule_New
_capsule_new.restype = ctypes.py_object
_capsule_new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


def record_batches(source: ArrowStream) -> Iterator[RecordBatch]:
    """Iterate a stream's record batches; other Python threads run while one is computed.

    Args:
        source: Consumed by this call, as the Arrow PyCapsule interface says.

    Raises:
        ArrowStreamError: The producer failed. Batches given before stay valid.

    Cost: no copy; memory is what the producer holds. A batch's buffers are freed with it.
    """
    # The capsule owns the stream and releases it when it goes, also if iteration stops early.
    capsule = source.__arrow_c_stream__()
    address = capsule_pointer(capsule, b"arrow_array_stream")
    stream = _CStream.from_address(address)
    schema_capsule = _schema(stream, address).__arrow_c_schema__()
    get_next = _GETTER(stream.get_next)
    while True:
        array = _CArray()
        _check(get_next(address, ctypes.addressof(array)), stream, address)
        if not array.release:
            # Read the capsule once more, so that no frame optimisation lets it go before here.
            del capsule
            return
        yield _import_batch(array, schema_capsule)


def _schema(stream: _CStream, address: int) -> Schema:
    found = CSchema()
    _check(_GETTER(stream.get_schema)(address, ctypes.addressof(found)), stream, address)
    try:
        return Schema.from_arrow_pycapsule(
            _capsule_new(ctypes.addressof(found), b"arrow_schema", None)
        )
    finally:
        _release(found)


def _import_batch(array: _CArray, schema_capsule: object) -> RecordBatch:
    """Move one C array into a record batch."""
    try:
        # The capsule has no destructor: it only lends the struct. The import moves the contents
        # out (its release becomes null); if it fails before that, they are released here.
        capsule = _capsule_new(ctypes.addressof(array), b"arrow_array", None)
        return RecordBatch.from_arrow_pycapsule(schema_capsule, capsule)
    finally:
        _release(array)


def _release(struct: _CArray | CSchema) -> None:
    if struct.release:
        _RELEASE(struct.release)(ctypes.addressof(struct))


def _check(code: int, stream: _CStream, address: int) -> None:
    if code:
        text = _LAST_ERROR(stream.get_last_error)(address)
        raise ArrowStreamError(text.decode(errors="replace") if text else f"errno {code}")
