"""The UVC driver's source: pixels of a real video through OpenCV, and what a person is told where there is no camera to be had."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from bench.camera_rig import camera_config
from drivers.open_camera import open_camera
from drivers.uvc import source as uvc_source
from drivers.uvc.camera import PROMPT_NS, WARM_UP_FRAMES, UvcCamera
from drivers.uvc.source import Bgr, VideoDevice
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError, DeviceLostError

SIZE_PX = (64, 48)
RATE_HZ = 30


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


@pytest.mark.parametrize(("answer", "waits"), [((True, np.array([0], np.int32)), True), ((False, ()), False)])
def test_opencv_s_poll_is_read_right(monkeypatch: pytest.MonkeyPatch, answer: object, waits: bool) -> None:  # noqa: FBT001
    """It answers with an array of indices, and that of the only camera is 0."""
    capture = cv2.VideoCapture()
    asked_ns: list[int] = []

    def wait_any(captures: list[cv2.VideoCapture], *, timeoutNs: int) -> object:  # noqa: N803 - OpenCV's name
        assert captures == [capture]
        asked_ns.append(timeoutNs)
        return answer

    monkeypatch.setattr(uvc_source, "cv2", SimpleNamespace(VideoCapture=SimpleNamespace(waitAny=wait_any)))
    assert uvc_source.poll_v4l2(capture, 0) is waits
    assert uvc_source.poll_v4l2(capture, 5_000_000) is waits
    assert asked_ns == [1, 5_000_000]  # 0 would be for ever


def test_a_camera_that_hangs_up_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_any(*_: object, **__: object) -> object:
        return True, ()

    monkeypatch.setattr(uvc_source, "cv2", SimpleNamespace(VideoCapture=SimpleNamespace(waitAny=wait_any)))
    with pytest.raises(DeviceLostError, match="hung up"):
        uvc_source.poll_v4l2(cv2.VideoCapture(), 0)


def test_a_camera_is_told_by_the_kernels_name_and_its_usb_serial_number(tmp_path: Path, video: Path) -> None:
    usb = tmp_path / "devices" / "usb1" / "1-2"
    (usb / "1-2:1.0").mkdir(parents=True)
    for name, text in (("idVendor", "046d"), ("serial", "8F2A11BC")):
        (usb / name).write_text(f"{text}\n")
    entry = tmp_path / "class" / "video4linux" / video.name
    entry.mkdir(parents=True)
    (entry / "name").write_text("HD Pro Webcam C920\n")
    (entry / "device").symlink_to(usb / "1-2:1.0")
    assert VideoDevice(str(video), sys=tmp_path).describe() == ("HD Pro Webcam C920", "8F2A11BC")
    (usb / "serial").unlink()
    assert VideoDevice(str(video), sys=tmp_path).describe() == ("HD Pro Webcam C920", "")
    assert VideoDevice(str(video), sys=tmp_path / "nothing").describe() == (str(video), "")
