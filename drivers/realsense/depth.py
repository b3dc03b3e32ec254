"""What is done to depth on its way to a Frame: librealsense's filters, alignment to colour, millimetres.

The filters run in the order that librealsense recommends (doc/post-processing-filters.md): decimation and threshold on depth, spatial
and temporal on disparity, where noise is even, then hole filling. Alignment comes last, on fewer pixels where decimation was asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from interfaces.camera_config import CameraConfig, DepthFilter
from interfaces.messages import DepthMm

DECIMATION = 2  # width and height are halved, rounded up to a multiple of 4 (the edge is padded with unknown)
_ON_DEPTH: tuple[DepthFilter, ...] = ("decimation", "threshold")
_ON_DISPARITY: tuple[DepthFilter, ...] = ("spatial", "temporal")
_ON_DEPTH_AGAIN: tuple[DepthFilter, ...] = ("hole_filling",)


class DepthChain:
    """The filters of one stream; some remember earlier frames, so that each start of the stream has a chain of its own."""

    def __init__(self, config: CameraConfig) -> None:
        """Set up what `config` asks for: nothing, where it asks for none."""
        made = {name: _filter(name, config) for name in config.filters}
        on_disparity = [made[name] for name in _ON_DISPARITY if name in made]
        if on_disparity:
            there, back = (rs.disparity_transform(transform_to_disparity=there) for there in (True, False))
            on_disparity = [there, *on_disparity, back]
        first = [made[name] for name in _ON_DEPTH if name in made]
        last = [made[name] for name in _ON_DEPTH_AGAIN if name in made]
        self._steps = [*first, *on_disparity, *last]
        if config.align_depth:
            self._steps.append(rs.align(rs.stream.color))

    def applied(self, frames: rs.composite_frame) -> rs.composite_frame:
        """Return the set of frames with its depth filtered and aligned, and its colour as it was."""
        for step in self._steps:
            frames = step.process(frames).as_frameset()
        return frames


def millimetres(frame: rs.depth_frame) -> DepthMm:
    """Return depth in memory of our own, read-only: 0 where unknown, 65535 for what is farther than that."""
    mm_per_unit = frame.get_units() * 1000  # 1 for a D435, 0.1 for a D405
    if abs(mm_per_unit - 1.0) < 1e-6:
        return frozen_copy(frame, np.uint16)
    scaled = np.asarray(frame.get_data()) * np.float32(mm_per_unit)
    depth_mm = np.minimum(np.rint(scaled), np.iinfo(np.uint16).max).astype(np.uint16)
    depth_mm.flags.writeable = False
    return depth_mm


def frozen_copy(frame: rs.frame, dtype: type[Any]) -> NDArray[Any]:
    """Return the frame's pixels in memory of our own, read-only."""
    pixels = np.array(frame.get_data(), dtype, copy=True, order="C")
    pixels.flags.writeable = False
    return pixels


def _filter(name: DepthFilter, config: CameraConfig) -> rs.filter:
    if name == "decimation":
        return rs.decimation_filter(DECIMATION)
    if name == "threshold":
        # librealsense's own defaults where the robot file leaves them out: 0.1 m to 4 m.
        nearest_m = 0.1 if config.depth_min_m is None else config.depth_min_m
        farthest_m = 4.0 if config.depth_max_m is None else config.depth_max_m
        return rs.threshold_filter(nearest_m, farthest_m)
    if name == "spatial":
        return rs.spatial_filter()
    return rs.temporal_filter() if name == "temporal" else rs.hole_filling_filter()
