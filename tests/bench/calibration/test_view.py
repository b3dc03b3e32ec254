"""The view calibrated on the simulated robot, end to end: recorded, checked, bumped, pushed back; given up at any prompt."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.calibration.view import camera_of, reference_of, try_push
from bench.workplace.simulated_workplace import SimulatedWorkplace
from calibration.records.store import RecordStore
from calibration.view import program, self_test
from interfaces.calibration.camera import ViewRecord
from interfaces.errors import CalibrationError
from interfaces.robot_config import RobotConfig, load_robot
from sim.camera.pusher import Pusher
from sim.truth import Truth

TRUTH = Truth(image_noise=2.0, landmarks=True)


@pytest.fixture
def robot() -> RobotConfig:
    """The simulated SO-101."""
    return load_robot(Path(__file__).parents[3] / "robots/simulated.toml")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the program at a workplace, with its options; records are kept between runs."""
    monkeypatch.setattr(self_test, "N_TRIALS", 2)

    def run(place: SimulatedWorkplace, *options: str) -> int:
        parser = argparse.ArgumentParser()
        program.add_arguments(parser)
        return program.run(place.workplace, parser.parse_args(options))

    return run


@pytest.fixture
def at_work(robot: RobotConfig, tmp_path: Path) -> Callable[..., SimulatedWorkplace]:
    """Makes a workplace of a truth, its records in the same folder each time."""

    def make(camera_translation_m: tuple[float, ...] = (0.0, 0.0, 0.0)) -> SimulatedWorkplace:
        return SimulatedWorkplace(robot, replace(TRUTH, camera_translation_m=camera_translation_m), folder=tmp_path)

    return make


def test_recorded_then_bumped_then_pushed_back(
    run: Callable[..., int], at_work: Callable[..., SimulatedWorkplace]
) -> None:
    place = at_work()
    assert run(place) == 0
    record = RecordStore(place.workplace.records).current("view", "front")
    assert isinstance(record, ViewRecord)
    assert record.header.passed
    assert record.table_distance_m == pytest.approx(0.35, abs=0.002)
    drawn = cv2.imread(str(place.workplace.pictures / "view-front.png"))
    assert drawn is not None
    assert drawn.shape == (480, 848, 3)
    assert run(at_work(), "--check") == 0
    assert run(at_work(camera_translation_m=(0.0, 0.005, 0.0)), "--check") == 1
    bumped = at_work()
    pusher = Pusher(bumped.world)
    pusher.push(np.array([0.012, 0.0, 0.0]), np.zeros(3))

    def push_back() -> Iterator[None]:
        for left_m in (0.008, 0.004, 0.0):
            pusher.push(np.array([left_m, 0.0, 0.0]), np.zeros(3))
            yield

    bumped.operator.scripts["push-camera"] = push_back
    assert run(bumped, "--watch") == 0
    assert "in place" in bumped.operator.said


def test_without_a_record_there_is_nothing_to_compare_with(
    run: Callable[..., int], at_work: Callable[..., SimulatedWorkplace]
) -> None:
    with pytest.raises(CalibrationError, match="forerun calibrate view"):
        run(at_work(), "--check")


@pytest.mark.parametrize("request_number", range(3))
def test_given_up_at_a_prompt_nothing_is_written_and_the_arm_is_limp_again(
    run: Callable[..., int], at_work: Callable[..., SimulatedWorkplace], request_number: int
) -> None:
    place = at_work()
    place.operator.interrupt_at = request_number
    with pytest.raises(KeyboardInterrupt):
        run(place)
    assert not (place.workplace.records / "view-front.toml").exists()
    arm = place.workplace.make_arm(place.robot.arm)
    arm.open()
    assert not any(arm.torque())
    arm.close()


@pytest.mark.parametrize("depth", [True, False])
def test_pushes_over_landmarks_are_flagged_and_stillness_is_not(*, depth: bool) -> None:
    camera = camera_of("landmarks", 3)
    reference = reference_of(camera, 3, depth=depth)
    for seed in range(20, 23):
        assert not try_push(camera, reference, (0.0, 0.0), seed, depth=depth).flagged
        for push in ((5.0, 0.0), (0.0, 0.5)):
            trial = try_push(camera, reference, push, seed, depth=depth)
            assert trial.flagged
            assert not trial.cannot_tell
            assert trial.error_mm < 1.5
    camera.close()
