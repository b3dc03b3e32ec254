"""Asked of processes that are there, hang, talk nonsense or are not there, always with a status as the answer; and watched."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.command_rig import EmulatedServos, RunningCommand
from bench.run_rig import wait_until
from bench.status_rig import POLICY_REPLY, ROBOT_FILE, status, units
from interfaces.errors import RefusedError
from interfaces.messages import CommandState
from interfaces.request_socket import JsonObject, RequestServer
from runtime.status.changes import Watched
from runtime.status.gather import Gathering, RobotPlace
from runtime.status.poller import Poller
from runtime.status.verdict import Wellbeing, judge


@pytest.fixture
def place(folder: Path) -> RobotPlace:
    """Return the simulated robot, as if it ran there."""
    return RobotPlace(ROBOT_FILE, folder, folder / "flight")


@pytest.fixture
def policy(folder: Path) -> Iterator[list[JsonObject]]:
    """Return the requests that something in place of a policy process is asked; it follows nothing, and has one picture."""
    asked: list[JsonObject] = []

    def answer(request: JsonObject) -> JsonObject:
        asked.append(request)
        if "status" not in request:
            raise RefusedError("no picture yet")
        return {**POLICY_REPLY, "instruction": None}

    server = RequestServer(folder / "control.sock", answer)
    server.start()
    with contextlib.closing(server):
        yield asked


def test_nobody_is_there(place: RobotPlace) -> None:
    with Gathering(place) as gathering:
        seen = gathering.gather(time.monotonic_ns())
    assert (seen.arm, seen.policy) == (None, None)
    assert "no command process at" in str(seen.arm_silence)
    assert "nobody answers there" in str(seen.policy_silence)
    assert seen.machine.record_free_mb is not None
    assert judge(seen).wellbeing is Wellbeing.NOT_RUNNING


def test_both_are_there_and_one_goes(folder: Path, place: RobotPlace, policy: list[JsonObject]) -> None:
    with EmulatedServos(folder), RunningCommand(folder) as command, Gathering(place, units) as gathering:
        command.wait_for(CommandState.READY)
        seen = gathering.gather(time.monotonic_ns())
        assert seen.arm is not None
        assert seen.policy is not None
        assert seen.arm.state == "READY"
        assert seen.arm.joints[0].name == "shoulder_pan"
        assert seen.units == units()
        assert judge(seen).line.startswith("READY as asked: it follows nothing")
        assert policy == [{"status": True}]
        with pytest.raises(RefusedError, match="no picture yet"):
            gathering.request_policy({"picture": "front"})
        command.stop()
        after = gathering.gather(time.monotonic_ns())
    assert after.arm is None
    assert after.policy is not None
    assert judge(after).banner == "NO ANSWER"


def test_one_that_hangs_is_not_waited_for_long(folder: Path, place: RobotPlace) -> None:
    with (
        contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as command,
        contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as policy,
    ):
        command.bind(str(folder / "operator.sock"))
        policy.bind(str(folder / "control.sock"))
        policy.listen(8)
        with Gathering(place) as gathering:
            seen = gathering.gather(time.monotonic_ns())
    assert "did not answer within 1 s" in str(seen.arm_silence)
    assert "no answer" in str(seen.policy_silence)
    assert judge(seen).wellbeing is Wellbeing.NOT_RUNNING


def test_another_program_at_the_socket_is_not_believed(folder: Path, place: RobotPlace) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as other:
        other.bind(str(folder / "control.sock"))
        other.listen(8)

        def babble() -> None:
            client, _ = other.accept()
            with contextlib.closing(client):
                client.recv(100)
                client.send(b"220 mail.example ESMTP")

        thread = threading.Thread(target=babble)
        thread.start()
        with Gathering(place) as gathering:
            seen = gathering.gather(time.monotonic_ns())
        thread.join()
    assert seen.policy is None
    assert "is none" in str(seen.policy_silence)


def test_a_poller_sees_what_happens(folder: Path, place: RobotPlace) -> None:
    looks: list[int] = []
    with Poller(place, lambda _gathering, t_now_ns: looks.append(t_now_ns)) as poller:
        wait_until(lambda: len(looks) > 2, lambda: "it does not look")
        assert poller.alive
        with EmulatedServos(folder), RunningCommand(folder) as command:
            command.wait_for(CommandState.READY)
            wait_until(lambda: _has(poller.seen, "the command process is there"), lambda: f"{poller.seen.events}")
        wait_until(lambda: _has(poller.seen, "does not answer any more"), lambda: f"{poller.seen.events}")
    assert not poller.alive
    assert looks == sorted(looks)


def test_what_was_seen_is_bounded() -> None:
    seen = Watched()
    for number in range(600):
        seen.add(status(policy=None) if number % 2 else status())
    assert len(seen.events) == 50
    assert {len(values) for values in seen.figures.values()} == {240}
    assert seen.figures["foresight_age_ms"][-2:] == (pytest.approx(68.4), None)


def _has(seen: Watched, words: str) -> bool:
    return any(words in event.line for event in seen.events)
