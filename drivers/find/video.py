"""The plain cameras of this machine: Video4Linux devices, with the sizes and rates they offer. Opened to ask, never streamed.

Structures and numbers: Linux, include/uapi/linux/videodev2.h; the same on x86-64 and aarch64.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivers.holders import Holder, find_holders
from drivers.serial.adapters import DEV, SYS, stable_name

VIDIOC_QUERYCAP = 0x80685600
VIDIOC_ENUM_FMT = 0xC0405602
VIDIOC_ENUM_FRAMESIZES = 0xC02C564A
VIDIOC_ENUM_FRAMEINTERVALS = 0xC034564B
CAPABILITY = struct.Struct("=16s32s32sIII12x")
FORMAT = struct.Struct("=III32sI16x")  # index, type, flags, description, pixel format
FRAME_SIZE = struct.Struct("=IIIII24x")  # index, pixel format, type, width, height
FRAME_INTERVAL = struct.Struct("=IIIIIII24x")  # index, pixel format, width, height, type, numerator, denominator
CAPTURES = 0x1001  # VIDEO_CAPTURE, VIDEO_CAPTURE_MPLANE
PER_NODE = 0x80000000  # the second field of capabilities is of this node, not of the whole device
CAPTURE_TYPE = 1
DISCRETE = 1
ENTRIES_MAX = 64  # of any list; a driver that never ends is broken

Ioctl = Callable[[int, int, bytearray], int]  # (file, request, structure, filled in)


@dataclass(frozen=True, slots=True)
class VideoMode:
    """One size, as it comes in one pixel format."""

    pixel_format: str  # "YUYV", "MJPG"
    width_px: int
    height_px: int
    rates_hz: tuple[float, ...]  # empty where the driver has no list


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVideo:
    """One camera."""

    path: str  # the name that stays
    device: str  # "/dev/video0", until it is plugged in again
    name: str
    driver: str  # of the kernel: "uvcvideo"
    modes: tuple[VideoMode, ...]
    holders: tuple[Holder, ...]
    trouble: str = ""  # why nothing more is known, with the remedy


def find_video(sys: Path = SYS, dev: Path = DEV, ioctl: Ioctl = fcntl.ioctl) -> list[FoundVideo]:
    """Return the cameras with pictures, by device file; a RealSense's own nodes are librealsense's business and left out."""
    folder = sys / "class" / "video4linux"
    names = sorted((entry.name for entry in folder.glob("video*")), key=lambda name: (len(name), name))
    found = [_look(dev / name, _text(folder / name / "name"), dev, ioctl) for name in names]
    return [video for video in found if video is not None and "RealSense" not in video.name]


def _look(device: Path, name: str, dev: Path, ioctl: Ioctl) -> FoundVideo | None:
    """Return one device; None for one that gives no pictures, as the metadata node of every UVC camera."""
    path = stable_name(device, dev / "v4l")
    holders = tuple(find_holders(str(device)))
    try:
        fd = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return FoundVideo(
            path=path, device=str(device), name=name, driver="", modes=(), holders=holders, trouble=_trouble(error)
        )
    try:
        driver, card, captures = _capability(fd, ioctl)
        modes = tuple(_modes(fd, ioctl)) if captures else ()
    except OSError as error:
        return FoundVideo(
            path=path, device=str(device), name=name, driver="", modes=(), holders=holders, trouble=_trouble(error)
        )
    finally:
        os.close(fd)
    if not captures:
        return None
    return FoundVideo(path=path, device=str(device), name=card or name, driver=driver, modes=modes, holders=holders)


def _capability(fd: int, ioctl: Ioctl) -> tuple[str, str, bool]:
    """Return driver, name, and whether this node gives pictures."""
    memory = bytearray(CAPABILITY.size)
    ioctl(fd, VIDIOC_QUERYCAP, memory)
    driver, card, _bus, _version, of_device, of_node = CAPABILITY.unpack(memory)
    captures = (of_node if of_device & PER_NODE else of_device) & CAPTURES
    return _name(driver), _name(card), bool(captures)


def _modes(fd: int, ioctl: Ioctl) -> Iterator[VideoMode]:
    formats = _listed(fd, ioctl, VIDIOC_ENUM_FMT, lambda index: FORMAT.pack(index, CAPTURE_TYPE, 0, b"", 0))
    for told in formats:
        pixel_format = FORMAT.unpack(told)[4]
        sizes = _listed(fd, ioctl, VIDIOC_ENUM_FRAMESIZES, _of_format(pixel_format))
        for size in sizes:
            _, _, kind, width_px, height_px = FRAME_SIZE.unpack(size)
            if kind != DISCRETE:  # any size between two: a list would be long
                continue
            rates_hz = tuple(_rates(fd, ioctl, pixel_format, width_px, height_px))
            yield VideoMode(
                pixel_format.to_bytes(4, "little").decode("ascii", "replace"), width_px, height_px, rates_hz
            )


def _rates(fd: int, ioctl: Ioctl, pixel_format: int, width_px: int, height_px: int) -> Iterator[float]:
    def request(index: int) -> bytes:
        return FRAME_INTERVAL.pack(index, pixel_format, width_px, height_px, 0, 0, 0)

    for told in _listed(fd, ioctl, VIDIOC_ENUM_FRAMEINTERVALS, request):
        *_, kind, numerator, denominator = FRAME_INTERVAL.unpack(told)
        if kind == DISCRETE and numerator:
            yield round(denominator / numerator, 2)


def _of_format(pixel_format: int) -> Callable[[int], bytes]:
    return lambda index: FRAME_SIZE.pack(index, pixel_format, 0, 0, 0)


def _listed(fd: int, ioctl: Ioctl, request: int, entry: Callable[[int], bytes]) -> Iterator[bytes]:
    """Return the entries of one of the driver's lists, which it ends with an error."""
    with suppress(OSError):
        for index in range(ENTRIES_MAX):
            memory = bytearray(entry(index))
            ioctl(fd, request, memory)
            yield bytes(memory)


def _trouble(error: OSError) -> str:
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "no permission: add the user to the group of the device, mostly `video`"
    if error.errno == errno.EBUSY:
        return "busy: end the process that has it open"
    return f"does not answer: {error.strerror}"


def _name(text: bytes) -> str:
    return text.split(b"\0")[0].decode("utf-8", "replace").strip()


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""
