"""`forerun calibrate capture` from end to end on the simulated robot: by the arm itself and by hand, broken off and gone on with."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.workplace.simulated_workplace import SimulatedWorkplace
from calibration.capture import program
from calibration.capture.poses import choose_poses
from calibration.capture.room import Room
from calibration.geometry.chain import chain_of
from drivers.arm import Arm
from interfaces.arm_config import AnyArmConfig
from interfaces.capture_file import Capture, read_capture
from interfaces.errors import RefusedError
from interfaces.messages import JointState, JointVector
from interfaces.robot_config import load_robot
from sim.camera.true_camera import TrueCamera
from sim.truth import Truth

ROBOT = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml")
SMALL = Truth(width_px=96, height_px=72)


class WatchedArm:
    """An arm, and every pose that it measured."""

    def __init__(self, arm: Arm, poses_rad: list[JointVector]) -> None:
        self._arm, self._poses_rad = arm, poses_rad

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arm, name)

    def exchange(self, position_rad: JointVector) -> JointState:
        joints = self._arm.exchange(position_rad)
        self._poses_rad.append(joints.position_rad)
        return joints


class Trial:
    """One robot on its table, with room for captures."""

    def __init__(self, folder: Path) -> None:
        self.place = SimulatedWorkplace(ROBOT, SMALL, folder=folder, seed=2)
        self._twin = self.place.world.twin()
        self.poses_rad: list[JointVector] = []
        make = self.place.workplace.make_arm

        def make_arm(config: AnyArmConfig) -> Arm:
            watched: Any = WatchedArm(make(config), self.poses_rad)
            return watched

        self.workplace = replace(self.place.workplace, make_arm=make_arm)
        self.folder = self.workplace.records / "capture"

    def run(self, *options: str) -> int:
        parser = argparse.ArgumentParser()
        program.add_arguments(parser)
        return program.run(self.workplace, parser.parse_args(["--png", *options]))

    def torque(self) -> tuple[bool, ...]:
        arm = self.place.workplace.make_arm(self.place.robot.arm)
        arm.open()
        return arm.torque()

    def render(self, poses_rad: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        """What the camera sees of the arm at poses (pose, joint)."""
        twin = self.place.world.twin()
        eye = TrueCamera(twin, SMALL.width_px, SMALL.height_px)
        pictures: list[np.ndarray[Any, Any]] = []
        for pose_rad in poses_rad:
            state = self.place.world.physics_state()
            state[:6] = pose_rad
            twin.put_state(state)
            pictures.append(eye.clean()[0].astype(float))
        eye.close()
        return pictures

    def touches(self, pose_rad: JointVector) -> bool:
        """Whether the arm touches the table, or parts of it each other, at a pose."""
        twin = self._twin
        state = self.place.world.physics_state()
        state[:6] = pose_rad
        twin.put_state(state)
        arm = twin.model.body_rootid[twin.model.jnt_bodyid[0]]
        is_of_arm = twin.model.body_rootid[twin.model.geom_bodyid] == arm
        return bool(is_of_arm[np.asarray(twin.data.contact.geom, np.int64).ravel()].any())


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


def assert_pictures_are_of_their_joints(trial: Trial, capture: Capture) -> None:
    """What the camera would see of the recorded joints is what it saw; of other samples' joints it is not."""
    rendered = trial.render(capture.position_rad)
    seen = [capture.rgb(i, "front").astype(float) for i in range(len(capture))]
    own = [np.abs(a - b).mean() for a, b in zip(rendered, seen, strict=True)]
    others = [np.abs(a - b).mean() for a, b in zip(rendered, [*seen[1:], seen[0]], strict=True)]
    assert max(own) < 5.0  # near the camera, a few ms of a quick hand
    assert np.median(own) < 0.1 * np.median(others)


def test_the_arm_shows_itself_and_touches_nothing(trial: Trial) -> None:
    assert trial.run("--frames", "12") == program.PASSED
    capture = read_capture(trial.folder)
    assert capture.is_complete
    assert len(capture) == 12
    assert_pictures_are_of_their_joints(trial, capture)
    low, high = ROBOT.arm.vector("position_min_rad"), ROBOT.arm.vector("position_max_rad")
    assert (capture.position_rad > low - 0.01).all()
    assert (capture.position_rad < high + 0.01).all()
    assert len(trial.poses_rad) > 1000
    assert not any(trial.touches(pose) for pose in trial.poses_rad[::40])
    assert trial.torque() == (False,) * 6  # it hung limp before
    assert (trial.workplace.pictures / "capture-coverage.png").stat().st_size > 10_000
    assert [step for step, _ in trial.place.operator.requests] == ["clear-table", "arm-moves"]


@pytest.mark.slow  # the folder of a capture that was broken off is tested in tests/calibration/capture/test_folder.py
def test_what_is_broken_off_goes_on(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = trial.place.operator
    told = 0

    def interrupt(_what: str, _share: float) -> None:
        nonlocal told
        told += 1
        if told == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(operator, "progress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trial.run("--frames", "8")
    monkeypatch.undo()
    assert trial.torque() == (False,) * 6
    begun = read_capture(trial.folder)
    assert 1 <= len(begun) < 8
    trial.run("--frames", "8")
    capture = read_capture(trial.folder)
    assert len(capture) == 8
    np.testing.assert_array_equal(capture.position_rad[: len(begun)], begun.position_rad)
    assert_pictures_are_of_their_joints(trial, capture)
    n_poses = len(trial.poses_rad)
    trial.run("--frames", "8")
    assert len(trial.poses_rad) == n_poses  # it is complete: nothing moves any more


def test_a_person_shows_the_limp_arm(trial: Trial) -> None:
    trial.run("--frames", "10", "--by-hand")
    capture = read_capture(trial.folder)
    assert len(capture) == 10
    assert_pictures_are_of_their_joints(trial, capture)
    assert trial.poses_rad == []  # it was told nothing
    assert [step for step, _ in trial.place.operator.requests] == ["support-arm", "show-arm"]


def test_without_a_chain_the_arm_does_not_move_by_itself(trial: Trial) -> None:
    trial.workplace = replace(trial.workplace, robot=replace(trial.workplace.robot, chain=None))
    with pytest.raises(RefusedError, match="--by-hand"):
        trial.run("--frames", "3")
    assert not trial.folder.exists()
    trial.run("--frames", "3", "--by-hand")
    assert read_capture(trial.folder).is_complete


def test_an_operator_who_says_no_is_heard(trial: Trial) -> None:
    trial.place.operator.answers["arm-moves"] = False
    assert trial.run("--frames", "3") == program.FAILED
    assert trial.poses_rad == []
    assert trial.torque() == (False,) * 6


def test_of_the_poses_that_are_clear_hardly_any_touches(trial: Trial) -> None:
    """The chain's lines against the arm's real shape: a touch is seen to, but it should be rare."""
    room = Room(chain=chain_of(ROBOT), table_z_m=0.0, clearance_m=0.04, cameras_m=np.empty((0, 3)))
    home_rad, kept = ROBOT.arm.vector("rest_rad"), np.empty((0, 6))
    poses = choose_poses(ROBOT.arm, room, home_rad, kept, 150, np.random.default_rng(0))
    assert sum(trial.touches(pose) for pose in poses) <= 3
