"""The UVC driver: pixels of a real video through OpenCV, and everything that goes wrong on a camera made of a virtual clock."""

from __future__ import annotations

import errno
import os
from collections import deque
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.camera_rig import camera_config
from drivers.open_camera import open_camera
from drivers.uvc import GIVE_UP_NS, PROMPT_NS, RESTARTS_MAX, WARM_UP_FRAMES, UvcCamera
from drivers.uvc_source import BUFFERS, Bgr, VideoDevice
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError, DeviceLostError

SIZE_PX = (64, 48)
RATE_HZ = 30
PERIOD_NS = 33_333_333
LATENCY_NS = 20_000_000  # what bench/camera_rig.py asks for
STALE_NS = 500_000_000


def asked(path: str = "/dev/video0", *, size_px: tuple[int, int] = SIZE_PX, rate_hz: int = RATE_HZ) -> CameraConfig:
    return replace(camera_config(depth=False, size_px=size_px, rate_hz=rate_hz), driver="uvc", serial=path)


def colours(number: int) -> Bgr:
    """Left half blue, right half red, brighter from frame to frame."""
    picture = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    picture[:, : SIZE_PX[0] // 2, 0] = 60 + 4 * number
    picture[:, SIZE_PX[0] // 2 :, 2] = 60 + 4 * number
    return picture


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Motion JPEG of 40 frames."""
    path = tmp_path_factory.mktemp("video") / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, SIZE_PX)
    for number in range(40):
        writer.write(colours(number))
    writer.release()
    return path


def playing(path: Path) -> VideoDevice:
    """The driver's own source, with OpenCV reading a file in the camera's stead: all of it but the V4L2 calls."""
    return VideoDevice(
        str(path), open_capture=cv2.VideoCapture, poll=lambda _capture, timeout_ns: timeout_ns > PROMPT_NS
    )


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
        return colours(0), (t_frame_ns + self.stamp_offset_ns) / 1e6

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


def test_a_video_comes_through_in_rgb_in_memory_of_its_own(video: Path) -> None:
    camera = UvcCamera(asked(str(video)), playing(video))
    camera.open()
    frames = [camera.read(1.0) for _ in range(10)]
    camera.close()
    for count, frame in enumerate(frames):
        assert frame is not None
        assert frame.rgb.shape == (48, 64, 3)
        assert frame.rgb.flags.c_contiguous
        assert not frame.rgb.flags.writeable
        expected = colours(WARM_UP_FRAMES + count)[:, :, ::-1].astype(int)
        inner = np.abs(frame.rgb.astype(int) - expected)[:, [*range(24), *range(40, 64)]]  # JPEG smears at the edge
        assert inner.max() < 4  # the next frame is 4 brighter
    brightness = [int(frame.rgb[0, -1, 0]) for frame in frames if frame is not None]
    assert brightness[-1] > brightness[0]  # each kept as it was, not one memory reused


def test_a_source_that_ends_is_started_anew(video: Path) -> None:
    camera = UvcCamera(asked(str(video)), playing(video))
    camera.open()
    frames = [camera.read(60.0) for _ in range(50)]
    camera.close()
    assert all(frame is not None for frame in frames)
    red = [int(frame.rgb[0, -1, 0]) for frame in frames if frame is not None]
    n_left = 40 - WARM_UP_FRAMES
    assert red[n_left] < red[0] < red[n_left - 1]  # the video begins again


@pytest.mark.parametrize(("size_px", "rate_hz"), [((80, 48), RATE_HZ), (SIZE_PX, 60)], ids=["size", "rate"])
def test_a_stream_that_it_has_not_is_refused_with_what_it_gives(
    video: Path, size_px: tuple[int, int], rate_hz: int
) -> None:
    camera = UvcCamera(asked(str(video), size_px=size_px, rate_hz=rate_hz), playing(video))
    with pytest.raises(DeviceError, match=rf"does not offer {size_px[0]}x48 at {rate_hz} Hz: it gives 64x48 at 30 Hz"):
        camera.open()


def test_a_camera_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    camera = open_camera(asked(str(tmp_path / "video7")))
    with pytest.raises(DeviceLostError, match=r"camera front \(.*video7\): not there.*plugged in.*forerun devices"):
        camera.open()


def test_a_camera_without_permission_is_named_with_the_remedy(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", forbid)
    with pytest.raises(DeviceError, match=r"no permission: add the user to the group.*video"):
        open_camera(asked(str(video))).open()


def test_what_is_no_camera_is_said(video: Path) -> None:
    with pytest.raises(DeviceError, match="does not open as a camera"):
        open_camera(asked(str(video))).open()


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
