"""The processes of a robot as they are started, refusing to: one clear line, exit status 2, nothing moved."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.command_rig import PATIENCE_S, EmulatedServos, RunningCommand, start
from bench.record_rig import BAD, RecordRig
from interfaces.messages import CommandState
from runtime.flight.reader import read_flight

ROOT = Path(__file__).parents[2]
POLICY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bench.policy_rig import PlainCamera
from runtime.policy_process import run
from runtime.unblocking_log import log_to
log_to(2, "policy")
sys.exit(run(Path(sys.argv[2]), PlainCamera, follow="push"))
"""


@pytest.fixture
def rig(folder: Path) -> RecordRig:
    """A robot that requires a joints record, of whatever age; it has none yet."""
    rig = RecordRig(folder, max_age_days=36500.0)
    policy = replace(rig.robot.policy, bundle=str(ROOT / "tests/data/tiny_bundle"))
    rig.write(replace(rig.robot, policy=policy))
    return rig


def ended(folder: Path, module: str, *arguments: str) -> tuple[int, str]:
    """Return the exit status of a process that ends by itself, and what it said."""
    process = start(folder, module, *arguments)
    _, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


@pytest.mark.parametrize("module", ["runtime.command_process", "runtime.flight.recorder_process"])
def test_a_process_without_the_record_it_needs_says_how_to_make_it(rig: RecordRig, folder: Path, module: str) -> None:
    status, said = ended(folder, module, str(rig.robot_file))
    assert status == 2
    assert said.count("\n") == 1
    assert "joints.toml: the record is missing" in said
    assert f"forerun calibrate joints {rig.robot_file}" in said


def test_forerun_run_refuses_once_and_starts_nothing(rig: RecordRig, folder: Path) -> None:
    rig.save(replace(rig.joints(), header=rig.header(check=BAD)))
    status, said = ended(folder, "forerun", "run", str(rig.robot_file))
    assert status == 2
    assert said.startswith("forerun run: ")
    assert said.count("\n") == 1
    assert "the calibration failed: worst joint is 1.5 deg, limit 1" in said
    assert not list(folder.glob("*.sock"))


def test_an_arm_whose_servos_were_given_other_offsets_is_refused(rig: RecordRig, folder: Path) -> None:
    rig.save(replace(rig.joints(), arm=rig.arm(homing_offset=85)))
    with EmulatedServos(folder):
        status, said = ended(folder, "runtime.command_process", str(rig.robot_file))
    assert status == 2
    assert "kept a homing offset of 85 when it was calibrated, and keeps 0 now" in said
    assert "READY" not in said


def test_the_arm_that_was_calibrated_starts_and_reads_angles_by_its_record(rig: RecordRig, folder: Path) -> None:
    rig.save(rig.joints(shift=100.0))
    with EmulatedServos(folder):
        with RunningCommand(folder, rig.robot_file) as command:
            calibrated = command.wait_for(CommandState.READY).joints.position_rad
            command.stop()
        rig.store.path("joints").unlink()
        rig.write(replace(rig.robot, calibration=None))
        with RunningCommand(folder, rig.robot_file) as command:
            plain = command.wait_for(CommandState.READY).joints.position_rad
            command.stop()
    np.testing.assert_allclose(plain - calibrated, 100 * 2 * np.pi / 4096, atol=0.01)


def test_another_camera_ends_the_policy_process_for_good(rig: RecordRig, folder: Path) -> None:
    rig.save(rig.joints(), rig.camera())
    process = subprocess.run(
        [sys.executable, "-c", POLICY, str(ROOT), str(rig.robot_file)],
        cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert process.returncode == 2
    assert "refused: camera front" in process.stderr
    assert "has model D435, this one none: another camera" in process.stderr
    assert f"forerun calibrate camera {rig.robot_file} --camera front" in process.stderr


def test_the_flight_record_has_the_robot_that_flew(rig: RecordRig, folder: Path) -> None:
    rig.save(rig.joints(), rig.latency(42.0))
    process = start(folder, "runtime.flight.recorder_process", str(rig.robot_file), "--folder", str(folder / "flight"))
    assert process.stderr is not None
    assert "writes to" in process.stderr.readline()
    process.terminate()
    process.communicate(timeout=PATIENCE_S)
    robot = read_flight(folder / "flight").robot
    assert robot.policy.actuation_latency_ms == 42.0
    assert robot.arm.joints[0] == replace(rig.robot.arm.joints[0], home_ticks=2058)
