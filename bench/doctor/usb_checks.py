"""The cameras and what else hangs on USB, judged: facts in, checks out. The limits stand here, each with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.doctor.check import Check, Verdict, at_least, good_if, unreadable
from bench.doctor.reading import below
from bench.doctor.usb import SeenCamera, SeenCameras, UsbDevice, UsbFacts
from drivers.realsense.models import model_of
from drivers.realsense.troubles import firmware_warnings
from interfaces.camera_config import CameraConfig

USB3_MBIT_S = 5000.0  # SuperSpeed; a RealSense on USB 2 has other profiles, and drops frames on those it shares

# The kernel's own 16 MB hold a few pictures of one camera; librealsense and FLIR both ask for more as soon as there are several.
_USBFS_ONE_MB, _USBFS_SEVERAL_MB = 16, 128


def usb_checks(
    facts: UsbFacts, seen: SeenCameras | None, cameras: Sequence[CameraConfig], root: Path = Path("/")
) -> list[Check]:
    """Return the checks of the cameras of a robot; `seen` is None where librealsense was not asked, for the robot is running."""
    attached = [device for device in facts.devices if device.is_realsense]
    wanted = [camera for camera in cameras if camera.driver == "realsense"]
    found: list[Check] = [_present(camera, attached, seen, facts) for camera in wanted]
    found += [_device_file(camera, root) for camera in cameras if camera.driver == "uvc"]
    found += [_speed(device) for device in attached]
    found += [check for camera in (seen.cameras if seen else ()) for check in _firmware(camera)]
    found += _shared(attached)
    found += _awake([device for device in facts.devices if device.is_realsense or device.is_serial_adapter])
    if attached:
        found.append(_usbfs(facts, len(attached)))
    return found


def _present(camera: CameraConfig, attached: list[UsbDevice], seen: SeenCameras | None, facts: UsbFacts) -> Check:
    name, limit = f"camera: {camera.name}", f"the RealSense {camera.serial or '(any)'} of the robot file is plugged in"
    remedy = "plug it in, into a USB 3 port; then `forerun devices`"
    if not facts.readable:
        return unreadable(name, limit, "this machine has no USB that it tells of")
    if not attached and not (seen and seen.cameras):
        return Check(name=name, value="no RealSense on USB", limit=limit, verdict=Verdict.BAD, remedy=remedy)
    if seen is None:
        return Check(name=name, value="in use by the robot that runs", limit=limit, verdict=Verdict.GOOD)
    if seen.trouble:
        return Check(
            name=name,
            value=f"on USB, but librealsense does not see it: {seen.trouble}",
            limit=limit,
            verdict=Verdict.BAD,
            remedy="`sudo apt install libusb-1.0-0`, the udev rules of install.sh, and plug it in anew",
        )
    return _chosen(camera, seen, name, limit)


def _device_file(camera: CameraConfig, root: Path) -> Check:
    """Judge a plain camera, whose key in the robot file is its device file."""
    return Check(
        name=f"camera: {camera.name}",
        value=camera.serial if below(root, camera.serial).exists() else f"{camera.serial} is not there",
        limit="the device file of the robot file is there",
        verdict=good_if(below(root, camera.serial).exists(), Verdict.BAD),
        remedy="plug it in, or put its name into the robot file (cameras.serial): `forerun devices`",
    )


def _chosen(camera: CameraConfig, seen: SeenCameras, name: str, limit: str) -> Check:
    fitting = [each for each in seen.cameras if camera.serial in {"", each.serial}]
    there = ", ".join(f"{each.name} {each.serial}" for each in seen.cameras) or "none"
    if not fitting:
        remedy = (
            "put its serial number into the robot file (cameras.serial), or plug in the right one: `forerun devices`"
        )
        return Check(name=name, value=f"librealsense sees: {there}", limit=limit, verdict=Verdict.BAD, remedy=remedy)
    if len(fitting) > 1:
        remedy = "several fit: put the serial number of the right one into the robot file (cameras.serial)"
        return Check(name=name, value=there, limit=limit, verdict=Verdict.BAD, remedy=remedy)
    return Check(name=name, value=f"{fitting[0].name} {fitting[0].serial}", limit=limit, verdict=Verdict.GOOD)


def _speed(device: UsbDevice) -> Check:
    name, limit = f"USB speed: {device.place}", f"{USB3_MBIT_S:.0f} Mbit/s (USB 3) or more"
    if device.speed_mbit_s is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"{device.speed_mbit_s:g} Mbit/s, {device.name}",
        limit=limit,
        verdict=at_least(device.speed_mbit_s, USB3_MBIT_S, USB3_MBIT_S),
        remedy="another port (blue, or marked SS), a short USB 3 cable, no USB 2 hub; `lsusb -t` shows it",
        figures={"speed_mbit_s": device.speed_mbit_s},
    )


def _firmware(camera: SeenCamera) -> Iterator[Check]:
    said = firmware_warnings(model_of(camera.product), camera.firmware, "")
    if not camera.firmware:
        return
    yield Check(
        name=f"camera firmware: {camera.serial}",
        value=said[0].partition(";")[0] if said else camera.firmware,
        limit="the oldest that librealsense accepts, or newer",
        verdict=good_if(not said, Verdict.BAD),
        remedy=f"`rs-fw-update -s {camera.serial} -f FILE`, with the file from the maker's page of firmware",
    )


def _shared(attached: list[UsbDevice]) -> list[Check]:
    """Judge several cameras on one controller, which then share what goes over its wire."""
    if len(attached) < 2:
        return []
    counts = Counter(device.controller for device in attached)
    crowded = {controller: count for controller, count in counts.items() if count > 1}
    value = ", ".join(f"{count} on {controller}" for controller, count in sorted(counts.items()))
    return [
        Check(
            name="cameras a controller",
            value=value,
            limit="1",
            verdict=good_if(not crowded),
            remedy="plug one of them into another controller (`lsusb -t`), or ask less of both: rate_hz, width_px, depth",
            figures={"most": float(max(counts.values()))},
        )
    ]


def _awake(devices: list[UsbDevice]) -> list[Check]:
    told = [device for device in devices if device.power_control is not None]
    if not told:
        return []
    sleepy = [device for device in told if device.power_control == "auto"]
    places = " ".join(f"/sys/bus/usb/devices/{device.place}/power/control" for device in sleepy)
    return [
        Check(
            name="USB autosuspend",
            value=", ".join(f"{device.name} may be sent to sleep" for device in sleepy) or "off for our devices",
            limit="off for cameras and serial adapters",
            verdict=good_if(not sleepy),
            remedy=f"`echo on | sudo tee {places}`; for good, the udev rules of install.sh",
        )
    ]


def _usbfs(facts: UsbFacts, n_cameras: int) -> Check:
    least = _USBFS_SEVERAL_MB if n_cameras > 1 else _USBFS_ONE_MB
    name, limit = "usbfs memory", f"{least} MB or more, or 0: no limit"
    if facts.usbfs_memory_mb is None:
        return unreadable(name, limit)
    enough = facts.usbfs_memory_mb == 0 or facts.usbfs_memory_mb >= least
    return Check(
        name=name,
        value=f"{facts.usbfs_memory_mb} MB for {n_cameras} camera{'s' if n_cameras > 1 else ''}",
        limit=limit,
        verdict=good_if(enough),
        remedy=f"`echo {least} | sudo tee /sys/module/usbcore/parameters/usbfs_memory_mb`; for good, usbcore.usbfs_memory_mb={least}"
        " among the kernel's parameters",
        figures={"usbfs_mb": float(facts.usbfs_memory_mb)},
    )
