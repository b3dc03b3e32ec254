"""docs/cameras.md says what is so: its robot file loads, its tables are the code's."""

from __future__ import annotations

from pathlib import Path

from drivers.realsense.models import MODELS, STEREO_MODULE, shown_firmware
from drivers.realsense.recovery import Patience
from drivers.realsense.warm_up import FRAMES_MAX, FRAMES_MIN
from interfaces.camera_config import DEPTH_FILTERS
from interfaces.robot_config import RobotConfig
from interfaces.toml_loader import parse_toml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/cameras.md").read_text(encoding="utf-8")


def test_its_camera_loads_in_a_robot_file() -> None:
    camera = PAGE.partition("```toml\n")[2].partition("```")[0]
    robot = (ROOT / "robots/so101.toml").read_text(encoding="utf-8")
    before, _, after = robot.partition("[[cameras]]")
    text = before + camera + "\n[policy]" + after.partition("[policy]")[2]
    loaded = parse_toml(text, RobotConfig, "docs/cameras.md").cameras[0]
    assert (loaded.depth_size_px, loaded.align_depth, loaded.filters) == ((848, 480), True, DEPTH_FILTERS)


def test_its_models_are_those_of_the_driver() -> None:
    for model in MODELS:
        colour = "the depth module" if model.colour_sensor == STEREO_MODULE else "its own sensor"
        row = [
            model.name.replace("I", "i"),
            f"8086:{model.usb_product.lower()}",
            f"{model.depth_unit_m * 1000:g} mm",
            colour,
            "yes" if model.imu else "no",
            shown_firmware(model.firmware_min),
        ]
        assert f"| {' | '.join(row)} |" in PAGE


def test_its_times_are_those_of_the_driver() -> None:
    patience = Patience()
    assert f"at most {patience.longest_ns(500_000_000) / 1e9:.0f} s with `stale_ms = 500`" in PAGE
    assert (
        f"at\nleast {FRAMES_MIN} frames, at most {FRAMES_MAX}, and {patience.first_frame_ns / 1e9:.0f} s in all" in PAGE
    )
