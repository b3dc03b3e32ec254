"""Plain cameras as Video4Linux tells of them, by an emulated driver that fills in the kernel's own structures."""

from __future__ import annotations

import errno
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.find import video as v4l2
from drivers.find.video import VideoMode, find_video

YUYV, MJPG = (int.from_bytes(name, "little") for name in (b"YUYV", b"MJPG"))
SIZES = {YUYV: [(640, 480)], MJPG: [(640, 480), (1280, 720)]}
RATES = {(YUYV, 640): [(1, 30), (1, 15)], (MJPG, 640): [(1, 30)], (MJPG, 1280): [(1001, 30000)]}
CAPTURE, METADATA = 0x04200001, 0x04A00000  # with streaming and extended formats, as uvcvideo says


class Driver:
    """What the kernel answers to each ioctl; nodes by their file's inode."""

    def __init__(self) -> None:
        self.nodes: dict[int, tuple[bytes, int]] = {}
        self.fails_with: int | None = None

    def ioctl(self, fd: int, request: int, memory: bytearray) -> int:
        if self.fails_with is not None:
            raise OSError(self.fails_with, os.strerror(self.fails_with))
        assert len(memory) == request >> 16 & 0x3FFF  # the number tells the structure's size
        card, capabilities = self.nodes[os.fstat(fd).st_ino]
        (index,) = struct.unpack_from("<I", memory)
        if request == v4l2.VIDIOC_QUERYCAP:
            device = capabilities | 0x80A00001 | CAPTURE
            memory[:] = struct.pack("<16s32s32s6I", b"uvcvideo", card, b"usb-1", 0x60100, device, capabilities, 0, 0, 0)
            return 0
        entries = self._entries(request, memory)
        if index >= len(entries):
            raise OSError(errno.EINVAL, "the list is over")
        entries[index](memory)
        return 0

    def _entries(self, request: int, memory: bytearray) -> list[Callable[[bytearray], None]]:
        kind = struct.unpack_from("<I", memory, 4)[0]
        if request == v4l2.VIDIOC_ENUM_FMT:
            assert kind == 1  # of capture
            return [_fill("<I", 44, code) for code in SIZES]
        if request == v4l2.VIDIOC_ENUM_FRAMESIZES:
            return [_fill("<III", 8, 1, *size) for size in SIZES[kind]]
        width = struct.unpack_from("<I", memory, 8)[0]
        return [_fill("<III", 16, 1, *rate) for rate in RATES[kind, width]]


def _fill(layout: str, offset: int, *values: int) -> Callable[[bytearray], None]:
    return lambda memory: struct.pack_into(layout, memory, offset, *values)


class Machine:
    def __init__(self, root: Path) -> None:
        self.sys, self.dev, self.driver = root / "sys", root / "dev", Driver()
        (self.dev / "v4l" / "by-id").mkdir(parents=True)

    def plug(self, number: int, card: str, capabilities: int = CAPTURE) -> Path:
        device = self.dev / f"video{number}"
        device.touch()
        self.driver.nodes[device.stat().st_ino] = (card.encode(), capabilities)
        folder = self.sys / "class" / "video4linux" / device.name
        folder.mkdir(parents=True)
        (folder / "name").write_text(card + "\n")
        return device

    def find(self) -> list[v4l2.FoundVideo]:
        return find_video(self.sys, self.dev, self.driver.ioctl)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_camera_tells_its_name_and_what_it_offers(machine: Machine) -> None:
    device = machine.plug(0, "HD Webcam C270")
    link = machine.dev / "v4l" / "by-id" / "usb-046d_C270-video-index0"
    link.symlink_to(device)
    (video,) = machine.find()
    assert (video.path, video.device) == (str(link), str(device))
    assert (video.name, video.driver, video.trouble) == ("HD Webcam C270", "uvcvideo", "")
    assert video.modes == (
        VideoMode("YUYV", 640, 480, (30.0, 15.0)),
        VideoMode("MJPG", 640, 480, (30.0,)),
        VideoMode("MJPG", 1280, 720, (29.97,)),
    )


def test_a_node_without_pictures_and_a_realsense_are_left_out(machine: Machine) -> None:
    machine.plug(0, "Webcam")
    machine.plug(1, "Webcam", METADATA)
    machine.plug(2, "Intel(R) RealSense(TM) Depth Ca")
    machine.plug(10, "Other")
    assert [Path(video.device).name for video in machine.find()] == ["video0", "video10"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EACCES, "no permission.*group"), (errno.EBUSY, "busy"), (errno.ENODEV, "does not answer: No such device")],
)
def test_a_camera_that_cannot_be_asked_is_listed_with_the_reason(machine: Machine, number: int, remedy: str) -> None:
    machine.plug(0, "Webcam")
    machine.driver.fails_with = number
    (video,) = machine.find()
    assert video.name == "Webcam"
    assert re.search(remedy, video.trouble)


def test_a_device_file_that_just_went_is_listed_with_the_reason(machine: Machine) -> None:
    machine.plug(0, "Webcam").unlink()
    (video,) = machine.find()
    assert "No such file" in video.trouble


def test_a_machine_without_cameras_has_none(tmp_path: Path) -> None:
    assert find_video(tmp_path, tmp_path) == []
