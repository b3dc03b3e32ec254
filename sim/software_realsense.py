"""A RealSense made of software: a librealsense device object with a D435's streams, fed with rendered frames.

The real driver and a real librealsense pipeline run behind it; only the sensor and the USB cable are replaced.
"""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Literal

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from drivers.camera import CameraHealth
from drivers.realsense import RealSenseCamera
from drivers.realsense_source import InjectedDevice
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError, ForerunError
from interfaces.messages import DepthMm, Frame, Rgb
from sim.camera_link import CameraLinkReader
from sim.sensor_noise import SensorNoise

FOVY_DEG = 42.0  # of a D435's colour camera, and of the one in the simulated scene
DEPTH_UNITS_M = 0.001
READOUT_US = 4000  # from mid exposure until the picture is read out, which is when a D435 stamps it
COUNTER_START_US = (
    2**32 - 5_000_000
)  # so that every run on the hardware clock passes the counter's wrap, five seconds in

_INFO = {
    rs.camera_info.name: "Intel RealSense D435",
    rs.camera_info.product_line: "D400",
    rs.camera_info.product_id: "0B07",
    rs.camera_info.serial_number: "software",
    rs.camera_info.firmware_version: "5.16.0.1",
    rs.camera_info.physical_port: "software",
    rs.camera_info.usb_type_descriptor: "3.2",
}


def pinhole(width_px: int, height_px: int, fovy_deg: float = FOVY_DEG) -> rs.intrinsics:
    """Return the intrinsics of a renderer's camera: square pixels, no distortion, the axis through the middle."""
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = width_px, height_px
    intrinsics.fx = intrinsics.fy = height_px / 2 / math.tan(math.radians(fovy_deg) / 2)
    # librealsense counts pixel centres from 0.
    intrinsics.ppx, intrinsics.ppy = (width_px - 1) / 2, (height_px - 1) / 2
    intrinsics.model, intrinsics.coeffs = rs.distortion.none, [0.0] * 5
    return intrinsics


class SoftwareRealSense:
    """A device with one depth and one colour stream; `push` puts a pair of pictures into both."""

    def __init__(
        self,
        config: CameraConfig,
        *,
        clock: Literal["global", "hardware"] = "global",
        depth_units_m: float = DEPTH_UNITS_M,
        noise: SensorNoise | None = None,
    ) -> None:
        """Build the device for the stream of `config`, stamping frames as a D435 does on the clock chosen."""
        self._noise = noise
        self._picture: Rgb | None = None  # the last, with its noise
        self.hangs = False  # a sensor that does gives its last picture again, to the bit
        self._depth_units_m = depth_units_m
        self._config = config
        self._clock = clock
        self._t_start_ns = time.monotonic_ns()
        self.device = rs.software_device()
        for info, value in _INFO.items():
            self.device.register_info(info, value)
        self._depth_sensor = self.device.add_sensor("Stereo Module")
        self._depth_sensor.add_read_only_option(rs.option.depth_units, depth_units_m)
        self._colour_sensor = self.device.add_sensor("RGB Camera")
        # A pipeline asked for "any stream" takes the default ones, and finds none where none is marked.
        depth = self._depth_sensor.add_video_stream(self._stream(rs.stream.depth, rs.format.z16, 2), is_default=True)
        colour = self._colour_sensor.add_video_stream(self._stream(rs.stream.color, rs.format.rgb8, 3), is_default=True)
        same_place = rs.extrinsics()
        same_place.rotation, same_place.translation = np.eye(3).ravel().tolist(), [0.0] * 3
        depth.register_extrinsics_to(colour, same_place)
        self._depth, self._colour = depth.as_video_stream_profile(), colour.as_video_stream_profile()
        self.device.create_matcher(rs.matchers.dlr_c)

    def push(self, rgb: Rgb, depth_mm: DepthMm, t_capture_ns: int, number: int) -> None:
        """Inject one pair of pictures, taken at `t_capture_ns`, as if it had just come in; librealsense copies them.

        Raises DeviceError for pictures of another size than the stream's.
        """
        shape = (self._config.height_px, self._config.width_px)
        if rgb.shape != (*shape, 3) or depth_mm.shape != shape:
            raise DeviceError(
                f"camera {self._config.name}: got pictures {rgb.shape} and {depth_mm.shape}; expected {(*shape, 3)} and {shape}"
            )
        # Colour last, since after a gap the syncer makes a pair of the first half and an old second one: the driver knows an old
        # picture by its number, and waits for the new one.
        self._inject(self._depth_sensor, self._frame(self._depth, depth_mm, t_capture_ns, number), t_capture_ns)
        if self._picture is None or not self.hangs:
            self._picture = rgb if self._noise is None else self._noise.on(rgb)
        self._inject(self._colour_sensor, self._frame(self._colour, self._picture, t_capture_ns, number), t_capture_ns)

    def _stream(self, kind: rs.stream, pixels: rs.format, bytes_per_pixel: int) -> rs.video_stream:
        stream = rs.video_stream()
        stream.type, stream.fmt, stream.bpp = kind, pixels, bytes_per_pixel
        stream.index, stream.uid = 0, bytes_per_pixel
        stream.width, stream.height, stream.fps = self._config.width_px, self._config.height_px, self._config.rate_hz
        stream.intrinsics = pinhole(stream.width, stream.height)
        return stream

    def _frame(
        self,
        profile: rs.video_stream_profile,
        pixels: NDArray[np.uint8] | NDArray[np.uint16],
        t_capture_ns: int,
        number: int,
    ) -> rs.software_video_frame:
        frame = rs.software_video_frame()
        flat = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
        frame.pixels, frame.profile, frame.frame_number = flat, profile, number
        frame.bpp = flat.size // (self._config.width_px * self._config.height_px)
        frame.stride = flat.size // self._config.height_px
        frame.depth_units = self._depth_units_m
        if self._clock == "global":
            frame.domain = rs.timestamp_domain.global_time
            frame.timestamp = (t_capture_ns + READOUT_US * 1000 + _epoch_from_monotonic_ns()) / 1e6
        else:
            frame.domain = rs.timestamp_domain.hardware_clock
            frame.timestamp = self._counter_us(t_capture_ns, READOUT_US) / 1e3
        return frame

    def _inject(self, sensor: rs.software_sensor, frame: rs.software_video_frame, t_capture_ns: int) -> None:
        # Without the rate librealsense guesses 0.01 Hz, and pairs each depth with the colour before it.
        sensor.set_metadata(rs.frame_metadata_value.actual_fps, self._config.rate_hz * 1000)
        sensor.set_metadata(rs.frame_metadata_value.frame_timestamp, self._counter_us(t_capture_ns, READOUT_US))
        sensor.set_metadata(rs.frame_metadata_value.sensor_timestamp, self._counter_us(t_capture_ns, 0))
        t_arrival_ns = time.monotonic_ns() + _epoch_from_monotonic_ns()
        sensor.set_metadata(rs.frame_metadata_value.time_of_arrival, t_arrival_ns // 1_000_000)
        sensor.on_video_frame(frame)

    def _counter_us(self, t_capture_ns: int, after_us: int) -> int:
        return (COUNTER_START_US + (t_capture_ns - self._t_start_ns) // 1000 + after_us) % 2**32


class SimulatedCamera:
    """The real driver, wired to a software RealSense that a thread feeds from the world's cable, with a sensor's noise on it."""

    def __init__(
        self, config: CameraConfig, link_path: Path, *, clock: Literal["global", "hardware"] = "global"
    ) -> None:
        """Take the stream to offer, and the socket of the world; the world need not be there before `open`."""
        self._software = SoftwareRealSense(config, clock=clock, noise=SensorNoise(config.width_px, config.height_px))
        self._driver = RealSenseCamera(config, InjectedDevice(self._software.device))
        self._link_path = link_path
        self._link: CameraLinkReader | None = None
        self._feeder: threading.Thread | None = None
        self._failure: ForerunError | None = None

    @property
    def name(self) -> str:
        """Return the camera's name in the robot file."""
        return self._driver.name

    def open(self) -> None:
        """Start the feeder, then the driver; raises DeviceLostError where the world sends nothing."""
        self.close()
        self._link, self._failure = CameraLinkReader(self._link_path), None
        self._feeder = threading.Thread(target=self._feed, args=(self._link,), name="software-realsense", daemon=True)
        self._feeder.start()
        try:
            self._driver.open()
        except DeviceError as error:
            failure = self._failure or error
            self.close()
            raise failure from error

    def read(self, timeout_s: float) -> Frame | None:
        """Return the driver's newest frame, or None; raises what stopped the feeder."""
        if self._failure is not None:
            raise self._failure
        return self._driver.read(timeout_s)

    def health(self) -> CameraHealth:
        """Return the driver's counts."""
        return self._driver.health()

    def close(self) -> None:
        """Stop the feeder, then the driver."""
        if self._link is not None and self._feeder is not None:
            self._link.close()
            self._feeder.join()
        self._link = self._feeder = None
        self._driver.close()

    def _feed(self, link: CameraLinkReader) -> None:
        try:
            for frame in link:
                self._software.hangs = frame.frozen
                self._software.push(frame.rgb, frame.depth_mm, frame.t_capture_ns, frame.number)
        except ForerunError as error:  # whoever reads the camera is told
            self._failure = error


def _epoch_from_monotonic_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
