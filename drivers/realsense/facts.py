"""What a RealSense says about itself and its pictures: read once a start, from the device and its first set of frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyrealsense2 as rs

from drivers.realsense.intrinsics import opencv_intrinsics
from drivers.realsense.warm_up import Exposure
from interfaces.device_facts import CameraIntrinsics


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """How a stream's pixels look into space; pixel centres are counted from 0."""

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: str  # librealsense's name: "Brown Conrady", "Inverse Brown Conrady", "None"
    distortion_ratio: tuple[float, ...]  # its coefficients, in librealsense's order


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSenseFacts:
    """One camera as it streams now."""

    name: str
    serial: str
    firmware: str
    usb: str  # empty where it hangs on another bus
    stamp_domain: str  # librealsense's name of the clock on the frames: "hardware_clock", "system_time", "global_time"
    exposure: Exposure | None  # of the first frame; None where frames carry no metadata
    colour: Lens
    intrinsics: CameraIntrinsics | None  # of colour by OpenCV's model; None where that cannot describe it
    depth: Lens | None  # of depth as frames have it, filtered and aligned
    depth_unit_m: float | None  # of the camera: frames have millimetres
    colour_from_depth_m: tuple[float, float, float] | None  # translation, as from depth's axes to colour's
    colour_from_depth_rad: tuple[float, float, float] | None  # rotation vector


def read_facts(device: rs.device, colour: rs.video_frame, depth: rs.depth_frame | None) -> RealSenseFacts:
    """Return what the device and its frames say."""
    extrinsics = _extrinsics(depth, colour) if depth else None
    return RealSenseFacts(
        name=device_info(device, rs.camera_info.name),
        serial=device_info(device, rs.camera_info.serial_number),
        firmware=device_info(device, rs.camera_info.firmware_version),
        usb=device_info(device, rs.camera_info.usb_type_descriptor),
        stamp_domain=colour.get_frame_timestamp_domain().name,
        exposure=exposure_of(colour),
        colour=_lens(colour),
        intrinsics=opencv_intrinsics(colour.profile.as_video_stream_profile().get_intrinsics()),
        depth=_lens(depth) if depth else None,
        depth_unit_m=depth.get_units() if depth else None,
        colour_from_depth_m=_translation_m(extrinsics) if extrinsics else None,
        colour_from_depth_rad=_rotation_rad(extrinsics) if extrinsics else None,
    )


def device_info(device: rs.device, info: rs.camera_info) -> str:
    """Return one thing that a device says about itself; empty where it does not."""
    return device.get_info(info) if device.supports(info) else ""


def metadata(frame: rs.frame, value: rs.frame_metadata_value) -> int | None:
    """Return one number that came with a frame; None where it did not."""
    return frame.get_frame_metadata(value) if frame.supports_frame_metadata(value) else None


def exposure_of(frame: rs.frame) -> Exposure | None:
    """Return how a frame was exposed; None where it does not tell."""
    time = metadata(frame, rs.frame_metadata_value.actual_exposure)
    gain = metadata(frame, rs.frame_metadata_value.gain_level)
    return None if time is None or gain is None else Exposure(time=time, gain=gain)


def _extrinsics(depth: rs.depth_frame, colour: rs.video_frame) -> rs.extrinsics | None:
    try:
        return depth.profile.get_extrinsics_to(colour.profile)
    except RuntimeError:  # a recording, or a device made of software, may not have them
        return None


def _translation_m(extrinsics: rs.extrinsics) -> tuple[float, float, float]:
    x_m, y_m, z_m = extrinsics.translation
    return x_m, y_m, z_m


def _rotation_rad(extrinsics: rs.extrinsics) -> tuple[float, float, float]:
    """Return the rotation vector of librealsense's matrix, which it gives column by column."""
    matrix = np.array(extrinsics.rotation, np.float64).reshape(3, 3).T
    doubled_sine = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    sine = float(np.linalg.norm(doubled_sine)) / 2
    angle_rad = math.atan2(sine, (float(np.trace(matrix)) - 1) / 2)
    x_rad, y_rad, z_rad = (doubled_sine / 2 * (angle_rad / sine if sine > 0 else 1.0)).tolist()
    return x_rad, y_rad, z_rad


def _lens(frame: rs.video_frame) -> Lens:
    intrinsics = frame.profile.as_video_stream_profile().get_intrinsics()
    return Lens(
        width_px=intrinsics.width,
        height_px=intrinsics.height,
        fx_px=intrinsics.fx,
        fy_px=intrinsics.fy,
        cx_px=intrinsics.ppx,
        cy_px=intrinsics.ppy,
        distortion=str(intrinsics.model).removeprefix("distortion.").replace("_", " ").title(),
        distortion_ratio=tuple(intrinsics.coeffs),
    )
