"""Hand-eye calibration end to end, on a simulated workplace; the table of many trials is bench/calibration/hand_eye.py."""

from pathlib import Path

import numpy as np
import pytest

from bench.calibration.hand_eye import ROBOT_FILE, line
from bench.calibration.hand_eye_projected import EXACT, SERVO, Trial
from bench.calibration.hand_eye_rendered import RenderedTrial
from bench.calibration.hand_eye_truth import HandEyeError
from calibration.hand_eye.model import Guess
from calibration.records.store import RecordStore
from interfaces.robot_config import load_robot

ROBOT = load_robot(ROBOT_FILE)


def rendered(folder: Path, seed: int = 1) -> RenderedTrial:
    return RenderedTrial(
        robot=ROBOT, mounting="eye_to_hand", errors=SERVO, seed=seed, size_px=(640, 480), folder=folder
    )


def test_the_arm_finds_its_poses_by_itself_and_the_camera_within_the_limits(tmp_path: Path) -> None:
    trial = rendered(tmp_path)
    assert trial.run("--poses", "10") == 0, trial.workplace.operator.said
    error = trial.error()
    assert (error.place_mm < 2.0, error.turn_deg < 0.4) == (True, True)
    asked = [step for step, _ in trial.workplace.operator.requests]
    assert asked[:5] == ["place-board", "support-arm", "pose-arm", "clear-table", "arm-moves"]
    assert asked[-1] == "accept"
    assert (tmp_path / "pictures" / "hand-eye-front.png").exists()


def test_given_up_while_the_arm_is_moved_by_hand_it_is_left_limp_and_nothing_is_written(tmp_path: Path) -> None:
    trial = rendered(tmp_path)
    operator = trial.workplace.operator
    operator.interrupt_at, operator.interrupt_ticks = 2, 30  # in the midst of "many-poses"
    with pytest.raises(KeyboardInterrupt):
        trial.run("--by-hand")
    assert operator.requests[-1][0] == "many-poses"
    arm = trial.workplace.workplace.make_arm(ROBOT.arm)
    arm.open()
    assert arm.torque() == (False,) * 6
    arm.close()
    assert RecordStore(trial.workplace.workplace.records).current("hand_eye", "front") is None


def test_the_truth_is_no_error_and_a_shift_is_its_own(tmp_path: Path) -> None:
    del tmp_path
    for mounting in ("eye_to_hand", "eye_in_hand"):
        trial = Trial(robot=ROBOT, mounting=mounting, errors=SERVO, seed=3)
        offsets = trial.truth.offset_rad
        assert np.abs(offsets[[0, -1]]).min() > 1e-4
        workspace_rad = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 6))
        # The first and the last joint's offsets cannot be told: with all others right, nothing is wrong in the camera's place.
        told = offsets.copy()
        told[[0, -1]] = 0.0
        shown = trial.truth.camera_as_joints_show_it()
        right = Guess(parent_from_camera=shown, other_from_board=np.eye(4), offset_rad=told)
        error = trial.truth.error(right, workspace_rad)
        assert (error.place_mm, error.turn_deg) == (pytest.approx(0.0, abs=1e-6), pytest.approx(0.0, abs=1e-6))
        assert error.reach_mm < 0.2  # the last joint's own offset turns the tip, which is 8 mm off its axis
        shifted = shown.copy()
        shifted[2, 3] += 0.001
        wrong = trial.truth.error(
            Guess(parent_from_camera=shifted, other_from_board=np.eye(4), offset_rad=told), workspace_rad
        )
        assert wrong.place_mm == pytest.approx(1.0)
        assert wrong.reach_mm == pytest.approx(1.0, abs=0.2)


def test_exact_joints_report_what_is_so(tmp_path: Path) -> None:
    trial = RenderedTrial(
        robot=ROBOT, mounting="eye_to_hand", errors=EXACT, seed=0, size_px=(640, 480), folder=tmp_path
    )
    workplace = trial.as_calibrated()
    arm = workplace.make_arm(ROBOT.arm)
    arm.open()
    np.testing.assert_allclose(arm.read().position_rad, trial.workplace.true_joints_rad(), atol=1e-4)
    arm.close()


def test_a_line_of_the_table_has_its_figures() -> None:
    errors = [HandEyeError(place_mm=float(k), turn_deg=0.1, reach_mm=2.0) for k in range(3)]
    assert line("x", errors).split() == ["x", "1.000", "1.900", "2.000", *["0.100"] * 3, *["2.000"] * 3]
