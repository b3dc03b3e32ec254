"""A policy behind a camera that was bumped makes no chunk, says why, and goes on when the camera is back."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from bench.policy_rig import CommandPeer, PlainCamera, wait_until
from interfaces.calibration_config import CalibrationConfig
from interfaces.messages import Rgb
from interfaces.robot_config import RobotConfig
from runtime.policy.bundle import LoadedBundle
from runtime.policy.view.pinhole import Array
from runtime.policy.view.view_guard import KnownView, ViewGuard
from runtime.policy_process import PolicyProcess

CONFIG = CalibrationConfig(folder="c", require=(), max_age_days=30.0, offsets="record", view="check")


class TableCamera(PlainCamera):
    """A camera that shows a table."""

    shown: Rgb

    def _picture(self) -> Rgb:  # pyright: ignore[reportImplicitOverride] - typing has it from 3.12 on
        rgb = self.shown.copy()
        rgb[0, 0] = self.frames % 256  # never the very same
        return rgb


@pytest.fixture
def table_camera(robot: RobotConfig, textured: Any) -> TableCamera:
    """A camera that stands where it should."""
    camera = TableCamera(robot.cameras[0])
    camera.shown = textured.see().rgb
    return camera


@pytest.fixture
def process(
    robot: RobotConfig, tiny_bundle: LoadedBundle, table_camera: TableCamera, textured: Any, peer: CommandPeer
) -> Iterator[PolicyProcess]:
    """A policy process with a guard, told what to follow, not started."""
    assert peer.chunks == []
    known = KnownView(
        landmarks=textured.landmarks(), pinhole=textured.pinhole, aligned=False, command="forerun calibrate view r.toml"
    )
    process = PolicyProcess(robot, tiny_bundle, [table_camera], guards={"front": ViewGuard(known, CONFIG)})
    process.follow("push")
    yield process
    process.close()


def test_no_chunk_before_the_camera_is_back(
    process: PolicyProcess, peer: CommandPeer, table_camera: TableCamera, textured: Any, pushed: Callable[..., Array]
) -> None:
    table_camera.shown = textured.see(pushed((15, 0, 0), (0, 0, 0))).rgb
    process.start()
    wait_until(lambda: "view front" in process.status()["faults"], "the fault")
    fault = process.status()["faults"]["view front"]
    assert "the camera was moved by" in fault
    assert "forerun calibrate view r.toml" in fault
    time.sleep(0.3)
    assert peer.chunks == []
    table_camera.shown = textured.see(seed=1).rgb
    peer.wait_for_chunks(5)
    wait_until(lambda: process.status()["faults"] == {}, "the fault to be over")


def test_a_camera_opened_anew_is_looked_at_before_the_next_chunk(
    process: PolicyProcess, peer: CommandPeer, table_camera: TableCamera
) -> None:
    process.start()
    peer.wait_for_chunks(5)
    table_camera.lost = True
    wait_until(lambda: "camera front" in process.status()["faults"], "the loss")
    table_camera.shown = np.full_like(table_camera.shown, 20)  # and somebody's hand is before it
    table_camera.lost = False
    wait_until(lambda: "view front" in process.status()["faults"], "the fault")
    assert "cannot tell" in process.status()["faults"]["view front"]
