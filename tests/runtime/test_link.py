"""The link over real sockets: the newest wins, the end is noticed, garbage hurts nobody."""

from __future__ import annotations

import gc
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from interfaces.errors import RefusedError
from interfaces.messages import ActionChunk, CommandState, JointState
from interfaces.wire import CHUNK_LAYOUT, CommandStatus, encode_chunk
from runtime.link import CommandListener, PolicyLink

SOON_S = 5.0  # generous: what is waited for is there at once


def chunk(sequence: int) -> ActionChunk:
    return ActionChunk(
        sequence=sequence,
        t_capture_ns=1,
        t_state_ns=sequence,
        t_first_ns=3,
        step_ns=50_000_000,
        foresight_age_ns=5,
        position_rad=np.full((16, 6), 0.1 * sequence),
    )


def status(sequence: int) -> CommandStatus:
    value = np.arange(6.0)
    joints = JointState(
        t_measured_ns=sequence,
        position_rad=value,
        velocity_rad_s=value,
        effort_ratio=value,
        voltage_v=value,
        temperature_degc=value,
    )
    return CommandStatus(sequence=sequence, state=CommandState.READY, joints=joints, commanded_rad=value)


@pytest.fixture
def path() -> Iterator[Path]:
    """Return where to meet; pytest's own folders can be longer than a socket's path may be."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        yield Path(folder) / "command.sock"


@pytest.fixture
def listener(path: Path) -> Iterator[CommandListener]:
    """Return the command process's end."""
    made = CommandListener(path)
    yield made
    made.close()


@pytest.fixture
def caller(path: Path, listener: CommandListener) -> Iterator[socket.socket]:
    """Return a connection that can say anything."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as made:
        made.connect(str(path))
        listener.receive()
        assert listener.connected
        yield made


def test_of_many_chunks_the_newest_is_received_once(path: Path, listener: CommandListener) -> None:
    policy = PolicyLink(path)
    for sequence in range(1, 6):
        assert policy.send_chunk(chunk(sequence))
    received = listener.receive().chunk
    assert received is not None
    assert received.sequence == 5
    np.testing.assert_allclose(received.position_rad, 0.5)
    assert listener.receive().chunk is None


def test_of_many_statuses_the_newest_is_received_once(path: Path, listener: CommandListener) -> None:
    policy = PolicyLink(path)
    listener.receive()
    for sequence in range(1, 6):
        assert listener.send_status(status(sequence))
    newest = policy.wait_status(SOON_S)
    assert newest is not None
    assert newest.sequence == 5
    assert policy.wait_status(0.0) is None


def test_a_waiting_policy_is_woken_by_a_status(path: Path, listener: CommandListener) -> None:
    policy = PolicyLink(path)
    listener.receive()
    sender = threading.Timer(0.05, listener.send_status, (status(7),))
    sender.start()
    got = policy.wait_status(SOON_S)
    sender.join()
    assert got is not None
    assert got.sequence == 7


def test_the_end_of_the_policy_is_noticed_even_after_a_last_chunk(path: Path, listener: CommandListener) -> None:
    policy = PolicyLink(path)
    listener.receive()
    policy.send_chunk(chunk(1))
    policy.close()
    received = listener.receive()
    assert received.gone
    assert received.chunk is None
    assert not listener.receive().gone
    assert not listener.connected
    assert not listener.send_status(status(1))


def test_a_newer_policy_replaces_the_older(path: Path, listener: CommandListener) -> None:
    older, newer = PolicyLink(path), None
    listener.receive()
    newer = PolicyLink(path)
    newer.send_chunk(chunk(1))
    received = listener.receive()
    assert received.gone  # the older one, with its chunk
    assert received.chunk is not None
    assert older.wait_status(SOON_S) is None
    assert not older.connected


def test_the_policy_comes_back_when_the_command_process_does(path: Path) -> None:
    policy = PolicyLink(path)
    assert not policy.connected
    assert not policy.send_chunk(chunk(1))
    assert policy.wait_status(0.0) is None
    for _ in range(2):
        listener = CommandListener(path)
        assert policy.send_chunk(chunk(1))
        assert policy.connected
        assert listener.receive().chunk is not None
        listener.close()
        assert policy.wait_status(SOON_S) is None
        assert not policy.connected


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (b"x", "a message of 1 bytes"),
        (b"x" * CHUNK_LAYOUT.itemsize, "a message that starts with"),
        (b"x" * (CHUNK_LAYOUT.itemsize + 1), "bytes; kind 1 has"),
        (b"x" * 100_000, "bytes; kind 1 has"),
        (encode_chunk(chunk(1))[:4] + b"\xff\xff" + encode_chunk(chunk(1))[6:], "of version 65535"),
    ],
)
def test_garbage_is_rejected_and_the_next_chunk_received(
    listener: CommandListener, caller: socket.socket, garbage: bytes, why: str
) -> None:
    caller.send(garbage)
    received = listener.receive()
    assert received.chunk is None
    assert not received.gone
    assert received.rejected is not None
    assert why in received.rejected
    caller.send(encode_chunk(chunk(3)))
    assert (got := listener.receive().chunk) is not None
    assert got.sequence == 3


def test_garbage_behind_a_chunk_does_not_hide_it(listener: CommandListener, caller: socket.socket) -> None:
    caller.send(encode_chunk(chunk(4)))
    caller.send(b"x")
    received = listener.receive()
    assert received.chunk is not None
    assert received.chunk.sequence == 4
    assert received.rejected is not None


def test_nobody_waits_for_a_policy_that_does_not_read(path: Path, listener: CommandListener) -> None:
    policy = PolicyLink(path)
    listener.receive()
    told = [listener.send_status(status(sequence)) for sequence in range(5_000)]
    assert told[0]
    assert not told[-1]  # dropped, not waited for
    newest = policy.wait_status(SOON_S)
    assert newest is not None
    assert newest.sequence > 0


def test_nobody_waits_for_a_command_process_that_does_not_read(path: Path, listener: CommandListener) -> None:
    policy = PolicyLink(path)
    sent = [policy.send_chunk(chunk(sequence)) for sequence in range(1, 1000)]
    assert sent[0]
    assert not sent[-1]
    assert policy.connected
    assert listener.receive().chunk is not None


def test_looking_for_news_leaves_no_garbage_behind(path: Path, listener: CommandListener) -> None:
    policy = PolicyLink(path)
    gc.collect()
    gc.disable()  # as in the command process
    try:
        for sequence in range(1, 50):
            policy.send_chunk(chunk(sequence))
            listener.receive()
            listener.receive()
            listener.send_status(status(sequence))
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_socket_left_over_by_the_dead_is_replaced(path: Path) -> None:
    left_over = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left_over.bind(str(path))
    left_over.close()
    CommandListener(path).close()
    assert not path.exists()


def test_the_place_of_the_living_is_not_taken(path: Path, listener: CommandListener) -> None:
    policy = PolicyLink(path)
    listener.receive()
    with pytest.raises(RefusedError, match="another command process"):
        CommandListener(path)
    assert policy.connected
    assert not listener.receive().gone


def test_a_file_in_the_way_is_not_removed(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(RefusedError, match="Address already in use"):
        CommandListener(path)
    assert path.read_text() == "precious"


def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot listen at"):
        CommandListener(tmp_path / ("x" * 200))


def test_a_socket_made_by_systemd_is_taken_over(path: Path) -> None:
    made_by_systemd = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made_by_systemd.bind(str(path))
    made_by_systemd.listen(4)
    listener = CommandListener(path, made_by_systemd)
    policy = PolicyLink(path)
    policy.send_chunk(chunk(2))
    assert listener.receive().chunk is not None
    listener.close()
    assert path.exists()  # systemd's, who goes on listening


def listening_at(path: Path) -> socket.socket:
    made_by_systemd = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made_by_systemd.bind(str(path))
    made_by_systemd.listen(4)
    return made_by_systemd


def test_beside_the_service_no_other_starts_and_the_other_way_round(path: Path) -> None:
    made_by_systemd = listening_at(path)
    with closing(CommandListener(path, made_by_systemd.dup())), pytest.raises(RefusedError, match="another command"):
        CommandListener(path)
    with pytest.raises(RefusedError, match=r"systemd does \(systemctl stop forerun-command\.socket\)"):
        CommandListener(path)  # the service is down, its socket still waits for it
    assert path.exists()
    made_by_systemd.close()
    with closing(CommandListener(path)):  # started by hand, before there was a unit
        path.unlink()
        with closing(listening_at(path)) as later, pytest.raises(RefusedError, match="another command process"):
            CommandListener(path, later)


def test_a_socket_elsewhere_than_the_robot_file_says_is_refused(path: Path) -> None:
    with (
        closing(listening_at(path)) as elsewhere,
        pytest.raises(RefusedError, match=r"the robot file says .*other\.sock"),
    ):
        CommandListener(path.with_name("other.sock"), elsewhere)


def test_nobody_but_its_own_user_may_reach_it(tmp_path: Path) -> None:
    path = tmp_path / "command.sock"
    listener = CommandListener(path)
    try:
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    finally:
        listener.close()
    assert modes == {"command.sock": 0o600, ".command.sock.lock": 0o600}
