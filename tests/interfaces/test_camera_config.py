"""A camera in the robot file: what may be left out, and what cannot be."""

from __future__ import annotations

import pytest

from interfaces.camera_config import CameraConfig
from interfaces.errors import ConfigError
from interfaces.toml_loader import parse_toml

PLAIN = """
name = "front"
driver = "realsense"
serial = ""
width_px = 640
height_px = 480
rate_hz = 30
depth = true
latency_ms = 35.0
stale_ms = 500.0
frozen_ms = 0.0
"""


def camera(more: str = "", **replaced: str) -> CameraConfig:
    lines = [line for line in PLAIN.splitlines() if line.partition(" ")[0] not in replaced]
    lines += [f"{key} = {value}" for key, value in replaced.items()]
    return parse_toml("\n".join(lines) + "\n" + more, CameraConfig, "robot.toml")


def test_what_is_left_out_is_plain_depth_of_the_colours_size() -> None:
    plain = camera()
    assert (plain.depth_size_px, plain.align_depth, plain.filters) == ((640, 480), False, ())


def test_depth_may_be_of_its_own_size_aligned_and_filtered() -> None:
    asked = camera(
        "depth_width_px = 848\ndepth_height_px = 480\nalign_depth = true\n"
        'filters = ["temporal", "threshold"]\ndepth_min_m = 0.2\ndepth_max_m = 1.5\n'
    )
    assert (asked.depth_size_px, asked.align_depth) == ((848, 480), True)
    assert (asked.filters, asked.depth_min_m, asked.depth_max_m) == (("temporal", "threshold"), 0.2, 1.5)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("depth_width_px = 848", "depth_width_px is 848; expected both depth_width_px and depth_height_px"),
        ("depth_width_px = 848\ndepth_height_px = -1", "depth_height_px is -1; expected more than 0"),
        ("depth_width_px = 0\ndepth_height_px = 480", "depth_width_px is 0; expected more than 0"),
        ('filters = ["spatial", "spatial"]', "expected each filter once"),
        ('filters = ["blur"]', "'blur'; expected one of 'decimation', 'threshold', 'spatial', 'temporal', 'hole_"),
        ("depth_max_m = 2.0", 'depth_max_m is 2.0; expected "threshold" among the filters'),
        ('filters = ["threshold"]\ndepth_min_m = -1.0', "depth_min_m is -1.0; expected 0 or more"),
        ('filters = ["threshold"]\ndepth_min_m = 2.0\ndepth_max_m = 1.0', "expected more than depth_min_m, 2.0"),
    ],
)
def test_what_cannot_be_is_named_with_its_file(more: str, says: str) -> None:
    with pytest.raises(ConfigError, match=r"^robot\.toml: ") as told:
        camera(more)
    assert says in str(told.value)


@pytest.mark.parametrize("more", ["align_depth = true", 'filters = ["spatial"]', "depth_width_px = 848"])
def test_nothing_is_asked_of_a_depth_that_is_not(more: str) -> None:
    with pytest.raises(ConfigError, match="expected nothing, since depth is false"):
        camera(more, depth="false")


def test_uvc_camera_is_named_by_its_device_file() -> None:
    path = "/dev/v4l/by-id/usb-Maker_Camera-video-index0"
    asked = camera(driver='"uvc"', depth="false", serial=f'"{path}"')
    assert (asked.driver, asked.serial) == ("uvc", path)
    with pytest.raises(ConfigError, match="serial is ''; expected a device file"):
        camera(driver='"uvc"', depth="false")
    with pytest.raises(ConfigError, match="depth is True; expected false: a UVC camera has no depth"):
        camera(driver='"uvc"', serial=f'"{path}"')
