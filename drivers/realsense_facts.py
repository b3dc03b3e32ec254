"""What a RealSense says about itself and its pictures: read once a start, from the device and its first set of frames."""

from __future__ import annotations

from dataclasses import dataclass

import pyrealsense2 as rs

from drivers.realsense_warm_up import Exposure


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
    coefficients: tuple[float, ...]


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
    depth: Lens | None  # of depth as frames have it, filtered and aligned
    depth_unit_m: float | None  # of the camera: frames have millimetres
    colour_from_depth_m: tuple[float, float, float] | None  # translation, as from depth's axes to colour's
    colour_from_depth_rotation: tuple[float, ...] | None  # row by row


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
        depth=_lens(depth) if depth else None,
        depth_unit_m=depth.get_units() if depth else None,
        colour_from_depth_m=(
            (extrinsics.translation[0], extrinsics.translation[1], extrinsics.translation[2]) if extrinsics else None
        ),
        # librealsense gives it column by column
        colour_from_depth_rotation=(
            tuple(extrinsics.rotation[row + 3 * column] for row in range(3) for column in range(3))
            if extrinsics
            else None
        ),
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
        coefficients=tuple(intrinsics.coeffs),
    )
