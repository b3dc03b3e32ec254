"""The UVC driver on a camera made of a virtual clock: stamps, pauses, silence, and a cable that is pulled."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from bench.camera_rig import camera_config
from drivers.uvc.camera import GIVE_UP_NS, RESTARTS_MAX, UvcCamera
from drivers.uvc.source import BUFFERS, Bgr
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceLostError

SIZE_PX = (64, 48)
RATE_HZ = 30
PERIOD_NS = 33_333_333
LATENCY_NS = 20_000_000  # what bench/camera_rig.py asks for
STALE_NS = 500_000_000


def asked(path: str = "/dev/video0", *, size_px: tuple[int, int] = SIZE_PX, rate_hz: int = RATE_HZ) -> CameraConfig:
    return replace(camera_config(depth=False, size_px=size_px, rate_hz=rate_hz), driver="uvc", serial=path)


class FakeCamera:
    """A camera on a virtual clock, with the kernel's few buffers: a frame that finds none free is dropped."""

    label = "/dev/fake"

    def __init__(self) -> None:
        self.t_ns = 10_000_000_000
        self.plugged = True
        self.streams = True  # a camera that hangs starts, and sends nothing
        self.wedged = False  # streams again after a restart
        self.starts = 0
        self.stamp_offset_ns = 0
        self.spoilt = 0  # frames that come undecodable
        self._buffers: deque[int] = deque()
        self._t_next_ns: int | None = None

    def now_ns(self) -> int:
        return self.t_ns

    def describe(self) -> tuple[str, str]:
        return "Fake", ""

    def start(self, asked: CameraConfig) -> None:
        del asked
        if not self.plugged:
            raise DeviceLostError("not there")
        self.starts += 1
        self.wedged = False
        self._t_next_ns = self.t_ns + PERIOD_NS
        self._buffers.clear()

    def wait(self, timeout_ns: int) -> bool:
        t_end_ns = self.t_ns + timeout_ns
        self._fill()
        if self._t_next_ns is not None and not self.plugged:
            raise DeviceLostError("gone: it hung up")
        if not self._buffers and self._flows() and self._t_next_ns is not None and self._t_next_ns <= t_end_ns:
            self.t_ns = self._t_next_ns
            self._fill()
        if not self._buffers:
            self.t_ns = t_end_ns
        return bool(self._buffers)

    def take(self) -> tuple[Bgr, float] | None:
        t_frame_ns = self._buffers.popleft()
        if self.spoilt:
            self.spoilt -= 1
            return None
        return np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8), (t_frame_ns + self.stamp_offset_ns) / 1e6

    def stop(self) -> None:
        self._t_next_ns = None

    def _flows(self) -> bool:
        return self.plugged and self.streams and not self.wedged

    def _fill(self) -> None:
        while self._t_next_ns is not None and self._t_next_ns <= self.t_ns:
            if self._flows() and len(self._buffers) < BUFFERS:
                self._buffers.append(self._t_next_ns)
            self._t_next_ns += PERIOD_NS


@pytest.fixture
def fake() -> FakeCamera:
    return FakeCamera()


@pytest.fixture
def camera(fake: FakeCamera) -> UvcCamera:
    camera = UvcCamera(asked(), fake)
    camera.open()
    return camera


def test_a_frame_is_stamped_by_the_kernel(fake: FakeCamera, camera: UvcCamera) -> None:
    frame = camera.read(1.0)
    assert frame is not None
    t_first_ns = frame.t_capture_ns
    for count in range(1, 20):
        frame = camera.read(1.0)
        assert frame is not None
        assert frame.t_capture_ns == pytest.approx(t_first_ns + count * PERIOD_NS, abs=2000)  # stamps are microseconds
        assert frame.t_arrival_ns - frame.t_capture_ns == pytest.approx(LATENCY_NS, abs=2000)
    assert camera.health().rejected == 0
    assert fake.starts == 1


@pytest.mark.parametrize("offset_ns", [10**12, -(10**12), -(10**10)], ids=["future", "epoch", "start of the stream"])
def test_a_stamp_that_cannot_be_is_replaced_by_the_arrival(fake: FakeCamera, offset_ns: int) -> None:
    fake.stamp_offset_ns = offset_ns
    camera = UvcCamera(asked(), fake)
    camera.open()
    for _ in range(20):
        frame = camera.read(1.0)
        assert frame is not None
        assert frame.t_arrival_ns - frame.t_capture_ns == pytest.approx(LATENCY_NS, abs=2_000_000)


@pytest.mark.parametrize("absent_periods", [1.2, 1.7, 2.2, 2.5, 3.5, 10.0, 1000.0])
def test_the_newest_frame_wins_after_a_pause_of_the_reader(
    fake: FakeCamera, camera: UvcCamera, absent_periods: float
) -> None:
    camera.read(1.0)
    fake.t_ns += round(absent_periods * PERIOD_NS)
    frame = camera.read(1.0)
    assert frame is not None
    # Both buffers filled in the pause's first two periods: neither is what a policy wants.
    assert fake.t_ns - frame.t_capture_ns - LATENCY_NS < 1.5 * PERIOD_NS
    after = camera.read(1.0)
    assert after is not None
    assert fake.t_ns - after.t_capture_ns - LATENCY_NS < PERIOD_NS
    assert camera.health().lost == (0 if absent_periods < 2 else 1 if absent_periods < 3 else 2)


def test_a_reader_that_keeps_up_loses_nothing(fake: FakeCamera, camera: UvcCamera) -> None:
    for _ in range(100):
        assert camera.read(1.0) is not None
        fake.t_ns += PERIOD_NS // 2
    assert camera.health().lost == 0


def test_no_frame_in_time_is_none(fake: FakeCamera, camera: UvcCamera) -> None:
    camera.read(1.0)
    t_ns = fake.t_ns
    assert camera.read(0.01) is None
    assert fake.t_ns - t_ns <= 11_000_000


def test_a_frame_that_cannot_be_decoded_is_counted_and_skipped(fake: FakeCamera, camera: UvcCamera) -> None:
    first = camera.read(1.0)
    fake.spoilt = 1
    second = camera.read(1.0)
    assert first is not None
    assert second is not None
    assert second.number == first.number + 2
    assert camera.health().lost == 1


def test_a_stream_that_hangs_is_started_anew(fake: FakeCamera, camera: UvcCamera) -> None:
    camera.read(1.0)
    fake.wedged = True
    t_ns = fake.t_ns
    assert camera.read(3.0) is not None
    assert fake.starts == 2
    assert camera.health().restarts == 1
    assert STALE_NS <= fake.t_ns - t_ns < STALE_NS + 300_000_000


def test_a_camera_that_stays_silent_is_lost_after_a_bounded_time(fake: FakeCamera, camera: UvcCamera) -> None:
    camera.read(1.0)
    fake.streams = False
    t_ns = fake.t_ns
    with pytest.raises(DeviceLostError, match=rf"camera front \(/dev/fake\): no frame for .*{RESTARTS_MAX} restarts"):
        camera.read(60.0)
    assert fake.starts == 1 + RESTARTS_MAX
    assert fake.t_ns - t_ns < 6_000_000_000
    with pytest.raises(DeviceLostError, match="is not open"):
        camera.read(1.0)


def test_an_unplugged_camera_that_comes_back_goes_on(fake: FakeCamera, camera: UvcCamera) -> None:
    before = camera.read(1.0)
    fake.plugged = False
    assert camera.read(2.0) is None
    fake.plugged = True
    after = camera.read(2.0)
    assert before is not None
    assert after is not None
    assert after.number > before.number
    assert after.t_capture_ns > before.t_capture_ns + 1_900_000_000


def test_an_unplugged_camera_is_lost_after_a_bounded_time(fake: FakeCamera, camera: UvcCamera) -> None:
    camera.read(1.0)
    fake.plugged = False
    t_ns = fake.t_ns
    with pytest.raises(DeviceLostError, match="not there; 0 restarts did not help"):
        camera.read(60.0)
    assert fake.t_ns - t_ns < GIVE_UP_NS + 1_000_000_000


def test_it_opens_again_after_it_was_lost(fake: FakeCamera, camera: UvcCamera) -> None:
    camera.read(1.0)
    fake.plugged = False
    with pytest.raises(DeviceLostError):
        camera.read(60.0)
    fake.plugged = True
    camera.open()
    assert camera.read(1.0) is not None
    assert camera.health().frames == 1
