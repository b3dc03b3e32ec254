"""What goes wrong with a RealSense before the first frame, each with what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from drivers.realsense.models import MODELS, RealSenseModel, parse_firmware, shown_firmware
from interfaces.errors import DeviceError, DeviceLostError

# Where system packages, source builds and ROS put a librealsense beside the one inside our Python package.
LIBRARY_FOLDERS = ("/usr/lib", "/usr/lib/*-linux-gnu", "/usr/local/lib", "/opt/ros/*/lib", "/opt/ros/*/lib/*-linux-gnu")


def start_error(message: str, label: str, streams: str) -> DeviceError:
    """Return the error to raise when librealsense refuses to start with `message`, saying what a person can do."""
    text = message.lower()
    if "busy" in text or "errno=16" in text:
        return DeviceError(
            f"{label}: busy: another process has it; `fuser /dev/video*` tells which, and where none does, plug it anew"
            f" ({message})"
        )
    if "permission" in text or "access" in text or "errno=13" in text:
        return DeviceError(
            f"{label}: no permission: install the udev rules, plug it anew, or join the group that owns it ({message})"
        )
    if "couldn't resolve requests" in text:
        return DeviceError(
            f"{label}: does not offer {streams} together; on USB 2, or at lower rates, others are ({message})"
        )
    if "no device connected" in text or "disconnected" in text or "no such device" in text or "errno=19" in text:
        return DeviceLostError(f"{label}: gone while starting: check cable and power ({message})")
    return DeviceError(f"{label}: cannot start {streams}: {message}")


def not_found_error(wanted: str, shown: str) -> DeviceLostError:
    """Return the error to raise where the camera `wanted` is not among those that `shown` names."""
    with_imu = ", ".join(model.name for model in MODELS if model.imu)
    return DeviceLostError(
        f"no {wanted} found (found: {shown}); is it plugged in, and are the udev rules installed?"
        f" (one with an IMU, {with_imu}, needs a kernel with hidraw, which JetPack 6 lacks)"
    )


def usb2_error(shown: str) -> DeviceError:
    """Return the error to raise for a camera on USB 2, where it offers other profiles and drops frames on those it shares."""
    return DeviceError(f"{shown}: needs USB 3; use another port, or a short USB 3 cable")


def firmware_warnings(model: RealSenseModel | None, firmware: str, recommended: str) -> list[str]:
    """Return what to say about a camera's firmware; `recommended` is librealsense's, empty where it names none."""
    has = parse_firmware(firmware)
    if not has:
        return []
    least, wanted = model.firmware_min if model else (), parse_firmware(recommended)
    remedy = f"update it: rs-fw-update -f, to {shown_firmware(wanted) if wanted else 'a newer one'}"
    if has < least:
        return [
            f"firmware {shown_firmware(has)} is older than {shown_firmware(least)}, the oldest that works; {remedy}"
        ]
    if wanted and has < wanted:
        return [f"firmware {shown_firmware(has)} is older than librealsense recommends; {remedy}"]
    return []


def model_warnings(model: RealSenseModel | None, name: str) -> list[str]:
    """Return what to say about a camera that forerun does not know."""
    known = ", ".join(one.name for one in MODELS)
    return [] if model else [f"{name} is not one of the models tried ({known}); it may work"]


def metadata_warning() -> str:
    """Return what to say about a camera whose frames carry the host's clock only."""
    return (
        "frames carry no metadata, so their age is arrival less latency_ms: the kernel's UVC driver lacks librealsense's patch"
        " (scripts/patch-realsense-ubuntu-*.sh, or build librealsense with FORCE_RSUSB_BACKEND)"
    )


def librealsense_copies(folders: Iterable[str] = LIBRARY_FOLDERS, root: Path = Path("/")) -> list[Path]:
    """Return the librealsense libraries installed outside our own Python package, each once, however many links lead to it."""
    found = {
        library.resolve()
        for folder in folders
        for library in root.glob(f"{folder.lstrip('/')}/librealsense2.so*")
        if library.is_file()
    }
    return sorted(found)


def copies_warnings(copies: list[Path]) -> list[str]:
    """Return what to say about other librealsense libraries, whose udev rules and tools fit another version."""
    if not copies:
        return []
    shown = ", ".join(map(str, copies))
    return [
        f"other copies of librealsense are installed: {shown}; keep one: remove the packages librealsense2 and"
        " ros-*-librealsense2, or a build of your own (librealsense #12566)"
    ]
