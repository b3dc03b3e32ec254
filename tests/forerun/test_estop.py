"""`forerun estop` and `forerun clear` where nobody answers, and where a key is waited for."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bench.command_rig import RunningCommand
from bench.run_rig import StartedForerun
from interfaces.messages import CommandState

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("estop",), "NOT STOPPED: no command process at"), (("estop", "--key"), "NOT READY: no command process at"),
     (("clear",), "not cleared: no command process at")],
    ids=["estop", "estop --key", "clear"],
)  # fmt: skip
def test_nobody_answers(folder: Path, arguments: tuple[str, ...], says: str) -> None:
    with StartedForerun(folder, *arguments, str(ROBOT_FILE), "--folder", str(folder)) as asked:
        assert asked.wait() == 1, asked.said
        assert says in asked.said
        assert "operator.sock" in asked.said


def test_a_command_process_that_hangs_does_not_let_us_wait_for_ever(folder: Path, command: RunningCommand) -> None:
    command.process.send_signal(signal.SIGSTOP)
    with StartedForerun(folder, "estop", str(ROBOT_FILE)) as asked:
        assert asked.wait() == 1, asked.said
        assert "NOT STOPPED" in asked.said
        assert "did not answer within 2 s" in asked.said


@pytest.mark.parametrize("key", [b"x", b"\x03", b"\r"], ids=["a letter", "Ctrl-C", "return"])
def test_any_key_stops(folder: Path, command: RunningCommand, key: bytes) -> None:
    with StartedForerun(folder, "estop", str(ROBOT_FILE), "--key", "--why", "a foot", keyboard=True) as waiting:
        waiting.wait_for("any key stops the robot")
        waiting.wait_for(r"ready to stop \| READY")
        waiting.press(key)
        assert waiting.wait() == 0, waiting.said
        assert "stopped: ESTOP: a foot" in waiting.said
    assert command.wait_for(CommandState.ESTOP)


def test_a_terminal_that_hangs_up_stops(folder: Path, command: RunningCommand) -> None:
    with StartedForerun(folder, "estop", str(ROBOT_FILE), "--key", keyboard=True) as waiting:
        waiting.wait_for("ready to stop")
        waiting.hang_up()
        assert command.wait_for(CommandState.ESTOP)


def test_one_that_waits_says_when_it_is_not_heard_any_more(folder: Path, command: RunningCommand) -> None:
    with StartedForerun(folder, "estop", str(ROBOT_FILE), "--key", keyboard=True) as waiting:
        waiting.wait_for("ready to stop")
        command.stop()
        waiting.wait_for("THE COMMAND PROCESS DOES NOT ANSWER")
        waiting.press(b" ")
        assert waiting.wait() == 1
        assert "NOT STOPPED" in waiting.said


def test_without_a_keyboard_the_end_of_the_input_stops_at_once(folder: Path, command: RunningCommand) -> None:
    with StartedForerun(folder, "estop", str(ROBOT_FILE), "--key") as waiting:
        assert waiting.wait() == 0, waiting.said
    assert command.wait_for(CommandState.ESTOP)
