"""What differs between the RealSense models that forerun knows: facts of the devices, no input or output.

Product ids and the oldest firmware that librealsense itself accepts for an update: librealsense, src/ds/d400/d400-private.h
(`RS405_PID` ..., `d400_device_to_fw_min_version`). Depth units, sensors and motion sensors: Intel RealSense D400 series datasheet,
and the drivers' options. The firmware to recommend is the one that librealsense was built with; it names it for each device.
"""

from __future__ import annotations

from dataclasses import dataclass

STEREO_MODULE = "Stereo Module"
RGB_CAMERA = "RGB Camera"

Firmware = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSenseModel:
    """One model."""

    name: str  # as in "Intel RealSense D435"
    usb_product: str  # of vendor 8086, as librealsense writes it
    depth_unit_m: float  # as delivered: a D405 looks near, and counts tenths of a millimetre
    colour_sensor: (
        str  # a D405 has no colour camera of its own: it takes colour with the left imager of the depth module
    )
    imu: bool  # on JetPack 6 librealsense finds such a camera only with hidraw in the kernel (librealsense #13341)
    firmware_min: Firmware


MODELS = (
    RealSenseModel(
        name="D405",
        usb_product="0B5B",
        depth_unit_m=0.0001,
        colour_sensor=STEREO_MODULE,
        imu=False,
        firmware_min=(5, 12, 11, 8),
    ),
    RealSenseModel(
        name="D415",
        usb_product="0AD3",
        depth_unit_m=0.001,
        colour_sensor=RGB_CAMERA,
        imu=False,
        firmware_min=(5, 8, 15, 0),
    ),
    RealSenseModel(
        name="D435",
        usb_product="0B07",
        depth_unit_m=0.001,
        colour_sensor=RGB_CAMERA,
        imu=False,
        firmware_min=(5, 8, 15, 0),
    ),
    RealSenseModel(
        name="D435I",
        usb_product="0B3A",
        depth_unit_m=0.001,
        colour_sensor=RGB_CAMERA,
        imu=True,
        firmware_min=(5, 12, 7, 100),
    ),
    RealSenseModel(
        name="D455",
        usb_product="0B5C",
        depth_unit_m=0.001,
        colour_sensor=RGB_CAMERA,
        imu=True,
        firmware_min=(5, 13, 0, 50),
    ),
)
_BY_PRODUCT = {model.usb_product: model for model in MODELS}


def model_of(usb_product: str) -> RealSenseModel | None:
    """Return the model with a USB product id, "0B07" or "0b07"; None for one that forerun does not know."""
    return _BY_PRODUCT.get(usb_product.upper())


def parse_firmware(text: str) -> Firmware:
    """Return "05.16.00.01" as (5, 16, 0, 1), which compares as versions do; empty where it says something else."""
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def shown_firmware(firmware: Firmware) -> str:
    """Return a firmware version as its maker writes it in release notes."""
    return ".".join(map(str, firmware))
