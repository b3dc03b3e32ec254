"""`forerun status`, `follow` and `top` as a person starts them, with a command process on emulated servos; start and stop without units."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.command_rig import RunningCommand
from bench.run_rig import StartedForerun
from bench.status_rig import POLICY_REPLY
from forerun.defaults import meant_robot, reachable
from interfaces.errors import RefusedError
from interfaces.installed import Installation
from interfaces.messages import CommandState
from interfaces.request_socket import JsonObject, RequestServer

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"


@pytest.fixture
def policy(folder: Path) -> Iterator[list[JsonObject]]:
    """Return what something in place of a policy process is asked; it follows nothing."""
    asked: list[JsonObject] = []

    def answer(request: JsonObject) -> JsonObject:
        asked.append(request)
        return {**POLICY_REPLY, "instruction": request.get("follow"), "command_state": "READY"}

    server = RequestServer(folder / "control.sock", answer)
    server.start()
    yield asked
    server.close()


def test_nothing_runs(folder: Path) -> None:
    with StartedForerun(folder, "status", str(ROBOT_FILE)) as asked:
        assert asked.wait() == 2, asked.said
        assert asked.said.startswith("NOT RUNNING")
        assert "start it: forerun run" in asked.said


@pytest.mark.usefixtures("policy")
def test_a_robot_is_well_then_stopped_then_cleared(folder: Path, command: RunningCommand) -> None:
    for order, status, says in (
        ("", 0, "READY as asked"),
        ("estop", 1, "ESTOP: the cat"),
        ("clear", 0, "READY as asked"),
    ):
        if order:
            with StartedForerun(folder, order, str(ROBOT_FILE), "--why", "the cat") as asked:
                assert asked.wait() == 0, asked.said
        with StartedForerun(folder, "status", str(ROBOT_FILE)) as asked:
            assert asked.wait() == status, asked.said
            assert asked.said.startswith(says)
            assert "wrist_roll" in asked.said
    assert command.process.poll() is None


@pytest.mark.usefixtures("command", "policy")
def test_programs_get_the_same_as_json(folder: Path) -> None:
    with StartedForerun(folder, "status", str(ROBOT_FILE), "--json") as asked:
        assert asked.wait() == 0, asked.said
        told = json.loads(asked.said)
    assert told["verdict"]["wellbeing"] == "well"
    assert told["arm"]["state"] == "READY"
    assert len(told["arm"]["joints"]) == 6
    assert told["policy"]["instructions"] == ["reach", "push", "rest"]


def test_a_policy_is_told_what_to_follow(folder: Path, policy: list[JsonObject]) -> None:
    for asked_for, sent in (("push", "push"), ("rest", "rest"), ("nothing", None)):
        with StartedForerun(folder, "follow", asked_for, str(ROBOT_FILE)) as asked:
            assert asked.wait() == 0, asked.said
            assert f"follows {asked_for}" in asked.said
        assert policy[-1] == {"follow": sent}


def test_nobody_there_to_follow(folder: Path) -> None:
    with StartedForerun(folder, "follow", "push", str(ROBOT_FILE)) as asked:
        assert asked.wait() == 1
        assert "not told" in asked.said


@pytest.mark.usefixtures("policy")
def test_top_shows_it_stops_it_and_puts_the_terminal_back(folder: Path, command: RunningCommand) -> None:
    with StartedForerun(folder, "top", str(ROBOT_FILE), keyboard=True) as top:
        top.wait_for("READY as asked")
        top.wait_for("shoulder_pan")
        top.press(b"x")  # means nothing
        top.press(b" ")
        top.wait_for("stopped; forerun clear")
        top.wait_for("READY -> ESTOP: the space bar of forerun top")
        assert command.wait_for(CommandState.ESTOP)
        top.press(b"q")
        assert top.wait() == 0, top.said
        assert top.said.endswith("\x1b[?25h\x1b[?1049l")


@pytest.mark.parametrize("size", [(24, 80), (5, 20)])
def test_ctrl_c_ends_top_and_puts_the_terminal_back(folder: Path, size: tuple[int, int]) -> None:
    near_fd, far_fd = os.openpty()  # a terminal to compare with: what ours was like before
    before = termios.tcgetattr(far_fd)
    os.close(near_fd)
    os.close(far_fd)
    with StartedForerun(folder, "top", str(ROBOT_FILE), keyboard=True) as top:
        fcntl.ioctl(top.fileno, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        top.wait_for("q end")
        top.wait_for("NOT RUNNING"[: size[1] - 2])
        top.press(b"\x03")
        assert top.wait() == 0, top.said
        assert top.said.endswith("\x1b[?25h\x1b[?1049l")
        assert termios.tcgetattr(top.fileno)[3] == before[3]


def test_space_where_nobody_can_be_stopped_says_so(folder: Path) -> None:
    with StartedForerun(folder, "top", str(ROBOT_FILE), keyboard=True) as top:
        top.wait_for("NOT RUNNING")
        top.press(b" ")
        top.wait_for("NOT STOPPED: no command process")
        top.press(b"q")
        assert top.wait() == 0


def test_top_needs_a_terminal(folder: Path) -> None:
    with StartedForerun(folder, "top", str(ROBOT_FILE)) as top:
        assert top.wait() == 2
        assert "forerun status says the same once" in top.said


def test_given_wins_then_the_installed_robot_then_an_error(tmp_path: Path) -> None:
    there = Installation(tmp_path)
    with pytest.raises(RefusedError, match="which robot"):
        meant_robot(None, None, there)
    assert meant_robot(ROBOT_FILE, None, there).folder == Path()
    there.settings.mkdir(parents=True)
    there.robot_file.write_text(ROBOT_FILE.read_text())
    installed = meant_robot(None, None, there)
    assert (installed.file, installed.folder, installed.installed) == (there.robot_file, there.run, True)
    assert meant_robot(there.robot_file, None, there).folder == there.run
    assert meant_robot(ROBOT_FILE, None, there).folder == Path()
    assert meant_robot(ROBOT_FILE, tmp_path, there).folder == tmp_path
    assert meant_robot(None, tmp_path, there).folder == tmp_path


def test_whoever_may_not_ask_is_told_which_group_to_join(tmp_path: Path) -> None:
    socket = tmp_path / "operator.sock"
    assert reachable(socket) == socket  # that nobody is there is said by whoever asks
    socket.touch()
    assert reachable(socket) == socket
    with pytest.raises(RefusedError, match=r"sudo usermod -aG forerun \w+, then log in again"):
        reachable(socket, lambda _path, _mode: False)


@pytest.mark.parametrize("order", ["start", "stop"])
def test_without_units_start_and_stop_say_what_to_do_instead(folder: Path, order: str) -> None:
    with StartedForerun(folder, order, str(ROBOT_FILE)) as asked:
        assert asked.wait() == 2
        assert "forerun run" in asked.said
