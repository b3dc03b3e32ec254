"""A RealSense camera: the newest colour frame (and depth), copied once out of librealsense's pool, stamped on our clock."""

from __future__ import annotations

import contextlib
import time
from typing import Any, Literal

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from drivers.camera import CameraHealth
from drivers.clock_mapping import ClockMapping, Stamp
from drivers.realsense_source import ConnectedCamera, Source, start_error
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError, DeviceLostError
from interfaces.messages import DepthMm, Frame

FIRST_FRAME_NS = 10_000_000_000  # a cold D435 takes one to three seconds
RESTART_PATIENCE_NS = 2_000_000_000  # for the first frame after a restart
RESTARTS_MAX = 2  # in a row, without a frame between them; more has not been seen to help
WAIT_SLICE_NS = 100_000_000
READOUT_MAX_MS = 200.0  # longer than any exposure: the two metadata do not belong together

_CLOCKS: dict[rs.timestamp_domain, Literal["global", "system", "hardware"]] = {
    rs.timestamp_domain.global_time: "global",
    rs.timestamp_domain.system_time: "system",
    rs.timestamp_domain.hardware_clock: "hardware",
}


class RealSenseCamera:
    """One RealSense behind a librealsense pipeline, which keeps only the newest set of frames.

    Every frame gets arrays of its own, read-only, never reused: whoever keeps a Frame keeps it as it was, and starves nobody.
    (A view of librealsense's memory would hold a frame of its pool: 15 views kept, and the stream stops.) A ring of our own
    would save 0.1 ms of page faults per frame, and needs a promise about how long consumers look that nobody could check.
    """

    def __init__(self, config: CameraConfig, source: Source | None = None) -> None:
        """Take the stream to ask for, and where from: by default the connected camera with the serial of `config`."""
        self._config = config
        self._source: Source = source or ConnectedCamera(config.serial)
        self._pipeline: rs.pipeline | None = None
        self._reset()

    @property
    def name(self) -> str:
        """Return the camera's name in the robot file."""
        return self._config.name

    def open(self) -> None:
        """Start the stream, and return once frames arrive (a recording: at once, so that none of it is lost).

        Raises DeviceLostError where there is no such camera or it sends nothing, DeviceError where it is busy, forbidden, on
        USB 2, or does not offer the stream.
        """
        self.close()
        self._reset()
        self._start()
        if self._source.replays:
            return
        t_limit_ns = time.monotonic_ns() + FIRST_FRAME_NS
        for _ in range(self._source.warm_up_frames + 1):
            frame = self._next_frame(t_limit_ns)
            if frame is None:
                self.close()
                raise DeviceLostError(f"{self._label}: started, but sent no frame within {FIRST_FRAME_NS / 1e9:.0f} s")
            self._pending = frame

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame not yet returned, or None when none came in time.

        A stream that falls silent for `stale_ms` is restarted here, at most RESTARTS_MAX times in a row; then, or at the end
        of a recording, raises DeviceLostError.
        """
        pending, self._pending = self._pending, None
        t_limit_ns = time.monotonic_ns() + (0 if pending else round(timeout_s * 1e9))
        while True:
            frame = self._next_frame(min(t_limit_ns, time.monotonic_ns() + WAIT_SLICE_NS))
            if frame or pending:
                self._frames += 1
                return frame or pending
            self._tend_silence()
            if time.monotonic_ns() >= t_limit_ns:
                return None

    def health(self) -> CameraHealth:
        """Return counts since the camera was opened."""
        return CameraHealth(
            clock=self._clock.clock, frames=self._frames, lost=self._lost, rejected=self._clock.rejected
        )

    def close(self) -> None:
        """Stop the stream."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            # An unplugged camera's pipeline has stopped by itself, and says so by refusing.
            with contextlib.suppress(RuntimeError):
                pipeline.stop()

    @property
    def _label(self) -> str:
        return f"camera {self._config.name} ({self._source.label})"

    def _reset(self) -> None:
        self._clock = ClockMapping(
            latency_ns=round(self._config.latency_ms * 1e6), age_max_ns=round(self._config.stale_ms * 1e6)
        )
        self._pending: Frame | None = None
        self._frames = 0
        self._lost = 0
        self._number: int | None = None
        self._restarts = 0
        self._t_drained_ns = 0  # when librealsense was last seen to hold no frame of ours

    def _start(self) -> None:
        """Start a new pipeline: one that was stopped after a failure is not always fit to start again."""
        config, pipeline, asked = rs.config(), rs.pipeline(), self._config
        shape = (asked.width_px, asked.height_px)
        config.enable_stream(rs.stream.color, *shape, rs.format.rgb8, asked.rate_hz)
        if asked.depth:
            config.enable_stream(rs.stream.depth, *shape, rs.format.z16, asked.rate_hz)
        streams = f"colour{' and depth' if asked.depth else ''} {shape[0]}x{shape[1]} at {asked.rate_hz} Hz"
        try:
            self._source.attach(pipeline, config)
            pipeline.start(config)
        except DeviceError as error:
            raise type(error)(f"{self._label}: {error}") from error
        except RuntimeError as error:  # librealsense has one error for all
            raise start_error(str(error), self._label, streams) from error
        self._pipeline = pipeline
        self._number = None
        self._t_heard_ns = self._t_drained_ns = time.monotonic_ns()

    def _next_frame(self, t_limit_ns: int) -> Frame | None:
        """Return the newest frame, waiting for one until `t_limit_ns`."""
        if self._pipeline is None:
            raise DeviceLostError(f"{self._label}: is not open")
        while True:
            wait_ns = max(0, t_limit_ns - time.monotonic_ns())
            try:
                came, frames = self._pipeline.try_wait_for_frames(-(-wait_ns // 1_000_000))
            except RuntimeError as error:
                raise DeviceLostError(f"{self._label}: {error}") from error
            t_read_ns = time.monotonic_ns()
            frame = self._copied(frames, t_read_ns) if came else None
            self._t_drained_ns = t_read_ns
            if frame is not None or t_read_ns >= t_limit_ns:
                return frame

    def _copied(self, frames: rs.composite_frame, t_read_ns: int) -> Frame | None:
        """Return a frame of our own; None for a set that lacks a stream, or repeats a picture.

        After a gap in time the syncer first pairs the old picture with the new depth, and then both new ones.
        """
        colour, depth = frames.get_color_frame(), frames.get_depth_frame()
        if not colour or (self._config.depth and not depth) or colour.get_frame_number() == self._number:
            return None
        number = colour.get_frame_number()
        if self._number is not None:
            self._lost += max(0, number - self._number - 1)
        self._number, self._t_heard_ns, self._restarts = number, t_read_ns, 0
        # Read at each frame: the host's epoch clock may be set while we run. Nothing else here uses it.
        epoch_from_monotonic_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
        t_arrival_ns = self._arrival_ns(colour, t_read_ns, epoch_from_monotonic_ns)
        return Frame(
            camera=self._config.name,
            number=number,
            t_capture_ns=self._clock.capture_ns(self._stamp(colour), t_arrival_ns, epoch_from_monotonic_ns),
            t_arrival_ns=t_read_ns,
            rgb=_frozen_copy(colour, np.uint8),
            depth_mm=_depth_mm(depth) if self._config.depth else None,
        )

    def _stamp(self, frame: rs.frame) -> Stamp:
        # librealsense stamps the start of the readout; the camera's own two counters tell how long after mid exposure that is.
        start_us = _metadata(frame, rs.frame_metadata_value.frame_timestamp)
        middle_us = _metadata(frame, rs.frame_metadata_value.sensor_timestamp)
        readout_ms = 0.0 if start_us is None or middle_us is None else (start_us - middle_us) % 2**32 / 1e3
        # A recording's stamps are of another day: they tick, but that is all one can believe.
        clock = "hardware" if self._source.replays else _CLOCKS[frame.get_frame_timestamp_domain()]
        return Stamp(
            clock=clock, stamp_ms=frame.get_timestamp(), readout_ms=readout_ms if readout_ms < READOUT_MAX_MS else 0.0
        )

    def _arrival_ns(self, frame: rs.frame, t_read_ns: int, epoch_from_monotonic_ns: int) -> int:
        """Return when the frame came into this machine: a frame that waited for its reader is older than the reading says."""
        t_epoch_ms = _metadata(frame, rs.frame_metadata_value.time_of_arrival)
        if t_epoch_ms is None or self._source.replays:
            return t_read_ns
        t_arrival_ns = (
            t_epoch_ms * 1_000_000 + 500_000 - epoch_from_monotonic_ns
        )  # whole milliseconds: take their middle
        return min(max(t_arrival_ns, self._t_drained_ns + 1), t_read_ns)

    def _tend_silence(self) -> None:
        """Restart a stream that is silent for too long; raises DeviceLostError where that is in vain."""
        silent_ns = time.monotonic_ns() - self._t_heard_ns
        if self._frames and silent_ns > WAIT_SLICE_NS and self._source.ended():
            self.close()
            raise DeviceLostError(f"{self._label}: ended after {self._frames} frames")
        if silent_ns < (RESTART_PATIENCE_NS if self._restarts else self._config.stale_ms * 1e6):
            return
        self.close()
        if self._restarts == RESTARTS_MAX or self._source.replays:
            raise DeviceLostError(
                f"{self._label}: no frame for {silent_ns / 1e9:.1f} s, and {self._restarts} restarts did not help"
            )
        self._restarts += 1
        try:
            self._start()
        except DeviceError as error:
            raise DeviceLostError(f"{self._label}: fell silent, and does not start again: {error}") from error


def _metadata(frame: rs.frame, value: rs.frame_metadata_value) -> int | None:
    return frame.get_frame_metadata(value) if frame.supports_frame_metadata(value) else None


def _frozen_copy(frame: rs.frame, dtype: type[Any]) -> NDArray[Any]:
    """Return the frame's pixels in memory of our own, read-only."""
    pixels = np.array(frame.get_data(), dtype, copy=True, order="C")
    pixels.flags.writeable = False
    return pixels


def _depth_mm(frame: rs.depth_frame) -> DepthMm:
    mm_per_unit = frame.get_units() * 1000  # 1 for a D435, 0.1 for a D405
    if abs(mm_per_unit - 1.0) < 1e-6:
        return _frozen_copy(frame, np.uint16)
    scaled = np.asarray(frame.get_data()) * np.float32(mm_per_unit)
    depth_mm = np.minimum(np.rint(scaled), np.iinfo(np.uint16).max).astype(np.uint16)
    depth_mm.flags.writeable = False
    return depth_mm
