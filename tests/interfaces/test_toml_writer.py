"""What is written is read as the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from interfaces.robot_config import RobotConfig, load_robot
from interfaces.toml_loader import parse_toml
from interfaces.toml_writer import to_toml

ROBOTS = sorted((Path(__file__).parents[2] / "robots").glob("*.toml"))


@pytest.mark.parametrize("file", ROBOTS, ids=lambda path: path.stem)
def test_every_robot_is_read_back_as_it_was(file: Path) -> None:
    robot = load_robot(file)
    assert parse_toml(to_toml(robot), RobotConfig, "written") == robot


@pytest.mark.parametrize(
    "name", ['a "quoted" one', "back\\slash", "umlaut \u00fc", "line\nbreak", "\u2028", "\U0001f600", "\x7f"]
)
def test_strings_of_any_kind_survive(name: str) -> None:
    robot = replace(load_robot(ROBOTS[0]), name=name)
    assert parse_toml(to_toml(robot), RobotConfig, "written").name == name
