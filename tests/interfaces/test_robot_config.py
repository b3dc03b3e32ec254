"""The robot files that ship load; each kind of mistake in one is named."""

from pathlib import Path

import pytest

from interfaces.errors import ConfigError
from interfaces.robot_config import load_robot

ROBOTS = Path(__file__).parents[2] / "robots"


@pytest.mark.parametrize("path", sorted(ROBOTS.glob("*.toml")), ids=lambda path: path.name)
def test_every_shipped_robot_file_loads(path: Path) -> None:
    robot = load_robot(path)
    assert len(robot.arm.vector("rest_rad")) == len(robot.arm.joint_names)
    assert robot.arm.period_ns == round(1e9 / robot.arm.rate_hz)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("format = 1", "format = 2", "format"),
        ('driver = "feetech"', 'driver = "fetech"', "arm.driver"),
        ("position_min_rad = -1.91", "position_min_rad = 1.92", "arm.joints[0].position_max_rad"),
        ("servo_id = 2", "servo_id = 1", "arm.joints.servo_id"),
        ("direction = 1", "direction = 0", "arm.joints[0].direction"),
        ("velocity_max_rad_s = 4.0", 'velocity_max_rad_s = "fast"', "arm.joints[0].velocity_max_rad_s"),
        ("rest_rad = -0.75", "rest_rad = -3.0", "arm.joints[1].rest_rad"),
        ("home_ticks = 2048", "", "arm.joints[0].home_ticks"),
        ("rate_hz = 100.0", "rate_hz = 0.0", "arm.rate_hz"),
        ("depth = true", "deep = true", "cameras[0].deep"),
        ('realtime = "preferred"', 'realtime = "yes"', "runtime.realtime"),
        ("[runtime]", '[runtime]\non_stop = "drop"', "runtime.on_stop"),
    ],
)
def test_a_wrong_robot_file_names_the_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    text = (ROBOTS / "simulated.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "robot.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_robot(path)
    assert caught.value.key == key


def test_an_arm_is_held_when_it_is_stopped_unless_its_file_says_otherwise(tmp_path: Path) -> None:
    text = (ROBOTS / "simulated.toml").read_text(encoding="utf-8")
    path = tmp_path / "robot.toml"
    for written, meant in (("", "hold"), ('on_stop = "hold"', "hold"), ('on_stop = "release"', "release")):
        path.write_text(text.replace("[runtime]", f"[runtime]\n{written}", 1), encoding="utf-8")
        assert load_robot(path).runtime.on_stop == meant
