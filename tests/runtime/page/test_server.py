"""Whatever is sent to the page, it answers or hangs up, goes on serving, and listens to nobody but this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.errors import RefusedError
from runtime.page import server as page_server
from runtime.page.server import CONNECTIONS_MAX, REQUEST_MAX_BYTES, PageServer, Reply, plain

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def answer(path: str, query: Mapping[str, str]) -> Reply:
    return plain(HTTPStatus.OK, f"{path} {sorted(query.items())}")


@pytest.fixture(scope="module")
def page() -> Iterator[PageServer]:
    """Return a page that echoes what it was asked."""
    with PageServer(0, answer) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def sent(page: PageServer, data: bytes, *, shut: bool = False) -> bytes:
    """Return what comes back until it hangs up."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", page.port), timeout=20)) as connection:
        told = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if shut:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                told += part
        return told


def status_of(told: bytes) -> int:
    return int(told.split()[1])


def test_it_answers_and_hangs_up(page: PageServer) -> None:
    told = sent(
        page, b"GET /picture.jpg?camera=a%20b&x HTTP/1.1\r\nHost: 127.0.0.1:8642\r\nConnection: keep-alive\r\n\r\n"
    )
    head, _, body = told.partition(b"\r\n\r\n")
    assert status_of(told) == 200
    assert body == b"/picture.jpg [('camera', 'a b')]\n"
    for line in (
        b"X-Content-Type-Options: nosniff",
        b"X-Frame-Options: DENY",
        b"Cache-Control: no-store",
        b"Cross-Origin-Resource-Policy: same-origin",
    ):
        assert line in head
    assert b"Python" not in head


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8642", "127.0.0.1", "127.0.0.1:9", "[::1]:8642"])
def test_it_answers_to_its_own_names(page: PageServer, host: str) -> None:
    assert status_of(sent(page, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8642", "10.0.0.7", "", "localhost:123456"],
)
def test_a_page_of_another_site_learns_nothing(page: PageServer, host: str) -> None:
    told = sent(page, f"GET /status.json HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert status_of(told) == 403
    assert b"status.json" not in told


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "BREW"])
def test_nothing_can_be_changed(page: PageServer, method: str) -> None:
    told = sent(page, f"{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc".encode())
    assert status_of(told) == 405
    assert b"Allow: GET" in told


def test_it_listens_on_loopback_only(page: PageServer) -> None:
    assert page.server_address[0] == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", page.port), timeout=5)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 2 * REQUEST_MAX_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * REQUEST_MAX_BYTES + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"Y: " + b"z" * REQUEST_MAX_BYTES,
    ],
    ids=["a long path", "many headers", "a long header"],
)
def test_too_much_is_cut_off(page: PageServer, data: bytes) -> None:
    assert b" 200 " not in sent(page, data)
    assert status_of(sent(page, GET)) == 200


def test_one_who_dawdles_is_cut_off_and_takes_nobodys_place(page: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_server, "REQUEST_MAX_S", 0.5)
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(contextlib.closing(socket.create_connection(("127.0.0.1", page.port), timeout=20)))
            for _ in range(2 * CONNECTIONS_MAX)
        ]
        for connection in slow:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET / HT")
        for connection in slow:
            with contextlib.suppress(ConnectionError):
                assert b" 200 " not in connection.recv(100)
    assert status_of(sent(page, GET)) == 200


def test_a_port_that_is_taken_is_told(page: PageServer) -> None:
    with pytest.raises(RefusedError, match=f"127.0.0.1:{page.port}: cannot listen"):
        PageServer(page.port, answer)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(RefusedError, match=f"port {port}; expected 0"):
        PageServer(port, answer)


PIECES = st.sampled_from(
    [b"GET", b" ", b"/", b"HTTP/1.1", b"\r\n", b"Host: localhost", b"%", b"?", b"\0", b"\xff", b"//", b"[", b":"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=14).map(b"".join)))
def test_garbage_never_stops_it(page: PageServer, data: bytes) -> None:
    told = sent(page, data, shut=True)
    assert told == b"" or told.startswith(b"HTTP/1.0 ")
    assert status_of(sent(page, GET)) == 200


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_any_path_is_answered(page: PageServer, path: str) -> None:
    told = sent(page, f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert told.startswith(b"HTTP/1.0 "), told
