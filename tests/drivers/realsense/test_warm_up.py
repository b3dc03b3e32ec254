"""When an exposure counts as settled, on given numbers; and the driver that waits for it."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.camera_rig import camera_config
from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.recovery import Patience
from drivers.realsense.source import InjectedDevice
from drivers.realsense.warm_up import FRAMES_MAX, FRAMES_MIN, STEADY_FRAMES, Exposure, ExposureSettling
from sim.camera.software_realsense import SoftwareRealSense


def frames_until_over(measured: list[tuple[Exposure | None, float]]) -> ExposureSettling:
    """Add frames, the last again and again, until it is over."""
    settling = ExposureSettling()
    for index in range(10 * FRAMES_MAX):
        settling.add(*measured[min(index, len(measured) - 1)])
        if settling.over:
            return settling
    raise AssertionError("never over")


def exposures(*times: int, gain: int = 16) -> list[tuple[Exposure | None, float]]:
    return [(Exposure(time=time, gain=gain), 0.0) for time in times]


def test_a_steady_exposure_is_believed_after_the_least_number_of_frames() -> None:
    settling = frames_until_over(exposures(8000))
    assert (settling.settled, settling.frames, settling.seen_by) == (True, FRAMES_MIN, "exposure")


def test_an_exposure_that_creeps_is_waited_for() -> None:
    creeping = [round(1000 * 1.06**k) for k in range(40)]
    settling = frames_until_over(exposures(*creeping))
    assert settling.settled
    assert settling.frames == len(creeping) + STEADY_FRAMES - 1


def test_gain_that_grows_while_the_time_stands_is_not_settled() -> None:
    growing: list[tuple[Exposure | None, float]] = [(Exposure(time=8000, gain=16 + 4 * k), 0.0) for k in range(30)]
    assert frames_until_over(growing).frames > 30


def test_without_metadata_it_is_the_brightness() -> None:
    darkness: list[tuple[Exposure | None, float]] = [(None, 4.0 * k) for k in range(30)]
    settling = frames_until_over(darkness)
    assert (settling.settled, settling.seen_by) == (True, "brightness")
    assert settling.frames > 20


def test_one_that_never_settles_is_waited_for_no_longer_than_the_most() -> None:
    flicker: list[tuple[Exposure | None, float]] = [(None, 100.0 if k % 2 else 50.0) for k in range(2 * FRAMES_MAX)]
    settling = frames_until_over(flicker)
    assert (settling.settled, settling.frames) == (False, FRAMES_MAX)


@given(
    st.lists(
        st.tuples(st.none() | st.builds(Exposure, time=st.integers(0), gain=st.integers(0)), st.floats(0, 255)),
        min_size=1,
    )
)
def test_whatever_comes_it_is_over_in_bounds(measured: list[tuple[Exposure | None, float]]) -> None:
    settling = frames_until_over(measured)
    assert FRAMES_MIN <= settling.frames <= FRAMES_MAX


class WarmingUp(InjectedDevice):
    """A device made of software whose exposure has to settle, as that of a real one."""

    warms_up = True


@pytest.mark.parametrize("told_by", ["exposure", "brightness"])
def test_the_driver_opens_when_the_exposure_has_settled(told_by: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    asked = camera_config()
    software, done = SoftwareRealSense(asked), threading.Event()
    dark = 30  # frames that grow brighter; told by their exposure, or seen

    def feed() -> None:
        number = 0
        while not done.wait(0.01):
            number = max(number + 1, 1)
            level = min(number, dark)
            software.exposure = (100 * level, 16) if told_by == "exposure" else None
            rgb = np.full((240, 424, 3), 100 if told_by == "exposure" else 4 * level, np.uint8)
            software.push(rgb, np.zeros((240, 424), np.uint16), time.monotonic_ns(), number)

    feeder = threading.Thread(target=feed)
    camera = RealSenseCamera(asked, WarmingUp(software.device), patience=Patience(first_frame_ns=60_000_000_000))
    feeder.start()
    try:
        camera.open()
        frame = camera.read(60.0)
    finally:
        done.set()
        feeder.join()
        camera.close()
    assert frame is not None
    assert frame.number > dark
    assert f"{told_by} settled after" in caplog.text
