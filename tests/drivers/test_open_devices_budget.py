"""Every robot file in robots/ can be loaded, names a driver that there is, and a rate that its bus can carry."""

from pathlib import Path

import pytest

from drivers.open_devices import bus_budget, open_arm
from interfaces.robot_config import load_robot

ROBOT_FILES = sorted((Path(__file__).parents[2] / "robots").glob("*.toml"))


def test_there_are_robot_files() -> None:
    assert {"simulated", "so101", "yam"} <= {path.stem for path in ROBOT_FILES}


@pytest.mark.parametrize("path", ROBOT_FILES, ids=lambda path: path.stem)
def test_a_robot_file_fits_its_bus(path: Path) -> None:
    robot = load_robot(path)
    budget = bus_budget(robot.arm)
    budget.require_fit(robot.arm.port)
    assert budget.period_ns == robot.arm.period_ns
    open_arm(robot.arm)
