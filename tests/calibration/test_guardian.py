"""A calibration program that is killed leaves its motors as they were: real processes, a real serial line (a pty)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bench.record_rig import RecordRig
from calibration import guardian
from calibration.records.store import RecordStore
from calibration.session.touch import TouchError
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from interfaces.calibration.record import ArmIdentity
from interfaces.device_facts import MotorIdentity
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.toml_writer import to_toml
from runtime.record_findings import records_folder
from sim.feetech.bus_process import ServoBusProcess

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, sys
from pathlib import Path
from calibration.guardian import Guardian
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from interfaces.robot_config import load_robot

file = Path(sys.argv[1])
config = load_robot(file).arm
with Guardian(file, stands={stands}):
    arm, servos = open_arm(config), open_homing(config)
    {body}
"""
DIE = "\n    os.kill(os.getpid(), signal.SIGKILL)"
RECALIBRATE = "servos.open(); servos.release(); servos.write_offsets(__import__('numpy').full(6, 300)); servos.close()"
HOLD = "arm.open(); arm.hold(); arm.close()"
LET_GO = "arm.open(); arm.release(); arm.close()"


class Robot:
    """Six emulated servos, and the robot file that knows where."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "robot.toml"
        port = folder / "servos"
        text = (ROOT / "robots" / "so101.toml").read_text()
        self.file.write_text(text.replace("/dev/ttyACM0", str(port)))
        self.config: RobotConfig = load_robot(self.file)
        self.bus = ServoBusProcess(port)

    def run(self, body: str, *, stands: bool = False) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-c", PROGRAM.format(body=body, stands=stands), str(self.file))
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    def torque_and_offsets(self) -> tuple[tuple[bool, ...], list[int]]:
        servos = open_homing(self.config.arm)
        assert servos is not None
        servos.open()
        try:
            return servos.torque(), [motor.homing_offset for motor in servos.identity()]
        finally:
            servos.close()


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[Robot]:
    made = Robot(tmp_path)
    with made.bus:
        yield made


def killed(done: subprocess.CompletedProcess[str]) -> None:
    """Both have ended: the guardian holds the same pipe."""
    assert done.returncode == -9, done.stderr
    assert "forerun calibrate died" in done.stderr
    assert "NOT" not in done.stderr


def hold(robot: Robot) -> None:
    arm = open_arm(robot.config.arm)
    arm.open()
    arm.hold()
    arm.close()


def test_offsets_written_by_a_program_that_dies_are_written_back(robot: Robot) -> None:
    killed(robot.run(RECALIBRATE + DIE))
    assert robot.torque_and_offsets() == ((False,) * 6, [0] * 6)


def test_an_arm_let_go_by_a_program_that_dies_is_held_again(robot: Robot) -> None:
    hold(robot)
    killed(robot.run(LET_GO + DIE))
    assert robot.torque_and_offsets() == ((True,) * 6, [0] * 6)


def test_an_arm_held_by_a_program_that_dies_is_laid_to_rest_and_let_go(robot: Robot) -> None:
    killed(robot.run(HOLD + DIE))
    assert robot.torque_and_offsets() == ((False,) * 6, [0] * 6)
    arm = open_arm(robot.config.arm)
    joints = arm.open()
    arm.close()
    assert joints.position_rad == pytest.approx(robot.config.arm.vector("rest_rad"), abs=0.01)


def test_an_arm_held_by_a_program_that_lost_the_bus_is_laid_to_rest_and_let_go(robot: Robot) -> None:
    lost = "; raise __import__('interfaces.errors').errors.BusTimeoutError('no answer')"
    done = robot.run(HOLD + lost)
    assert done.returncode == 1
    assert "torque put back" in done.stderr
    assert robot.torque_and_offsets() == ((False,) * 6, [0] * 6)


def test_an_arm_whose_zeros_are_being_found_is_let_go_where_it_stands(robot: Robot) -> None:
    arm = open_arm(robot.config.arm)
    before_rad = arm.open().position_rad
    arm.close()
    assert np.abs(before_rad - robot.config.arm.vector("rest_rad")).max() > 0.1
    killed(robot.run(HOLD + DIE, stands=True))
    assert robot.torque_and_offsets() == ((False,) * 6, [0] * 6)
    assert arm.open().position_rad == pytest.approx(before_rad, abs=0.01)
    arm.close()


def test_offsets_that_a_record_names_stay_though_the_program_died_after_saving_it(robot: Robot, tmp_path: Path) -> None:
    rig = RecordRig(tmp_path, offsets="eeprom")
    robot.config = replace(robot.config, calibration=rig.robot.calibration)
    robot.file.write_text(to_toml(robot.config))
    motors = tuple(
        MotorIdentity(joint=joint.name, motor_id=number, model="", homing_offset=300)
        for number, joint in enumerate(robot.config.arm.joints, start=1)
    )
    record = replace(rig.joints(), arm=ArmIdentity(driver="feetech", motors=motors))
    folder = records_folder(robot.file, robot.config)
    assert folder is not None
    RecordStore(folder).save(replace(record, header=replace(record.header, robot=robot.config.name)))
    killed(robot.run(RECALIBRATE + DIE))
    assert robot.torque_and_offsets() == ((False,) * 6, [300] * 6)


class Touching:
    """What the guardian remembers, where the way to rest is blocked."""

    def __init__(self) -> None:
        self.n_tries = 0

    def bring_back(self) -> str:
        self.n_tries += 1
        raise TouchError("shoulder pushes; held where it is")


def test_who_touched_something_on_the_way_to_rest_does_not_try_again(capsys: pytest.CaptureFixture[str]) -> None:
    touching = Touching()
    assert guardian.bring_back(cast("Any", touching)) == 1
    assert touching.n_tries == 1
    assert "held where it is" in capsys.readouterr().err


def test_what_a_program_did_and_ended_well_stays(robot: Robot) -> None:
    done = robot.run(RECALIBRATE)
    assert done.returncode == 0, done.stderr
    torque, offsets = robot.torque_and_offsets()
    assert not any(torque)
    assert np.array_equal(offsets, np.full(6, 300))


def test_without_motors_the_program_does_not_begin(robot: Robot) -> None:
    robot.bus.tell("unplug")
    done = robot.run("print('began')")
    assert "began" not in done.stdout
    assert "servos" in done.stderr
