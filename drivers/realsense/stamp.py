"""When a frame of librealsense was taken and came in: its stamps and metadata, read into plain numbers."""

from __future__ import annotations

import time
from typing import Literal

import pyrealsense2 as rs

from drivers.clock_mapping import Stamp
from drivers.realsense.facts import metadata

_PROMPT_NS = 20_000  # between two readings of clocks, when nothing came in between
_ATTEMPTS = 5
_READOUT_MAX_MS = 200.0  # longer than any exposure: the two metadata do not belong together
_CLOCKS: dict[rs.timestamp_domain, Literal["global", "system", "hardware"]] = {
    rs.timestamp_domain.global_time: "global",
    rs.timestamp_domain.system_time: "system",
    rs.timestamp_domain.hardware_clock: "hardware",
}


def stamp_of(frame: rs.frame, *, replayed: bool) -> Stamp:
    """Return what a frame says of when it was taken; `replayed` stamps are of another day: they tick, and that is all."""
    # librealsense stamps the start of the readout; the camera's own two counters tell how long after mid exposure that is.
    start_us = metadata(frame, rs.frame_metadata_value.frame_timestamp)
    middle_us = metadata(frame, rs.frame_metadata_value.sensor_timestamp)
    readout_ms = 0.0 if start_us is None or middle_us is None else (start_us - middle_us) % 2**32 / 1e3
    clock = "hardware" if replayed else _CLOCKS[frame.get_frame_timestamp_domain()]
    return Stamp(
        clock=clock, stamp_ms=frame.get_timestamp(), readout_ms=readout_ms if readout_ms < _READOUT_MAX_MS else 0.0
    )


def epoch_from_monotonic_ns() -> int:
    """Return what the host's epoch clock now shows more than its monotonic clock.

    The two are read one after the other: on a busy machine this thread may stand still in between, so the quickest of a few counts.
    """
    quickest_ns, offset_ns = _PROMPT_NS, 0
    for attempt in range(_ATTEMPTS):
        t_before_ns = time.monotonic_ns()
        t_epoch_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
        took_ns = time.monotonic_ns() - t_before_ns
        if attempt == 0 or took_ns < quickest_ns:
            quickest_ns, offset_ns = took_ns, t_epoch_ns - t_before_ns - took_ns // 2
        if quickest_ns < _PROMPT_NS:
            break
    return offset_ns


def arrival_ns(frame: rs.frame, *, t_read_ns: int, t_drained_ns: int, epoch_ns: int) -> int:
    """Return when a frame came into this machine: one that waited for its reader is older than the reading says.

    It came after `t_drained_ns`, when librealsense was last seen to hold none; `epoch_ns` is what the host's epoch clock shows more.
    """
    t_epoch_ms = metadata(frame, rs.frame_metadata_value.time_of_arrival)
    if t_epoch_ms is None:
        return t_read_ns
    # Whole milliseconds: take their middle.
    t_arrival_ns = t_epoch_ms * 1_000_000 + 500_000 - epoch_ns
    return min(max(t_arrival_ns, t_drained_ns + 1), t_read_ns)
