"""An S3 bucket that answers nothing but listings, from pages made before the first request.

Usage: listing_server.py KNOWN NEW; prints its port. KNOWN keys in order, and NEW ones spread among
them. Without latency: what is measured is what a client makes of its answers.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1_000
HEAD = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>'

known, new = map(int, sys.argv[1:])
every = known // new if new else known + 1
keys = []
for number in range(known):
    keys.append(f"landing/readings-{number:09}.json")
    if number % every == 0 and new:
        keys.append(f"landing/readings-{number:09}-late.json")


def page(start: int) -> bytes:
    """Render the keys from ``start`` on."""
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{start + place:032x}&quot;</ETag><Size>28000</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for place, key in enumerate(keys[start : start + PAGE])
    )
    end = start + PAGE
    more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < len(keys) else ""
    truncated = str(bool(more)).lower()
    return (
        f"{HEAD}<IsTruncated>{truncated}</IsTruncated>{more}{entries}</ListBucketResult>".encode()
    )


pages = {start: page(start) for start in range(0, len(keys), PAGE)}
count = len(keys)
keys.clear()


class Bucket(BaseHTTPRequestHandler):
    """Gives page after page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a listing; whatever else is asked is not there."""
        query = parse_qs(urlsplit(self.path).query)
        body = pages[int(query.get("continuation-token", ["0"])[0])]
        listing = "list-type" in query
        self.send_response(200 if listing else 404)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body) if listing else 0))
        self.end_headers()
        if listing:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be silent."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
print(server.server_port, flush=True)
server.serve_forever()
