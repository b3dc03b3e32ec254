"""A policy process that hangs, fails and misses its camera when it is told to: for tests of it as a service."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What hangs, hangs once a file "hang" is there; a camera is missing while there is a file "missing".
_PROGRAM = """
import ctypes, faulthandler, sys, time
from pathlib import Path
root, robot_file, hangs = sys.argv[1:]
sys.path.insert(0, root)
from bench.policy_rig import PlainCamera
from interfaces.errors import DeviceLostError
from runtime.policy import progress_watch
from runtime.policy.action_stage import ActionStage
from runtime.policy.camera_loop import CameraLoop
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy.onnx_engine import OnnxEngine
from runtime.policy_process import run
from runtime.unblocking_log import log_to

def hang():
    while Path("hang").exists():
        time.sleep(0.05)

def hang_and_keep_the_lock():
    ctypes.PyDLL(None).sleep(600)  # a C function that never gives Python's lock back

def hanging(real, how=hang):
    def call(*args, **named):
        if Path("hang").exists():
            how()
        return real(*args, **named)
    return call

class Camera(PlainCamera):
    def open(self):
        if Path("missing").exists():
            raise DeviceLostError("camera front: no device connected")
        super().open()

if hangs == "foresight":
    ForesightStage.foresee = hanging(ForesightStage.foresee)
if hangs == "foresight, with Python's lock":
    ForesightStage.foresee = hanging(ForesightStage.foresee, hang_and_keep_the_lock)
if hangs == "action":
    ActionStage.act = hanging(ActionStage.act)
if hangs == "no: not finite":
    right = OnnxEngine.run
    def run_wrong(self, inputs):
        factor = float("nan") if Path("hang").exists() else 1
        return {name: value * factor for name, value in right(self, inputs).items()}
    OnnxEngine.run = run_wrong
if hangs == "camera front":
    Camera.read = hanging(Camera.read)
if hangs == "camera front, opened":
    Camera.open = hanging(Camera.open)
CameraLoop.patience_ns = 3_000_000_000
progress_watch.READY_PATIENCE_NS = 2_000_000_000
faulthandler.enable()
log_to(2, "policy")
shelf = Path("state") if Path("state").exists() else None
sys.exit(run(Path(robot_file), Camera, follow=None if hangs == "no: robot file" else "push", shelf=shelf))
"""


def policy_that(hangs: str, robot_file: Path) -> list[str]:
    """Return the command of a policy process in which `hangs` will hang; see above."""
    return [sys.executable, "-c", _PROGRAM, str(ROOT), str(robot_file), hangs]


def write_robot(folder: Path, robot_file: Path, **changes: str) -> Path:
    """Write a robot file whose bundle is the tiny one, with keys of its policy added, and return where."""
    text = robot_file.read_text().replace("bundles/so101-small", str(ROOT / "tests/data/tiny_bundle"))
    for key, value in changes.items():
        text = text.replace("[policy]\n", f"[policy]\n{key} = {value}\n")
    (folder / "robot.toml").write_text(text)
    return folder / "robot.toml"
