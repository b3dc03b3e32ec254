"""The robot file that the doctor runs: the user's own with its sockets elsewhere, or the simulated arm in the user's rhythm."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from bench.command_rig import write_robot
from interfaces.arm_config import ArmConfig, DynamixelConfig, FeetechConfig
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.toml_writer import to_toml
from runtime.calibrated_robot import load_for_calibration

SLCAN = "slcan:"


def trial_robot(robot_file: Path, folder: Path, *, on_robot: bool) -> Path:
    """Write the file to run into `folder`, and return it; raises ConfigError where the user's file is wrong."""
    if not on_robot:
        return _emulated(load_robot(robot_file), folder)
    robot = load_for_calibration(
        robot_file, now=datetime.now(timezone.utc)
    )  # whatever its records are worth, it is measured
    # In a folder of its own, so that a robot that runs is neither disturbed nor recorded.
    runtime = replace(
        robot.runtime,
        command_socket="command.sock",
        control_socket="control.sock",
        operator_socket="operator.sock",
        estop_pipe="",  # a wire or a pipe has one reader; and nothing is moved that it would have to stop
        estop_gpio="",
        realtime="preferred",  # what is not given shall be measured, not refused
    )
    record = replace(robot.record, socket="record.sock")
    arm = replace(robot.arm, port=_port_from_anywhere(robot.arm))
    trial = folder / "robot.toml"
    changed = replace(robot, arm=arm, runtime=runtime, record=record, calibration=None)
    trial.write_text(to_toml(changed), encoding="utf-8")
    return trial


def _port_from_anywhere(arm: ArmConfig) -> str:
    """Return the arm's port with the path of a device file made absolute; the name of a CAN interface is none."""
    if isinstance(arm, FeetechConfig | DynamixelConfig):
        return str(Path(arm.port).absolute())
    if arm.port.startswith(SLCAN):
        return SLCAN + str(Path(arm.port.removeprefix(SLCAN)).absolute())
    return arm.port


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
