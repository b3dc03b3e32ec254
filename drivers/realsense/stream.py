"""One started librealsense pipeline, from start to stop: sets of frames, the newest first and only.

Of a camera, frames are taken through a queue of one. The pipeline's own wait looks, after each time-out, whether the device is still
there, and where it is not, stops and starts anew inside the call: up to three times 5 s, deaf to everyone. A recording is read by the
pipeline's wait all the same: with a queue, playback that is not in real time stops for good after two frames.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pyrealsense2 as rs

from drivers.realsense.depth import DepthChain
from drivers.realsense.facts import device_info
from drivers.realsense.models import model_of
from drivers.realsense.profiles import check_offered, offered_streams
from drivers.realsense.source import Source
from drivers.realsense.troubles import (
    copies_warnings,
    firmware_warnings,
    librealsense_copies,
    model_warnings,
    start_error,
)
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError

Wait = Callable[[int], tuple[bool, rs.frame]]  # for so many milliseconds


class RealSenseStream:
    """Streams from its making on."""

    def __init__(self, asked: CameraConfig, source: Source, name: str, record_to: Path | None) -> None:
        """Start; `name` is the camera's, for messages. Raises DeviceError saying what is wrong, and what to do about it."""
        self._asked, self._name = asked, name
        self._pipeline = rs.pipeline()
        self._chain = DepthChain(asked)
        config = rs.config()
        try:
            self.device = source.attach(self._pipeline, config)
            check_offered(asked, offered_streams(self.device))
            self._enable(config, record_to)
            source.prepare(self._pipeline, config)
            self._wait = self._started(config, queued=not source.replays)
            source.started()
        except DeviceError as error:
            raise type(error)(f"{name} ({source.label}): {error}") from error
        except RuntimeError as error:  # librealsense has one error for all
            raise start_error(str(error), f"{name} ({source.label})", _shown(asked)) from error

    def newest(self, wait_ms: int) -> rs.composite_frame | None:
        """Return the newest set of frames not yet returned, unfiltered, or None; raises RuntimeError where the pipeline stopped."""
        came, frame = self._wait(wait_ms)
        return frame.as_frameset() if came else None

    def filtered(self, frames: rs.composite_frame) -> rs.composite_frame:
        """Return the set with its depth as asked for; raises DeviceError where a filter fails."""
        try:
            return self._chain.applied(frames)
        except RuntimeError as error:
            raise DeviceError(f"{self._name}: a filter of depth fails: {error}") from error

    def warnings(self) -> list[str]:
        """Return what a person should know about this camera, though it streams."""
        model = model_of(device_info(self.device, rs.camera_info.product_id))
        firmware = device_info(self.device, rs.camera_info.firmware_version)
        recommended = device_info(self.device, rs.camera_info.recommended_firmware_version)
        warnings = model_warnings(model, device_info(self.device, rs.camera_info.name))
        return warnings + firmware_warnings(model, firmware, recommended) + copies_warnings(librealsense_copies())

    def stop(self) -> None:
        """Stop; a recording that was made is whole once this object is gone."""
        # An unplugged camera's pipeline has stopped by itself, and says so by refusing.
        with contextlib.suppress(RuntimeError):
            self._pipeline.stop()

    def _enable(self, config: rs.config, record_to: Path | None) -> None:
        asked = self._asked
        config.enable_stream(rs.stream.color, asked.width_px, asked.height_px, rs.format.rgb8, asked.rate_hz)
        if asked.depth:
            config.enable_stream(rs.stream.depth, *asked.depth_size_px, rs.format.z16, asked.rate_hz)
        if record_to is not None:
            config.enable_record_to_file(str(record_to))

    def _started(self, config: rs.config, *, queued: bool) -> Wait:
        if not queued:
            self._pipeline.start(config)
            return self._pipeline.try_wait_for_frames
        queue = rs.frame_queue(1)
        self._pipeline.start(config, queue)
        return queue.try_wait_for_frame


def _shown(asked: CameraConfig) -> str:
    depth = " and depth {}x{}".format(*asked.depth_size_px) if asked.depth else ""
    return f"colour {asked.width_px}x{asked.height_px}{depth} at {asked.rate_hz} Hz"
