"""The robot file chooses the driver, and only that one is loaded."""

import subprocess
import sys
from pathlib import Path

from drivers.feetech.arm import FeetechArm
from drivers.open_devices import open_arm
from interfaces.robot_config import load_robot

ROOT = Path(__file__).parents[2]
ROBOT_FILE = ROOT / "robots" / "simulated.toml"


def test_the_driver_named_in_the_robot_file_is_made() -> None:
    assert isinstance(open_arm(load_robot(ROBOT_FILE).arm), FeetechArm)


def test_an_arm_loads_no_camera_and_no_inference_and_nothing_before_it_is_asked_for() -> None:
    program = f"""
import sys
from pathlib import Path
from drivers.open_devices import open_arm
from interfaces.robot_config import load_robot
assert "serial" not in sys.modules
open_arm(load_robot(Path({str(ROBOT_FILE)!r})).arm)
assert "serial" in sys.modules
assert not {{"cv2", "onnxruntime", "pyrealsense2", "mujoco"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
