"""What a person says about a run of `forerun calibrate joints`, in any order with the robot file."""

from __future__ import annotations

import argparse

import pytest

from calibration.joints.plan import add_plan_arguments


@pytest.mark.parametrize(
    "words",
    [
        ["--no-stops", "roll,yaw", "--pose", "elbow=90,wrist=-20", "mine.toml"],
        ["mine.toml", "--pose", "elbow=90", "--no-stops", "roll", "--no-stops", "yaw", "--pose", "wrist=-20"],
    ],
)
def test_an_option_with_several_joints_leaves_the_robot_file_alone(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("robot")
    add_plan_arguments(parser)
    said = parser.parse_args(words)
    assert (said.robot, said.no_stops, said.pose) == ("mine.toml", ["roll", "yaw"], ["elbow=90", "wrist=-20"])
    assert parser.parse_args(["mine.toml"]).no_stops == []
