"""From librealsense's sets of frames to our Frames: each picture once, copied, with its instant on our clock."""

from __future__ import annotations

import logging

import numpy as np
import pyrealsense2 as rs

from drivers.clock_mapping import ClockMapping
from drivers.realsense.depth import frozen_copy, millimetres
from drivers.realsense.facts import RealSenseFacts, exposure_of, read_facts
from drivers.realsense.stamp import arrival_ns, epoch_from_monotonic_ns, stamp_of
from drivers.realsense.stream import RealSenseStream
from drivers.realsense.troubles import metadata_warning
from drivers.realsense.warm_up import Exposure
from interfaces.camera_config import CameraConfig
from interfaces.messages import Frame

_log = logging.getLogger(__name__)
MISPAIRED_PERIODS = 0.75  # colour and depth farther apart than ever before, by so much, are not of one instant
_WRAP_MS = 2**32 / 1e3  # of the camera's counter


class RealSenseFrames:
    """The frames of one camera from open to close, over all restarts of its stream."""

    def __init__(self, config: CameraConfig, *, replayed: bool) -> None:
        """Begin; `replayed` frames come from a recording."""
        self._config, self._replayed = config, replayed
        self.clock = ClockMapping(latency_ns=round(config.latency_ms * 1e6), age_max_ns=round(config.stale_ms * 1e6))
        self.lost = 0  # gaps in the camera's own numbering
        self.domain = ""  # librealsense's name of the clock on the last frame
        self.exposure: Exposure | None = None  # of the last frame
        self.facts: RealSenseFacts | None = None
        self._number: int | None = None
        self._gap_least_ms = float("inf")  # between the stamps of a set's colour and depth

    def restarted(self) -> None:
        """Take note that the stream began anew: its numbers do not go on where they were."""
        self._number = None
        self._gap_least_ms = float("inf")

    def taken(
        self, frames: rs.composite_frame, stream: RealSenseStream, *, t_read_ns: int, t_drained_ns: int
    ) -> Frame | None:
        """Return a frame of our own; None for a set that lacks a stream, repeats a picture, or is of two instants.

        After a gap in time the syncer first pairs one old picture with one that is new, and then both new ones. librealsense was
        last seen to hold no frame at `t_drained_ns`. Raises DeviceError where a filter fails.
        """
        colour = frames.get_color_frame()
        number = colour.get_frame_number() if colour else None
        if number is None or number == self._number:
            return None
        if self._config.depth and not self._of_one_instant(colour, frames.get_depth_frame()):
            return None
        if self._number is not None:
            self.lost += max(0, number - self._number - 1)
        self._number = number
        t_capture_ns = self._captured_ns(colour, t_read_ns, t_drained_ns)
        depth = stream.filtered(frames).get_depth_frame() if self._config.depth else None
        self._look(stream, colour, depth)
        return Frame(
            camera=self._config.name,
            number=number,
            t_capture_ns=t_capture_ns,
            t_arrival_ns=t_read_ns,
            rgb=frozen_copy(colour, np.uint8),
            depth_mm=millimetres(depth) if depth else None,
        )

    def _of_one_instant(self, colour: rs.video_frame, depth: rs.depth_frame) -> bool:
        if not depth:
            return False
        if colour.get_frame_timestamp_domain() != depth.get_frame_timestamp_domain():
            return True  # nobody can tell
        gap_ms = abs(colour.get_timestamp() - depth.get_timestamp())
        gap_ms = min(gap_ms, abs(_WRAP_MS - gap_ms))  # one of them may have passed the wrap already
        # Some sensors run a constant part of a period apart, and a recording may begin anywhere: the first set is taken.
        self._gap_least_ms = min(self._gap_least_ms, gap_ms)
        return gap_ms <= self._gap_least_ms + MISPAIRED_PERIODS * 1e3 / self._config.rate_hz

    def _captured_ns(self, colour: rs.video_frame, t_read_ns: int, t_drained_ns: int) -> int:
        # Read at each frame: the host's epoch clock may be set while we run. Nothing else here uses it.
        epoch_ns = epoch_from_monotonic_ns()
        t_arrival_ns = t_read_ns
        if not self._replayed:
            t_arrival_ns = arrival_ns(
                colour,
                t_read_ns=t_read_ns,
                t_drained_ns=t_drained_ns,
                epoch_ns=epoch_ns,
            )
        self.domain = colour.get_frame_timestamp_domain().name
        return self.clock.capture_ns(stamp_of(colour, replayed=self._replayed), t_arrival_ns, epoch_ns)

    def _look(self, stream: RealSenseStream, colour: rs.video_frame, depth: rs.depth_frame | None) -> None:
        self.exposure = exposure_of(colour)
        if self.facts is not None:
            return
        self.facts = read_facts(stream.device, colour, depth)
        if self.domain == "system_time" and not self._replayed:
            _log.warning("camera %s: %s", self._config.name, metadata_warning())
