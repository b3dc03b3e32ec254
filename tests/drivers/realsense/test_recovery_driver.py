"""The driver on the ladder: a device that falls silent, is unplugged, vanishes at a reset, and comes back."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

import pyrealsense2 as rs
import pytest

from bench.camera_rig import LONG_S, camera_config, push
from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.recovery import Patience
from drivers.realsense.source import InjectedDevice
from interfaces.errors import DeviceError, DeviceLostError
from interfaces.messages import Frame
from sim.camera.software_realsense import SoftwareRealSense

MS = 1_000_000
QUICK = Patience(
    restart_ns=100 * MS,
    settle_ns=0,
    away_ns=60_000 * MS,
    look_ns=20 * MS,
    back_ns=60_000 * MS,
    first_frame_ns=60_000 * MS,
)


class WobblyCable:
    """A source whose device can be unplugged, and comes back some looks after it was reset or plugged in."""

    replays = False
    warms_up = False
    resettable = True

    def __init__(self) -> None:
        self.asked = camera_config(stale_ms=500.0)
        self.software = SoftwareRealSense(self.asked)
        self._source = InjectedDevice(self.software.device)
        self.label = self._source.label
        self.done = list[str]()
        self.silent = self.plugged = True
        self.looks_away: int | None = 3
        self.failure: RuntimeError | None = None
        self.pipeline: rs.pipeline | None = None

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> rs.device:
        self.done.append("attach")
        if self.failure is not None:
            raise self.failure
        if not self.plugged:
            raise DeviceLostError("no RealSense found (found: none)")
        self.pipeline = pipeline
        return self._source.attach(pipeline, config)

    def prepare(self, pipeline: rs.pipeline, config: rs.config) -> None:
        """Do nothing."""

    def started(self) -> None:
        """Do nothing."""

    def present(self) -> bool:
        self.done.append("look")
        if not self.plugged and self.looks_away is not None:
            self.looks_away -= 1
            self.plugged = self.looks_away == 0
            self.silent = not self.plugged
        return self.plugged

    def reset(self) -> None:
        self.done.append("reset")
        if self.failure is not None:
            raise DeviceError("it does not listen")
        self.plugged = False

    def ended(self) -> bool:
        return False


@contextmanager
def wobbly_camera() -> Generator[tuple[RealSenseCamera, WobblyCable]]:
    """The driver on such a cable, opened; pictures come for as long as it is plugged in and not silent."""
    cable, done = WobblyCable(), threading.Event()

    def feed() -> None:
        number = 0
        while not done.wait(0.01):
            if cable.plugged and not cable.silent:
                push(cable.software, number := number + 1)

    feeder = threading.Thread(target=feed)
    feeder.start()
    camera = RealSenseCamera(cable.asked, cable, patience=QUICK)
    cable.silent = False
    try:
        camera.open()
        while camera.read(LONG_S) is None:
            pass
        yield camera, cable
    finally:
        done.set()
        feeder.join()
        camera.close()


def next_frame(camera: RealSenseCamera) -> Frame:
    for _ in range(1000):
        frame = camera.read(0.1)
        if frame is not None:
            return frame
    raise AssertionError("no frame came")


def read_until_lost(camera: RealSenseCamera) -> None:
    for _ in range(1000):
        camera.read(0.1)


def test_silent_camera_is_restarted_reset_found_again_and_streams(caplog: pytest.LogCaptureFixture) -> None:
    with wobbly_camera() as (camera, cable):
        cable.done.clear()
        before = camera.health()
        cable.silent = True
        while "reset" not in cable.done:
            camera.read(0.1)
        next_frame(camera)
        assert cable.done == ["attach", "attach", "reset", "look", "look", "look", "attach"]
        after = camera.health()
        assert (after.restarts - before.restarts, after.resets) == (3, 1)
    lines = [record.getMessage() for record in caplog.records if "no frame for" in record.getMessage()][-5:]
    assert [line.rpartition("; ")[2] for line in lines[:4]] == [
        "starts again",
        "starts again",
        "told to reset itself",
        "starts again",
    ]
    assert "streams again; no frame for" in lines[4]
    assert "hardware reset after" in lines[4]


def test_unplugged_camera_streams_again_when_it_is_plugged_in() -> None:
    with wobbly_camera() as (camera, cable):
        cable.done.clear()
        cable.silent, cable.plugged = True, False
        while "attach" not in cable.done:
            camera.read(0.1)
        next_frame(camera)
        assert cable.done == ["attach", "look", "look", "look", "attach"]


def test_camera_that_does_not_come_back_is_lost_with_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        f"{__name__}.QUICK", Patience(restart_ns=100 * MS, settle_ns=0, away_ns=300 * MS, look_ns=20 * MS)
    )
    with wobbly_camera() as (camera, cable):
        cable.silent, cable.looks_away = True, None
        with pytest.raises(
            DeviceLostError, match=r"front.*no frame for .* s: restarted after .*reset after .*not found again"
        ):
            read_until_lost(camera)
        with pytest.raises(DeviceLostError, match="not open"):
            camera.read(0.0)
        cable.plugged, cable.silent = True, False
        camera.open()  # a lost camera can be opened again
        next_frame(camera)


def test_camera_that_does_not_start_again_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        f"{__name__}.QUICK", Patience(restart_ns=100 * MS, settle_ns=0, look_ns=20 * MS, back_ns=100 * MS)
    )
    with wobbly_camera() as (camera, cable):
        cable.silent = True
        cable.failure = RuntimeError("xioctl(VIDIOC_S_FMT) failed, errno=16 Last Error: Device or resource busy")
        with pytest.raises(
            DeviceLostError, match=r"does not start again \(.*busy.*hardware reset refused \(it does not"
        ):
            read_until_lost(camera)


def test_pipeline_that_stopped_by_itself_is_started_again() -> None:
    with wobbly_camera() as (camera, cable):
        cable.done.clear()
        assert cable.pipeline is not None
        cable.pipeline.stop()
        while "attach" not in cable.done:
            camera.read(0.1)
        next_frame(camera)


def test_interrupted_while_away_it_returns_at_once() -> None:
    with wobbly_camera() as (camera, cable):
        cable.silent, cable.plugged, cable.looks_away = True, False, None
        while "look" not in cable.done:
            camera.read(0.1)
        camera.interrupt()
        assert camera.read(3600.0) is None
