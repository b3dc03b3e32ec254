"""A calibration record says whether it may be acted on; one that cannot be is refused."""

from pathlib import Path

import pytest

from interfaces.calibration_record import load_calibration
from interfaces.errors import ConfigError

GOOD = """
format = 1
kind = "joints"
robot = "so101"
created = "2026-11-20T10:00:00+00:00"
operator = "Ada"
tool_version = "0.1.0"
residual = 0.4
residual_max = 0.5

[[joints]]
name = "shoulder_pan"
servo_id = 1
home_ticks = 2040
range_min_ticks = 800
range_max_ticks = 3300
"""


def test_a_record_loads_and_is_judged_by_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "joints.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_calibration(path).passed
    path.write_text(GOOD.replace("residual = 0.4", "residual = 0.6"), encoding="utf-8")
    assert not load_calibration(path).passed


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("format = 1", "format = 2", "format"),
        ('kind = "joints"', 'kind = "joint"', "kind"),
        ("range_max_ticks = 3300", "range_max_ticks = 800", "joints[0].range_max_ticks"),
        ("residual_max = 0.5", "", "residual_max"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, key: str) -> None:
    path = tmp_path / "joints.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_calibration(path)
    assert caught.value.key == key
