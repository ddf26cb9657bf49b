"""The limits that hold for untrusted input, in one table."""

from __future__ import annotations

from typing import Final

#: Nesting of one record, in objects and arrays. Deeper objects would make a Delta table that
#: nobody can open: its schema is JSON of three levels an object, and deltalake reads 128.
MAX_DEPTH: Final = 40
#: Columns of one schema, nested fields included.
MAX_COLUMNS: Final = 10_000
#: Bytes of one record (a line, a CSV row, one element of a JSON array).
MAX_RECORD_BYTES: Final = 64 * 2**20
#: Tags of one XML record; each takes some hundred bytes of memory.
MAX_XML_TAGS: Final = 1_000_000
#: Bytes of one file of a format that is read whole (multi-line JSON, binaryFile).
MAX_WHOLE_FILE_BYTES: Final = 2**30
#: Decompressed bytes per compressed byte, once a file has given more than the next limit.
MAX_COMPRESSION_RATIO: Final = 1_000
#: Decompressed bytes of one file below which the ratio is not looked at.
COMPRESSION_RATIO_FROM_BYTES: Final = 64 * 2**20
#: Entries of one archive, those that are no file of the stream among them.
MAX_ARCHIVE_MEMBERS: Final = 100_000
#: Bytes that the members of one archive unpack to.
MAX_ARCHIVE_BYTES: Final = 256 * 2**30
#: ``use_incremental_listing``: of so many listings the last is of the whole place. Auto Loader,
#: too, has seven incremental ones between.
FULL_LISTING_EVERY: Final = 8
#: Files and bytes that schema inference looks at.
SAMPLE_FILES: Final = 1_000
SAMPLE_BYTES: Final = 64 * 2**20
#: Bytes of quarantined records in one batch, a million short ones; more stops the query before
#: all goes there.
MAX_QUARANTINE_BYTES: Final = 256 * 2**20
#: UTF-8 bytes of a key that a notification names; no object store has longer ones.
MAX_KEY_BYTES: Final = 1024
