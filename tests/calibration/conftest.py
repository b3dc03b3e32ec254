"""What the tests of the records share: a robot with a folder of records, and a workplace whose operator only listens."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from rich.console import Console

from bench.record_rig import RecordRig
from calibration.session.clock import MonotonicClock
from calibration.session.workplace import Workplace
from calibration.session.yes_operator import YesOperator
from drivers.arm import Arm
from drivers.camera import Camera
from interfaces.arm_config import AnyArmConfig
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraIntrinsics

settings.register_profile("records", deadline=None)  # examples are not timed: a busy machine makes any of them slow
settings.load_profile("records")


class Listener(YesOperator):
    """Takes each default, and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(MonotonicClock(), "Ann")
        self._console = Console(width=120, record=True, file=io.StringIO())

    @property
    def said(self) -> str:
        """Return all of it."""
        return self._console.export_text(clear=False)


def no_arm(config: AnyArmConfig) -> Arm:
    raise AssertionError(f"the arm on {config.port} was asked for")


def no_camera(config: CameraConfig) -> Camera:
    raise AssertionError(f"camera {config.name} was asked for")


@pytest.fixture
def rig(tmp_path: Path) -> RecordRig:
    """A robot that requires its joints record, of whatever age; it has none yet."""
    return RecordRig(tmp_path, max_age_days=36500.0)


@pytest.fixture
def listener() -> Listener:
    """An operator who says yes."""
    return Listener()


@pytest.fixture
def at_work(listener: Listener) -> Callable[[RecordRig], Workplace]:
    """Makes the workplace of a robot."""

    def make(rig: RecordRig) -> Workplace:
        return Workplace(
            robot=rig.robot,
            records=rig.folder,
            pictures=rig.folder / "pictures",
            operator=listener,
            clock=MonotonicClock(),
            make_arm=no_arm,
            make_camera=no_camera,
        )

    return make


@pytest.fixture
def maker() -> CameraIntrinsics:
    """Return what a maker says of a camera."""
    return CameraIntrinsics(
        width_px=1280, height_px=720, focal_x_px=912.0, focal_y_px=911.0, centre_x_px=641.0, centre_y_px=358.0
    )
