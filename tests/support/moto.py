"""What tests are told of the S3 server that the fixture ``moto_server`` starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MotoServer:
    """A running S3 server with one empty bucket.

    ``options`` are storage options; tests share the bucket and keep to prefixes of their own.
    """

    endpoint: str
    bucket: str
    options: dict[str, str]
