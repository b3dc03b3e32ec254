"""Whatever comes over the control socket, in whatever pieces: the process answers the next one, and goes on."""

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.policy_rig import CommandPeer
from interfaces.request_socket import RequestClient
from interfaces.robot_config import RobotConfig
from runtime.policy_process import PolicyProcess

KEYS = ["follow", "status", "snapshot", "picture", "foresight", "error"]
NAMES = ["push", "rest", "front", "back", "a.npz", "..", "/etc/passwd", "a\0.npz", "\ud800.npz", "x" * 300 + ".npz"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from(NAMES) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
REQUESTS = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), VALUES, max_size=3)


def deep(depth: int) -> bytes:
    return b'{"follow":' + b"[" * depth + b"]" * depth + b"}"


# What a client does in one go: bytes of a message, None for leaving without waiting for the answer.
WORDS = st.one_of(
    REQUESTS.map(lambda request: json.dumps(request).encode()),
    REQUESTS.map(lambda request: json.dumps(request).encode()[:-3]),
    st.binary(max_size=200),
    st.integers(1, 2000).map(deep),
    st.integers(4090, 100_000).map(lambda size: b"x" * size),
    st.none(),
)


@pytest.fixture
def process(peer: CommandPeer, start_policy: Callable[..., PolicyProcess]) -> PolicyProcess:
    """A policy process that follows an instruction."""
    process = start_policy()
    process.follow("push")
    peer.wait_for_chunks(3)
    return process


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=1, max_size=4))
def test_any_conversation_is_survived(
    process: PolicyProcess, run_folder: Path, robot: RobotConfig, conversations: list[list[bytes | None]]
) -> None:
    path = str(run_folder / robot.runtime.control_socket)
    with contextlib.ExitStack() as stack:
        for words in conversations:
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            client.settimeout(30)
            client.connect(path)
            for word in words:
                if word is None or not talk(client, word):
                    break
    with RequestClient(Path(path), timeout_s=30) as control:
        assert control.request({"follow": "push"})["instruction"] == "push"
        assert control.request({"picture": True})["camera"] == "front"
    assert process.failure is None
    assert sorted(file.suffix for file in run_folder.iterdir() if file.name.endswith(".partial")) == []


def talk(client: socket.socket, word: bytes) -> bool:
    """Send a message; return whether the other end still listens. An answer, if it comes, is JSON."""
    try:
        client.send(word)
        if not word:
            return False  # an empty message is the end to whoever receives it
        data = client.recv(65536)
    except OSError:
        return False
    return bool(data) and isinstance(json.loads(data), dict)


def test_a_client_that_passes_descriptors_fills_no_table(
    process: PolicyProcess, run_folder: Path, robot: RobotConfig
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(30)
        client.connect(str(run_folder / robot.runtime.control_socket))
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the count of open files
        for _ in range(50):
            socket.send_fds(client, [b'{"status": true}'], [0])
            assert json.loads(client.recv(65536))["instruction"] == "push"
        assert len(os.listdir("/proc/self/fd")) <= before + 5  # noqa: PTH208
    assert process.failure is None
