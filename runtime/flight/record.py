"""A flight record in memory: what the processes told, in the order in which it was recorded.

All instants are the monotonic ones of the processes; the files' own times are for people.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from interfaces.flight import ActionInference, CommandCycle, ForesightInference, Line
from interfaces.messages import ActionChunk, Rgb
from interfaces.robot_config import RobotConfig
from runtime.flight import decode
from runtime.flight.decode import RecorderReport
from runtime.flight.mcap_file import Place, load


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFrame:
    """One picture of one camera; it stays in its file until somebody looks at it."""

    camera: str
    number: int
    t_capture_ns: int
    t_arrival_ns: int
    place: Place

    def encoded(self) -> bytes:
        """Return the jpeg or png as it was recorded; raises ValueError where its message is damaged."""
        return decode.picture_bytes(load(self.place))

    def rgb(self) -> Rgb | None:
        """Return the picture, (height, width, 3), or None where its bytes are damaged."""
        try:
            with Image.open(io.BytesIO(self.encoded())) as picture:
                return np.asarray(picture.convert("RGB"), np.uint8)
        except (ValueError, OSError, UnidentifiedImageError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightRecord:
    """One flight of one robot."""

    files: tuple[Path, ...]
    robot: RobotConfig
    monotonic_to_epoch_ns: int
    cycles: tuple[CommandCycle, ...]  # what they were told carries its chunk, where that was recorded
    chunks: tuple[ActionChunk, ...]  # that the command process took
    inferences: tuple[ActionInference, ...]
    foresights: tuple[ForesightInference, ...]
    frames: tuple[RecordedFrame, ...]
    lines: tuple[Line, ...]
    recorder: tuple[RecorderReport, ...]
    notes: tuple[str, ...]  # what is missing or was left out, for people

    def chunks_by_key(self) -> Mapping[tuple[int, int], ActionChunk]:
        """Return the chunks by sequence and joint state's instant: a policy that starts again counts from the beginning."""
        return {(chunk.sequence, chunk.t_state_ns): chunk for chunk in self.chunks}
