"""Where the RealSense driver's frames come from: a connected camera, a recording, or a device made of software."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyrealsense2 as rs

from interfaces.errors import DeviceError, DeviceLostError


class Source(Protocol):
    """One device that a pipeline can be tied to, again after each restart."""

    label: str  # for messages
    replays: bool  # its stamps are of another day, and it may end
    warm_up_frames: int  # to throw away until the exposure has settled

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> None:
        """Tie `pipeline` to the device, the streams being set in `config`; raises DeviceError where there is none to tie to."""
        ...

    def ended(self) -> bool:
        """Return whether no frame will ever come again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCamera:
    """One RealSense on this machine."""

    name: str
    serial: str
    usb: str  # "3.2", "2.1"; empty where it hangs on another bus

    def shown(self) -> str:
        """Return it in a few words."""
        return f"{self.name} {self.serial}" + (f" on USB {self.usb}" if self.usb else "")


def choose_camera(serial: str, found: list[FoundCamera]) -> FoundCamera:
    """Return the camera with `serial`, or the only one where `serial` is empty; raises DeviceError saying what there is."""
    shown = ", ".join(camera.shown() for camera in found) or "none"
    fitting = [camera for camera in found if serial in {"", camera.serial}]
    if not fitting:
        wanted = f"RealSense with serial {serial}" if serial else "RealSense"
        raise DeviceLostError(
            f"no {wanted} found (found: {shown}); is it plugged in, and are the udev rules installed?"
        )
    if len(fitting) > 1:
        raise DeviceError(f"several RealSense found ({shown}); set `serial` in the robot file")
    # On USB 2 the camera offers other profiles, and drops frames on the ones it shares.
    if fitting[0].usb.startswith("2"):
        raise DeviceError(f"{fitting[0].shown()}: needs USB 3; use another port, or a short USB 3 cable")
    return fitting[0]


class ConnectedCamera:
    """A camera on this machine, by serial number, or the only one there is."""

    replays = False
    warm_up_frames = 15  # half a second at 30 Hz: the first reads of a cold D435 are dark

    def __init__(self, serial: str) -> None:
        """Take the serial number, or an empty string for the only camera."""
        self._serial = serial
        self.label = f"RealSense {serial}".strip()

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> None:  # noqa: ARG002 - by serial, not by pipeline
        """Look for the camera first: starting a pipeline without one takes librealsense 15 s to refuse."""
        config.enable_device(choose_camera(self._serial, find_cameras()).serial)

    def ended(self) -> bool:
        """Return False: a camera goes on."""
        return False


class Recording:
    """A .db3 or .bag file that librealsense recorded."""

    replays = True
    warm_up_frames = 0

    def __init__(self, path: Path, *, real_time: bool = True, repeat: bool = False) -> None:
        """Play at the pace of recording, or, not `real_time`, each frame as soon as the one before it was read."""
        self._path, self._real_time, self._repeat = path, real_time, repeat
        self._playback: rs.playback | None = None
        self.label = f"recording {path}"

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> None:
        """Open the file, and set its pace before the first frame can be lost."""
        if not self._path.is_file():
            raise DeviceError("no such file")
        config.enable_device_from_file(str(self._path), self._repeat)
        self._playback = config.resolve(rs.pipeline_wrapper(pipeline)).get_device().as_playback()
        self._playback.set_real_time(self._real_time)

    def ended(self) -> bool:
        """Return whether the file has been played to its end."""
        return self._playback is not None and self._playback.current_status() == rs.playback_status.stopped


class InjectedDevice:
    """A librealsense device object of the caller's: a software_device, or a recorder around any device."""

    replays = False
    warm_up_frames = 0

    def __init__(self, device: rs.device) -> None:
        """Take the device; the caller feeds it."""
        self._device = device
        self.label = device.get_info(rs.camera_info.name)

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> None:  # noqa: ARG002 - by pipeline, not by serial
        """Give the device to the pipeline: contexts cannot find software devices (librealsense 2.59)."""
        pipeline.set_device(self._device)

    def ended(self) -> bool:
        """Return False: who feeds it may always go on."""
        return False


def find_cameras() -> list[FoundCamera]:
    """Return the RealSense cameras that librealsense sees on this machine."""
    return [
        FoundCamera(
            name=device.get_info(rs.camera_info.name),
            serial=device.get_info(rs.camera_info.serial_number),
            usb=_info(device, rs.camera_info.usb_type_descriptor),
        )
        for device in rs.context().query_devices()
    ]


def start_error(message: str, label: str, streams: str) -> DeviceError:
    """Return the error to raise when librealsense refuses to start with `message`, saying what a person can do."""
    text = message.lower()
    if "busy" in text or "errno=16" in text:
        return DeviceError(f"{label}: busy: another process has it ({message})")
    if "permission" in text or "access" in text or "errno=13" in text:
        return DeviceError(
            f"{label}: no permission: install the udev rules, or join the group that owns it ({message})"
        )
    if "couldn't resolve requests" in text:
        return DeviceError(f"{label}: does not offer {streams}")
    if "no device connected" in text or "disconnected" in text:
        return DeviceLostError(f"{label}: gone while starting ({message})")
    return DeviceError(f"{label}: cannot start {streams}: {message}")


def _info(device: rs.device, info: rs.camera_info) -> str:
    return device.get_info(info) if device.supports(info) else ""
