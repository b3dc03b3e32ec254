"""Requests and replies: any bytes get an answer or a closed connection, never a crash."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.errors import RefusedError
from interfaces.request_socket import JsonObject, RequestClient, RequestServer


def answer(request: JsonObject) -> JsonObject:
    if "no" in request:
        raise RefusedError("no means no")
    return {"echo": request}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    server = RequestServer(tmp_path / "s", answer)
    server.start()
    yield tmp_path / "s"
    server.close()


def test_a_request_is_answered(path: Path) -> None:
    with RequestClient(path) as one, RequestClient(path) as two:
        assert one.request({"a": 1}) == {"echo": {"a": 1}}
        assert two.request({"b": [2]}) == {"echo": {"b": [2]}}
        assert one.request({"no": True}) == {"error": "no means no"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=5000))
def test_any_bytes_are_survived(path: Path, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.send(data)
        client.recv(65536)
    with RequestClient(path) as other:
        assert other.request({}) == {"echo": {}}


def ask_for_ever(client: socket.socket) -> None:
    """Ask, and read no answer."""
    while True:
        client.send(b"{}")


def test_a_client_that_never_reads_is_dropped_and_the_others_served(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
        deaf.connect(str(path))
        deaf.settimeout(30.0)
        with pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
            ask_for_ever(deaf)
    with RequestClient(path) as client:
        assert client.request({"a": 1}) == {"echo": {"a": 1}}


def test_nonsense_is_answered_and_the_connection_goes_on(path: Path) -> None:
    with RequestClient(path) as client:
        assert "more than" in client.request({"a": "x" * 5000})["error"]
        assert client.request({"a": 1}) == {"echo": {"a": 1}}


def test_the_end_of_the_process_is_said(tmp_path: Path) -> None:
    server = RequestServer(tmp_path / "s", answer)
    server.start()
    with RequestClient(tmp_path / "s") as client:
        client.request({})
        server.close()
        with pytest.raises(RefusedError, match=r"closed the connection|no answer"):
            client.request({})


def test_nobody_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="nobody answers there"):
        RequestClient(tmp_path / "none")


def test_a_second_server_is_refused_and_a_dead_socket_replaced(path: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="another process listens"):
        RequestServer(path, answer)
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stale.bind(str(tmp_path / "stale"))
    stale.close()
    server = RequestServer(tmp_path / "stale", answer)
    server.close()
    assert not (tmp_path / "stale").exists()
