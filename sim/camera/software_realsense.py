"""A RealSense made of software: a librealsense device object with the streams of a real one, fed with rendered frames.

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
from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.models import MODELS, STEREO_MODULE, RealSenseModel
from drivers.realsense.recovery import Patience
from drivers.realsense.source import InjectedDevice
from drivers.realsense.stamp import epoch_from_monotonic_ns
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts
from interfaces.errors import DeviceError, ForerunError
from interfaces.messages import DepthMm, Frame, Rgb
from sim.camera.link import CameraLinkReader
from sim.camera.sensor_noise import SensorNoise

FOVY_DEG = 42.0  # of a D435's colour camera, and of the one in the simulated scene
BASELINE_MM = 50.0  # between a D435's two imagers
READOUT_US = 4000  # from mid exposure until the picture is read out, which is when a D435 stamps it
COUNTER_START_US = (
    2**32 - 5_000_000
)  # so that every run on the hardware clock passes the counter's wrap, five seconds in


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
        model: str = "D435",
        clock: Literal["global", "system", "hardware"] = "global",
        noise: SensorNoise | None = None,
    ) -> None:
        """Build a device of a model that forerun knows, for the streams of `config`, stamping frames on the clock chosen."""
        self._noise = noise
        self._picture: Rgb | None = None  # the last, with its noise
        self.hangs = False  # a sensor that does gives its last picture again, to the bit
        self.exposure: tuple[int, int] | None = None  # time and gain, told with each frame from now on
        self._model = next(known for known in MODELS if known.name == model)
        self._config = config
        self._clock = clock
        self._t_start_ns = time.monotonic_ns()
        self._t_push_ns = self._epoch_ns = (
            0  # of the last push: the instant, and what the host's epoch clock showed more
        )
        self.device = rs.software_device()
        for info, value in _info(self._model).items():
            self.device.register_info(info, value)
        self._depth_sensor = self.device.add_sensor(STEREO_MODULE)
        self._depth_sensor.add_read_only_option(rs.option.depth_units, self._model.depth_unit_m)
        self._depth_sensor.add_read_only_option(rs.option.stereo_baseline, BASELINE_MM)  # filters need it for disparity
        own = self._model.colour_sensor != STEREO_MODULE
        self._colour_sensor = self.device.add_sensor(self._model.colour_sensor) if own else self._depth_sensor
        # A pipeline asked for "any stream" takes the default ones, and finds none where none is marked.
        size_px = config.width_px, config.height_px
        depth = self._depth_sensor.add_video_stream(
            self._stream(rs.stream.depth, rs.format.z16, 2, config.depth_size_px), is_default=True
        )
        colour = self._colour_sensor.add_video_stream(
            self._stream(rs.stream.color, rs.format.rgb8, 3, size_px), is_default=True
        )
        same_place = rs.extrinsics()
        same_place.rotation, same_place.translation = np.eye(3).ravel().tolist(), [0.0] * 3
        depth.register_extrinsics_to(colour, same_place)
        self._depth, self._colour = depth.as_video_stream_profile(), colour.as_video_stream_profile()
        self.device.create_matcher(rs.matchers.dlr_c)

    @property
    def config(self) -> CameraConfig:
        """Return the streams it offers."""
        return self._config

    def push(self, rgb: Rgb, depth_mm: DepthMm, t_capture_ns: int, number: int) -> None:
        """Inject one pair of pictures, taken at `t_capture_ns`, as if it had just come in; librealsense copies them.

        `depth_mm` counts in the model's own units: tenths of a millimetre for a D405. Raises DeviceError for pictures of another
        size than the streams'.
        """
        rgb_shape = (self._config.height_px, self._config.width_px, 3)
        depth_shape = self._config.depth_size_px[::-1]
        if rgb.shape != rgb_shape or depth_mm.shape != depth_shape:
            raise DeviceError(
                f"camera {self._config.name}: got pictures {rgb.shape} and {depth_mm.shape}; expected {rgb_shape} and {depth_shape}"
            )
        if self._picture is None or not self.hangs:
            self._picture = rgb if self._noise is None else self._noise.on(rgb)
        # Both stamps by one reading of the clocks: the syncer pairs what is stamped alike.
        self._t_push_ns, self._epoch_ns = time.monotonic_ns(), epoch_from_monotonic_ns()
        depth = self._frame(self._depth, depth_mm, t_capture_ns, number)
        colour = self._frame(self._colour, self._picture, t_capture_ns, number)
        self._tell(t_capture_ns)
        # Colour last, since after a gap the syncer makes a pair of the first half and an old second one: the driver knows an old
        # picture by its number, and waits for the new one.
        self._depth_sensor.on_video_frame(depth)
        self._colour_sensor.on_video_frame(colour)

    def _stream(
        self, kind: rs.stream, pixels: rs.format, bytes_per_pixel: int, size_px: tuple[int, int]
    ) -> rs.video_stream:
        stream = rs.video_stream()
        stream.type, stream.fmt, stream.bpp = kind, pixels, bytes_per_pixel
        stream.index, stream.uid = 0, bytes_per_pixel
        (stream.width, stream.height), stream.fps = size_px, self._config.rate_hz
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
        frame.stride = flat.size // pixels.shape[0]
        frame.bpp = frame.stride // pixels.shape[1]
        frame.depth_units = self._model.depth_unit_m
        if self._clock == "global":
            frame.domain = rs.timestamp_domain.global_time
            frame.timestamp = (t_capture_ns + READOUT_US * 1000 + self._epoch_ns) / 1e6
        elif self._clock == "system":
            frame.domain = rs.timestamp_domain.system_time
            frame.timestamp = (self._t_push_ns + self._epoch_ns) / 1e6
        else:
            frame.domain = rs.timestamp_domain.hardware_clock
            frame.timestamp = self._counter_us(t_capture_ns, READOUT_US) / 1e3
        return frame

    def _tell(self, t_capture_ns: int) -> None:
        """Set the metadata of the frames that come next."""
        told = {
            # Without the rate librealsense guesses 0.01 Hz, and pairs each depth with the colour before it.
            rs.frame_metadata_value.actual_fps: self._config.rate_hz * 1000,
            rs.frame_metadata_value.frame_timestamp: self._counter_us(t_capture_ns, READOUT_US),
            rs.frame_metadata_value.sensor_timestamp: self._counter_us(t_capture_ns, 0),
            rs.frame_metadata_value.time_of_arrival: (self._t_push_ns + self._epoch_ns) // 1_000_000,
        }
        if self.exposure is not None:
            told[rs.frame_metadata_value.actual_exposure] = self.exposure[0]
            told[rs.frame_metadata_value.gain_level] = self.exposure[1]
        for value, number in told.items():
            self._depth_sensor.set_metadata(value, number)
            self._colour_sensor.set_metadata(value, number)

    def _counter_us(self, t_capture_ns: int, after_us: int) -> int:
        return (COUNTER_START_US + (t_capture_ns - self._t_start_ns) // 1000 + after_us) % 2**32


class SimulatedCamera:
    """The real driver, wired to a software RealSense that a thread feeds from the world's cable, with a sensor's noise on it."""

    def __init__(
        self,
        config: CameraConfig,
        link_path: Path,
        *,
        clock: Literal["global", "hardware"] = "global",
        patience: Patience | None = None,
    ) -> None:
        """Take the stream to offer, and the socket of the world; the world need not be there before `open`."""
        self._software = SoftwareRealSense(config, clock=clock, noise=SensorNoise(config.width_px, config.height_px))
        self._driver = RealSenseCamera(config, InjectedDevice(self._software.device), patience=patience)
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
        size_px = self._software.config.width_px, self._software.config.height_px
        self._link, self._failure = CameraLinkReader(self._link_path, size_px), None
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

    def facts(self) -> CameraFacts:
        """Return what the driver says of the camera."""
        return self._driver.facts()

    def interrupt(self) -> None:
        """End the driver's `open` and `read` soon."""
        self._driver.interrupt()

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


def _info(model: RealSenseModel) -> dict[rs.camera_info, str]:
    return {
        rs.camera_info.name: f"Intel RealSense {model.name}",
        rs.camera_info.product_line: "D400",
        rs.camera_info.product_id: model.usb_product,
        rs.camera_info.serial_number: "software",
        rs.camera_info.firmware_version: "5.17.0.10",
        rs.camera_info.physical_port: "software",
        rs.camera_info.usb_type_descriptor: "3.2",
    }
