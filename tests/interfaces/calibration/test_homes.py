"""Zeros of every family of motors, put in and read back."""

from pathlib import Path

import pytest

from interfaces.calibration.homes import homes, motor_ids, with_homes
from interfaces.robot_config import load_robot

ROBOTS = sorted((Path(__file__).parents[3] / "robots").glob("*.toml"))


@pytest.mark.parametrize("file", ROBOTS, ids=lambda path: path.stem)
def test_homes_put_into_an_arm_are_read_back_and_nothing_else_changes(file: Path) -> None:
    arm = load_robot(file).arm
    before = homes(arm)
    moved = with_homes(arm, [home + 3.0 for home in before])
    assert homes(moved) == tuple(home + 3.0 for home in before)
    assert with_homes(moved, before) == arm


def test_a_home_may_lie_between_two_counts() -> None:
    arm = load_robot(Path(__file__).parents[3] / "robots/so101.toml").arm
    assert homes(with_homes(arm, [2000.6] * 6)) == (2000.6,) * 6
    assert motor_ids(arm) == (1, 2, 3, 4, 5, 6)


def test_homes_of_another_number_of_joints_are_refused() -> None:
    arm = load_robot(ROBOTS[0]).arm
    with pytest.raises(ValueError, match="homes"):
        with_homes(arm, [0.0])
