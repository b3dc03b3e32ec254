"""Where the RealSense driver's frames come from: a connected camera, a recording, or a device made of software."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyrealsense2 as rs

from drivers.realsense.facts import device_info
from drivers.realsense.troubles import not_found_error, usb2_error
from interfaces.errors import DeviceError, DeviceLostError


class Source(Protocol):
    """One device that a pipeline can be tied to, again after each restart."""

    label: str  # for messages
    replays: bool  # its stamps are of another day, and it may end
    warms_up: bool  # its first frames are to be thrown away until the exposure has settled
    resettable: bool  # it can reset itself, and then leaves the bus and comes back

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> rs.device:
        """Tie `pipeline` to the device and return it; raises DeviceError where there is none to tie to."""
        ...

    def prepare(self, pipeline: rs.pipeline, config: rs.config) -> None:
        """Do what is to be done when the streams are set in `config`, too, and before the start."""
        ...

    def started(self) -> None:
        """Do what is to be done after the start."""
        ...

    def present(self) -> bool:
        """Return whether the device is there to be attached."""
        ...

    def reset(self) -> None:
        """Have the device reset itself; raises DeviceError where it does not take the order."""
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
    product: str = ""  # USB product id, "0B07"
    firmware: str = ""

    def shown(self) -> str:
        """Return it in a few words."""
        return f"{self.name} {self.serial}" + (f" on USB {self.usb}" if self.usb else "")


def choose_camera(serial: str, found: list[FoundCamera]) -> FoundCamera:
    """Return the camera with `serial`, or the only one where `serial` is empty; raises DeviceError saying what there is."""
    shown = ", ".join(camera.shown() for camera in found) or "none"
    fitting = [camera for camera in found if serial in {"", camera.serial}]
    if not fitting:
        raise not_found_error(f"RealSense with serial {serial}" if serial else "RealSense", shown)
    if len(fitting) > 1:
        raise DeviceError(f"several RealSense found ({shown}); set `serial` in the robot file")
    if fitting[0].usb.startswith("2"):
        raise usb2_error(fitting[0].shown())
    return fitting[0]


def find_cameras() -> list[FoundCamera]:
    """Return the RealSense cameras that librealsense sees on this machine."""
    return [camera for camera, _ in _found_devices()]


class ConnectedCamera:
    """A camera on this machine, by serial number, or the only one there is."""

    replays = False
    warms_up = True
    resettable = True

    def __init__(self, serial: str) -> None:
        """Take the serial number, or an empty string for the only camera."""
        self._serial = serial
        self._device: rs.device | None = None
        self.label = f"RealSense {serial}".strip()

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> rs.device:  # noqa: ARG002 - by serial, not by pipeline
        """Look for the camera first: starting a pipeline without one takes librealsense 15 s to refuse."""
        found = _found_devices()
        chosen = choose_camera(self._serial, [camera for camera, _ in found])
        self._serial = chosen.serial  # whatever else is plugged in later: this one is meant
        self.label = f"{chosen.name.removeprefix('Intel ')} {chosen.serial}"
        config.enable_device(chosen.serial)
        self._device = next(device for camera, device in found if camera is chosen)
        return self._device

    def prepare(self, pipeline: rs.pipeline, config: rs.config) -> None:
        """Do nothing: a camera is ready."""

    def started(self) -> None:
        """Do nothing: a camera sends as soon as it can."""

    def present(self) -> bool:
        """Return whether librealsense sees the camera."""
        return any(self._serial in {"", camera.serial} for camera in find_cameras())

    def reset(self) -> None:
        """Have the camera reset itself, as if it were plugged anew."""
        if self._device is None:
            raise DeviceLostError("there is no device to reset")
        try:
            self._device.hardware_reset()
        except RuntimeError as error:
            raise DeviceError(str(error)) from error

    def ended(self) -> bool:
        """Return False: a camera goes on."""
        return False


class Recording:
    """A .db3 or .bag file that librealsense recorded."""

    replays = True
    warms_up = False
    resettable = False

    def __init__(self, path: Path, *, real_time: bool = True, repeat: bool = False) -> None:
        """Play at the pace of recording, or, not `real_time`, each frame as soon as the one before it was read."""
        self._path, self._real_time, self._repeat = path, real_time, repeat
        self._playback: rs.playback | None = None
        self.label = f"recording {path}"

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> rs.device:
        """Open the file."""
        if not self._path.is_file():
            raise DeviceError("no such file")
        config.enable_device_from_file(str(self._path), self._repeat)
        return config.resolve(rs.pipeline_wrapper(pipeline)).get_device()

    def prepare(self, pipeline: rs.pipeline, config: rs.config) -> None:
        """Set the pace, and hold the player back.

        Each stream that is set makes librealsense open the file anew: only now is the player the one that will play. It would play
        while the second of its sensors is still being started, and one time in a hundred, under load, lose the first frames.
        """
        self._playback = config.resolve(rs.pipeline_wrapper(pipeline)).get_device().as_playback()
        self._playback.set_real_time(self._real_time)
        self._playback.pause()

    def started(self) -> None:
        """Let it play."""
        if self._playback is not None:
            self._playback.resume()

    def present(self) -> bool:
        """Return whether the file is there."""
        return self._path.is_file()

    def reset(self) -> None:
        """Refuse: there is nothing to reset."""
        raise DeviceError("a recording cannot be reset")

    def ended(self) -> bool:
        """Return whether the file has been played to its end."""
        return self._playback is not None and self._playback.current_status() == rs.playback_status.stopped


class InjectedDevice:
    """A librealsense device object of the caller's: a software_device, or a recorder around any device."""

    replays = False
    warms_up = False
    resettable = False

    def __init__(self, device: rs.device) -> None:
        """Take the device; the caller feeds it."""
        self._device = device
        self.label = device.get_info(rs.camera_info.name)

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> rs.device:  # noqa: ARG002 - by pipeline, not by serial
        """Give the device to the pipeline: contexts cannot find software devices (librealsense 2.59)."""
        pipeline.set_device(self._device)
        return self._device

    def prepare(self, pipeline: rs.pipeline, config: rs.config) -> None:
        """Do nothing: who feeds the device knows when it starts."""

    def started(self) -> None:
        """Do nothing: who feeds the device knows when it starts."""

    def present(self) -> bool:
        """Return True: it is in this process."""
        return True

    def reset(self) -> None:
        """Refuse: librealsense does not reset what is made of software."""
        raise DeviceError("a device made of software cannot be reset")

    def ended(self) -> bool:
        """Return False: who feeds it may always go on."""
        return False


def _found_devices() -> list[tuple[FoundCamera, rs.device]]:
    described = [(_described(device), device) for device in rs.context().query_devices()]
    return [(camera, device) for camera, device in described if camera is not None]


def _described(device: rs.device) -> FoundCamera | None:
    try:
        return FoundCamera(
            name=device_info(device, rs.camera_info.name),
            serial=device_info(device, rs.camera_info.serial_number),
            usb=device_info(device, rs.camera_info.usb_type_descriptor),
            product=device_info(device, rs.camera_info.product_id),
            firmware=device_info(device, rs.camera_info.firmware_version),
        )
    except RuntimeError:  # it left the bus while it was asked
        return None
