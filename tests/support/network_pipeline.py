"""A small pipeline whose files, checkpoint and table all lie behind an HTTP fault proxy."""

from __future__ import annotations

import json
import traceback
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import boto3

import lakestream as ls
from lakestream.errors import LakestreamError
from lakestream.streaming_table import StreamingTable
from lakestream.testing import HttpFaultPlan, HttpFaultProxy, check_exactly_once
from lakestream.testing.http_exchange import Exchange
from lakestream.testing.http_faults import HttpFault, cuts_body, loses_reply

#: In every credential that the pipeline under test has; no message may show it.
CANARY = "c4n4ry"
COLUMNS = ("id", "new")
#: Two batches of one file each; the second brings a column.
FILES = {"a.json": [{"id": 1}, {"id": 1}], "b.json": [{"id": 2, "new": 3}]}


def breaks_off() -> HttpFault:
    """The worst that can befall any request: half its data, or what it did without the reply."""
    reading, changing = cuts_body(30, resets=True), loses_reply()

    async def befall(exchange: Exchange) -> None:
        fault = reading if exchange.request.method == "GET" else changing
        await fault.befall(exchange)

    return HttpFault("breaks off", befall)


@dataclass
class NetworkPipeline:
    """A folder of landed files and the table that reads them, below a prefix of its own.

    Args:
        server: The real S3 server.
        bucket: Its bucket.
        options: Storage options on top of the proxy's own, such as ``timeout``.
    """

    server: str
    bucket: str
    options: dict[str, str] = field(default_factory=dict)
    prefix: str = field(default_factory=lambda: f"net-{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=self.server,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106 - moto takes any
        )
        for name, rows in FILES.items():
            self.land(name, *rows)

    def land(self, name: str, *rows: dict[str, Any]) -> None:
        """Put a file of JSON lines, not through the proxy."""
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        self._client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/landing/{name}", Body=body)

    def table(self, endpoint: str | None = None, **options: str) -> StreamingTable:
        """Declare the table as seen through an endpoint; by default the real server."""
        root = f"s3://{self.bucket}/{self.prefix}"
        storage = {
            "aws_endpoint": endpoint or self.server,
            "aws_region": "us-east-1",
            "aws_access_key_id": f"{CANARY}-id",
            "aws_secret_access_key": f"{CANARY}-secret",
            "aws_session_token": f"{CANARY}-token",
            "allow_http": "true",
            **self.options,
            **options,
        }

        @ls.streaming_table(f"{root}/table", name="bronze", storage_options=storage)
        def bronze() -> ls.Stream:
            return ls.read_files(
                f"{root}/landing", format="json", storage_options=storage, max_files_per_trigger=1
            )

        return bronze

    def run_under(self, plan: HttpFaultPlan, **options: str) -> LakestreamError | None:
        """Run through a proxy under a plan; give the coded error that stopped it.

        Any other exception, and a message that shows a credential, is a failure of the test.
        """
        found: LakestreamError | None = None
        with HttpFaultProxy(self.server, plan) as proxy:
            try:
                self.table(proxy.url, **options).run()
            except LakestreamError as error:
                found = error
        assert CANARY not in "".join(traceback.format_exception(found))
        return found

    def raw_rows(self) -> Counter[tuple[object, ...]]:
        """Give the multiset of rows that the landed objects hold, told without lakestream."""
        listed = self._client.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.prefix}/landing/")[
            "Contents"
        ]
        bodies = [
            self._client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()
            for each in listed
        ]
        records = [json.loads(line) for body in bodies for line in body.splitlines()]
        return Counter(tuple(record.get(name) for name in COLUMNS) for record in records)

    def rows(self) -> Counter[tuple[object, ...]]:
        """Give the multiset of the table's rows."""
        return Counter(
            tuple(row.get(name) for name in COLUMNS)
            for batch in self.table().read()
            for row in batch.to_pylist()
        )

    def commits(self) -> list[str]:
        """Give the names of the checkpoint's commit entries."""
        folder = f"{self.prefix}/table/_lakestream/commits/"
        listed = self._client.list_objects_v2(Bucket=self.bucket, Prefix=folder)
        return sorted(each["Key"].removeprefix(folder) for each in listed.get("Contents", ()))

    def assert_exactly_once(self) -> None:
        """Hold the table against the landed objects, and the batches against gaps."""
        check_exactly_once(
            (("", row) for row in self.raw_rows().elements()),
            (("", row) for row in self.rows().elements()),
        )
        assert self.commits() == [str(number) for number in range(len(FILES))]
