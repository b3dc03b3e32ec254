"""The robot file that the doctor runs: the user's own with its sockets elsewhere, or the simulated arm in the user's rhythm."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.command_rig import write_robot
from interfaces.errors import ConfigError
from interfaces.robot_config import RobotConfig, load_robot

# In a folder of its own, so that a robot that runs is neither disturbed nor recorded.
_SOCKETS = {
    "command_socket": "command.sock",
    "control_socket": "control.sock",
    "operator_socket": "operator.sock",
    "estop_pipe": "",  # a wire or a pipe has one reader; and nothing is moved that it would have to stop
    "estop_gpio": "",
    "realtime": "preferred",  # what is not given shall be measured, not refused
}


def trial_robot(robot_file: Path, folder: Path, *, on_robot: bool) -> Path:
    """Write the file to run into `folder`, and return it; raises ConfigError where the user's file is wrong, or too unlike ours."""
    robot = load_robot(robot_file)
    if not on_robot:
        return _emulated(robot, folder)
    port = Path(robot.arm.port)
    changes = {**_SOCKETS, "port": str(port if port.is_absolute() else port.absolute())}
    text = robot_file.read_text(encoding="utf-8")
    for key, value in changes.items():
        text = re.sub(rf"(?m)^\s*{key}\s*=.*$", f"{key} = {json.dumps(value)}".replace("\\", r"\\"), text, count=1)
    text = re.sub(r"(?ms)(^\[record\].*?^\s*socket\s*=)[^\n]*", r'\1 "record.sock"', text)
    trial = folder / "robot.toml"
    trial.write_text(text, encoding="utf-8")
    _check(robot_file, load_robot(trial), changes)
    return trial


def _emulated(robot: RobotConfig, folder: Path) -> Path:
    """Return the simulated arm's file with the rate, the priority and the core of the robot at hand."""
    trial = write_robot(
        folder,
        rate_hz=robot.arm.rate_hz,
        realtime="preferred",
        realtime_priority=robot.runtime.realtime_priority,
    )
    if robot.runtime.command_cpu is not None:
        core = f"[runtime]\ncommand_cpu = {robot.runtime.command_cpu}"
        trial.write_text(trial.read_text(encoding="utf-8").replace("[runtime]", core, 1), encoding="utf-8")
    return trial


def _check(robot_file: Path, trial: RobotConfig, changes: dict[str, str]) -> None:
    """See to it that every change was made: a file may be laid out in more ways than are looked for here."""
    found = {"port": trial.arm.port, **{key: getattr(trial.runtime, key) for key in _SOCKETS}}
    for key, value in changes.items():
        if found[key] != value:
            raise ConfigError(str(robot_file), key, found[key], "this key on a line of its own")
    if trial.record.socket != "record.sock":
        raise ConfigError(str(robot_file), "record.socket", trial.record.socket, "this key on a line of its own")
