"""The fault proxy does to HTTP what its plan says, and nothing else: seen by a bare client."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lakestream.testing import HttpFaultPlan, HttpFaultProxy
from lakestream.testing.fault_script import ALWAYS
from lakestream.testing.http_faults import (
    HttpFault,
    answers,
    cuts_body,
    hangs,
    loses_reply,
    misstates_length,
    resets,
    trickles,
    waits,
)

BODY = b"0123456789"


@dataclass
class Server:
    """A real HTTP server that answers with ``BODY`` and remembers what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._serve
            raise AttributeError(name)

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            found.asked.append(f"{self.command} {self.path}")
            found.bodies.append(self.rfile.read(length))
            self.send_response(200, "Fine")
            self.send_header("X-Seen", self.headers.get("Host") or "")
            if self.path == "/chunked":
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"4\r\n0123\r\n6;x=y\r\n456789\r\n0\r\nTrailer: 1\r\n\r\n")
                return
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(BODY)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as inherited
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Server(f"http://127.0.0.1:{listening.server_port}")
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield found
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def proxy(server: Server) -> Iterator[HttpFaultProxy]:
    with HttpFaultProxy(server.url) as running:
        yield running


def ask(
    proxy: HttpFaultProxy,
    method: str = "GET",
    target: str = "/a",
    body: bytes | None = None,
    *,
    timeout: float = 30,
) -> tuple[int, bytes, http.client.HTTPMessage]:
    client = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=timeout)
    try:
        client.request(method, target, body=body)
        reply = client.getresponse()
        return reply.status, reply.read(), reply.headers
    finally:
        client.close()


def under(proxy: HttpFaultProxy, fault: HttpFault) -> None:
    proxy.plan = HttpFaultPlan().on("*", "*", fault)


def test_request_when_no_rule_names_it_then_it_and_its_reply_go_through(
    proxy: HttpFaultProxy, server: Server
) -> None:
    status, body, headers = ask(proxy, "PUT", "/a%20b?c=d%2Fe", b"payload")

    assert (status, body) == (200, BODY)
    assert server.asked == ["PUT /a%20b?c=d%2Fe"]
    assert server.bodies == [b"payload"]
    assert f"http://{headers['X-Seen']}" == proxy.url
    assert proxy.plan.calls == ["PUT /a b?c=d/e"]
    assert not proxy.plan.injected


def test_reply_when_it_has_no_body_or_chunks_then_it_is_as_the_server_meant_it(
    proxy: HttpFaultProxy,
) -> None:
    status, body, headers = ask(proxy, "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "10")

    assert ask(proxy, "GET", "/chunked")[1] == BODY


def test_request_when_it_expects_to_be_told_to_continue_then_it_is(
    proxy: HttpFaultProxy, server: Server
) -> None:
    host, port = proxy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as client:
        client.sendall(b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.recv(1_000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"abc")
        assert client.recv(1_000).startswith(b"HTTP/1.1 200 ")
    assert server.bodies == [b"abc"]


def test_fault_when_its_number_comes_then_it_befalls_that_request_alone(
    proxy: HttpFaultProxy, server: Server
) -> None:
    proxy.plan = HttpFaultPlan().on("GET", "/a*", answers(503, "SlowDown"), first=2)

    assert [ask(proxy, "GET", "/ab")[0] for _ in range(3)] == [200, 503, 200]
    assert ask(proxy, "GET", "/b")[0] == 200
    assert len(server.asked) == 3
    assert proxy.plan.reached
    assert proxy.plan.injected == {"GET: answers 503": 1}


def test_fault_when_it_lasts_then_it_befalls_every_request_from_its_first(
    proxy: HttpFaultProxy,
) -> None:
    proxy.plan = HttpFaultPlan().on("*", "*", answers(403, "ExpiredToken"), first=2, times=ALWAYS)

    assert [ask(proxy)[0] for _ in range(4)] == [200, 403, 403, 403]


def test_answer_when_it_throttles_then_it_has_status_code_and_time(
    proxy: HttpFaultProxy, server: Server
) -> None:
    under(proxy, answers(429, "SlowDown", retry_after_s=7))

    status, body, headers = ask(proxy)

    assert (status, headers["Retry-After"]) == (429, "7")
    assert b"<Code>SlowDown</Code>" in body
    assert server.asked == []


@pytest.mark.parametrize("fault", [resets(), loses_reply()], ids=["before", "after"])
def test_connection_when_it_is_reset_then_the_server_acted_or_not(
    proxy: HttpFaultProxy, server: Server, fault: HttpFault
) -> None:
    under(proxy, fault)

    with pytest.raises(ConnectionError):
        ask(proxy, "PUT", body=b"x")

    assert len(server.asked) == (fault.name == "loses its reply")


@pytest.mark.parametrize("acts", [False, True])
def test_error_when_the_server_acted_before_then_its_reply_is_replaced(
    proxy: HttpFaultProxy, server: Server, *, acts: bool
) -> None:
    under(proxy, answers(500, "InternalError", acts=acts))

    assert ask(proxy)[0] == 500
    assert len(server.asked) == acts


@pytest.mark.parametrize("acts", [False, True])
def test_request_when_it_hangs_then_the_client_times_out(
    proxy: HttpFaultProxy, server: Server, *, acts: bool
) -> None:
    under(proxy, hangs(acts=acts))

    with pytest.raises(TimeoutError):
        ask(proxy, timeout=0.3)

    assert len(server.asked) == acts
    assert ask(proxy)[0] == 200


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (cuts_body(4), http.client.IncompleteRead),
        (cuts_body(4, resets=True), (http.client.IncompleteRead, ConnectionError)),
        (misstates_length(3), http.client.IncompleteRead),
    ],
)
def test_body_when_it_breaks_off_then_the_client_can_tell(
    proxy: HttpFaultProxy, fault: HttpFault, error: Any
) -> None:
    under(proxy, fault)

    with pytest.raises(error):
        ask(proxy)


def test_body_when_its_length_is_understated_then_no_client_can_tell(
    proxy: HttpFaultProxy,
) -> None:
    under(proxy, misstates_length(-3))

    assert ask(proxy)[1] == BODY[:-3]


@pytest.mark.parametrize("fault", [waits(0.01), trickles(3, 0.001)], ids=["waits", "trickles"])
def test_reply_when_it_is_slow_then_it_is_whole(proxy: HttpFaultProxy, fault: HttpFault) -> None:
    under(proxy, fault)

    assert ask(proxy)[:2] == (200, BODY)
    assert sum(proxy.plan.injected.values()) == 1


def test_plan_when_its_seed_is_equal_then_so_are_its_faults() -> None:
    def story(seed: int) -> list[str]:
        plan = HttpFaultPlan.seeded(seed, probability=0.5)
        asked = ["GET", "PUT", "POST", "HEAD", "DELETE"] * 40
        faults = [plan.fault_for(method, "/a") for method in asked]
        return [each.name if each else "" for each in faults]

    assert story(1) == story(1)
    assert story(1) != story(2)
    assert {"", "resets", "loses its reply", "answers 503"} <= set(story(1))


def test_proxy_when_a_request_hangs_at_its_end_then_it_ends_all_the_same(server: Server) -> None:
    with HttpFaultProxy(server.url, HttpFaultPlan().on("*", "*", hangs())) as proxy:
        host, port = proxy.url.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)), 30)
        client.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        while not proxy.plan.calls:
            threading.Event().wait(0.01)
    assert client.recv(10) == b""
    client.close()


def test_proxy_when_the_server_is_gone_then_the_client_sees_a_closed_connection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    with (
        HttpFaultProxy(nobody) as proxy,
        pytest.raises((ConnectionError, http.client.HTTPException)),
    ):
        ask(proxy)


def test_proxy_when_the_server_speaks_tls_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="plain HTTP"):
        HttpFaultProxy("https://s3.amazonaws.com")
