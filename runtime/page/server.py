"""A web server for a few people on this very machine: loopback only, GET only, one request a connection, everything bounded.

Pages of other sites reach loopback, too, through the browser of whoever sits here: the Host header tells them (DNS rebinding), and
what they could embed is marked as not for them.
"""

# pyright: reportImplicitOverride=false

from __future__ import annotations

import io
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from interfaces.errors import RefusedError

HOST = "127.0.0.1"
REQUEST_MAX_BYTES = 8192  # line and headers together; browsers send less than one
REQUEST_MAX_S = 5.0  # for all of it, and for taking the reply
CONNECTIONS_MAX = 16
_HOSTS = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: HTTPStatus
    kind: str  # media type
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Answer = Callable[[str, Mapping[str, str]], Reply]  # path and query in, reply out


def plain(status: HTTPStatus, text: str) -> Reply:
    """Return a reply of one line."""
    return Reply(status, "text/plain; charset=utf-8", f"{text}\n".encode())


class PageServer(ThreadingHTTPServer):
    """Serves in threads of its own, a few at a time; a context manager that is closed when it is left."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = CONNECTIONS_MAX

    def __init__(self, port: int, answer: Answer) -> None:
        """Listen at `port`, 0 takes any; raises RefusedError where that cannot be."""
        if port not in range(1 << 16):
            raise RefusedError(f"port {port}; expected 0 (any) to 65535")
        self.answer = answer
        self._free = threading.BoundedSemaphore(CONNECTIONS_MAX)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise RefusedError(f"{HOST}:{port}: cannot listen: {error.strerror or error}") from error

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.server_address[1])

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Answer in a thread; one connection too many is closed unheard."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who asks badly or leaves early is not worth a line, and could write as many as they like."""


class _Handler(BaseHTTPRequestHandler):
    """One request, as bounded as it can be."""

    server_version, sys_version = "forerun", ""

    def setup(self) -> None:
        """Read through bounds of bytes and time."""
        super().setup()
        self.connection.settimeout(REQUEST_MAX_S)
        self.rfile = io.BufferedReader(_Bounded(self.connection))

    def do_GET(self) -> None:
        """Answer what may be asked, by whoever may ask it."""
        if _HOSTS.fullmatch(self.headers.get("Host", "")) is None:
            self._send(plain(HTTPStatus.FORBIDDEN, "this page is asked for as localhost or 127.0.0.1"))
            return
        asked = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(asked.query, max_num_fields=8).items()}
        server = self.server
        assert isinstance(server, PageServer)
        self._send(server.answer(asked.path, query))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request of ours, shortly and without repeating it."""
        del message, explain
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(plain(status, status.phrase))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's
        """Keep no log of requests."""

    def _send(self, reply: Reply) -> None:
        self.close_connection = True
        self.request_version = "HTTP/1.0"  # one that was asked in the way of 1991 gets its headers, too
        self.send_response(reply.status)
        allowed = {"Allow": "GET"} if reply.status is HTTPStatus.METHOD_NOT_ALLOWED else {}
        length = {"Content-Type": reply.kind, "Content-Length": str(len(reply.body))}
        for name, value in {**length, **_HEADERS, **allowed, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)


class _Bounded(io.RawIOBase):
    """A socket to read from: so many bytes, and for so long, in all."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left_bytes = REQUEST_MAX_BYTES
        self._t_end_ns = time.monotonic_ns() + round(REQUEST_MAX_S * 1e9)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        left_s = (self._t_end_ns - time.monotonic_ns()) * 1e-9
        size = min(len(buffer), self._left_bytes)
        if left_s <= 0 or size == 0:
            raise ConnectionAbortedError("too slow, or too much")  # an end of file would pass for the end of a request
        self._connection.settimeout(left_s)
        count = self._connection.recv_into(buffer, size)
        self._left_bytes -= count
        return count
