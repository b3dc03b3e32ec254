"""Requests and replies: any bytes get an answer or a closed connection, never a crash."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.errors import RefusedError
from interfaces.request_socket import CLIENTS_MAX, REPLY_MAX_BYTES, JsonObject, RequestClient, RequestServer


def answer(request: JsonObject) -> JsonObject:
    if "no" in request:
        raise RefusedError("no means no")
    if "break" in request:
        raise ZeroDivisionError("oh")
    if "much" in request:
        return {"much": "x" * 2 * REPLY_MAX_BYTES}
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


def test_a_fault_of_the_program_costs_one_answer_and_no_more(path: Path) -> None:
    with RequestClient(path) as client:
        assert client.request({"break": 1}) == {"error": "a fault of the program: ZeroDivisionError('oh')"}
        assert "65536 are the limit" in client.request({"much": 1})["error"]
        assert client.request({"a": 1}) == {"echo": {"a": 1}}


@pytest.mark.parametrize("depth", [50, 200, 330, 500, 900, 1300, 2000, 4000])
@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}")])
def test_any_depth_is_answered(path: Path, depth: int, pair: tuple[str, str]) -> None:
    depth = min(depth, 4000 // (len(pair[0]) + len(pair[1])))
    request = f'{{"deep": {pair[0] * depth}1{pair[1] * depth}}}'
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(30)
        client.connect(str(path))
        for data in (request, request[: len(request) // 2]):
            client.send(data.encode())
            assert client.recv(65536)
    with RequestClient(path) as other:
        assert other.request({}) == {"echo": {}}


def test_more_clients_than_there_may_be_cost_the_longest_silent_ones_their_connection(path: Path) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(RequestClient(path))
        for _ in range(3 * CLIENTS_MAX):
            client = stack.enter_context(RequestClient(path))
            assert first.request({"a": 1}) == {"echo": {"a": 1}}
            assert client.request({"b": 1}) == {"echo": {"b": 1}}


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
