"""The self-test of an installation, before anything of it is in charge: does it import, open its bundles, and keep an arm's beat here?

Run as the user of the services, so that what they could not read shows now. The arm is emulated: no bus, no camera is touched.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bench.command_rig import SIMULATED_ROBOT
from bench.doctor.loop_trial import LoopPlan, run_loop
from interfaces.errors import BundleError, CalibrationError, ConfigError, DeviceError, RefusedError
from interfaces.robot_config import RobotConfig, load_robot
from runtime.policy.bundle import bundle_folder, open_bundle
from runtime.record_findings import examine

_ROOMS = ("interfaces", "drivers", "runtime", "calibration", "provision")
# What these rooms import only where it is needed, and the robot's file may need tomorrow.
_LIBRARIES = (
    "numpy", "onnxruntime", "pyrealsense2", "cv2", "serial", "can", "canopen", "ruckig", "foxglove", "mcap", "PIL",
    "prometheus_client", "cryptography", "rich", "scipy", "matplotlib", "gpiod",
)  # fmt: skip
_LOOP_S = 2.0
ROBOT_FILE_ROW = "robot file"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; a remark is no failure."""

    name: str
    verdict: str  # good, "remark" or FAILED
    what: str

    @property
    def failed(self) -> bool:
        """Return whether the installation must not be used."""
        return self.verdict == "FAILED"


def self_test(robot_file: Path | None) -> Iterator[Row]:
    """Run every part, and return its line as soon as it is known; a part that fails does not keep the others from running."""
    yield _tried("packages", _import_libraries)
    yield _tried("modules", _import_rooms)
    yield _tried("bundle", lambda: _open(SIMULATED_ROBOT, load_robot(SIMULATED_ROBOT)))
    if robot_file is not None:
        yield from _robot_rows(robot_file)
    yield _tried("loop", _run_loop)


def _tried(name: str, part: Callable[[], str]) -> Row:
    try:
        return Row(name, "good", part())
    except (ImportError, OSError, BundleError, CalibrationError, ConfigError, DeviceError, RefusedError) as error:
        return Row(name, "FAILED", str(error) or type(error).__name__)


def _import_libraries() -> str:
    for name in _LIBRARIES:
        importlib.import_module(name)
    return f"{len(_LIBRARIES)} libraries"


def _import_rooms() -> str:
    count = 0
    for room in _ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(module.name)
            count += 1
    return f"{count} modules of {', '.join(_ROOMS)}"


def _open(robot_file: Path, robot: RobotConfig) -> str:
    bundle = open_bundle(bundle_folder(robot_file, robot), robot)
    return f"{bundle.manifest.name} reproduces its reference, positions within {bundle.action_off_rad:.1e} rad"


def _robot_rows(robot_file: Path) -> Iterator[Row]:
    """Return what is to be said of the user's own robot.

    What is missing there is to be done by a person, and is no fault of this installation; a file that it cannot read is.
    """
    try:
        robot = load_robot(robot_file)
        findings = examine(robot_file, robot, datetime.now(timezone.utc))
    except (ConfigError, CalibrationError, OSError) as error:
        yield Row(ROBOT_FILE_ROW, "FAILED", str(error))
        return
    yield Row(ROBOT_FILE_ROW, "good", f"{robot.name}, {robot.arm.driver}, {robot.arm.rate_hz:g} Hz")
    for finding in findings:
        if finding.state != "good" and (finding.required or finding.state != "missing"):
            yield Row("calibration", "remark", finding.why)
    if bundle_folder(robot_file, robot).exists():
        yield _tried("its bundle", lambda: _open(robot_file, robot))
    else:
        yield Row("its bundle", "remark", f"{bundle_folder(robot_file, robot)} is not there yet")


def _run_loop() -> str:
    """Run the real command process on emulated servos.

    How well it kept the beat is told and not judged: this runs beside whatever else the robot does, and without its rights.
    """
    plan = LoopPlan(robot_file=SIMULATED_ROBOT, on_robot=False, duration_s=_LOOP_S, hogs=0)
    summary = run_loop(plan, lambda _: None).summary
    if not summary.commands:
        raise RefusedError("the command process sent no command")
    return f"{summary.commands} commands to emulated servos, period error p99 {summary.period_error.p99_ms:.1f} ms"
