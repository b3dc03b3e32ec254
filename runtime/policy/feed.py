"""What the policy process tells the recorder: its pictures, its inferences, its lines; never waited for."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from interfaces.camera_config import CameraConfig
from interfaces.errors import ProtocolError, RefusedError
from interfaces.flight import ActionInference, ForesightInference, Line
from interfaces.flight_wire import encode_foresight, encode_inference, encode_line
from interfaces.messages import ActionChunk, Foresight, Frame
from runtime.flight.feed import FlightFeed
from runtime.flight.frame_ring import FrameRingWriter, ring_path
from runtime.policy.action_stage import ActionStage

_log = logging.getLogger(__name__)
_SOURCE = "policy"


class PolicyFeed:
    """Numbers what it sends, so that the record shows what it lacks. Each kind is sent by one thread."""

    def __init__(self, socket: Path, cameras: Sequence[CameraConfig]) -> None:
        """Feed the recorder that listens at `socket`, now or later; without room for pictures there are none in the record."""
        self._feed = FlightFeed(socket)
        self._rings: dict[str, FrameRingWriter] = {}
        try:
            for camera in cameras:
                path = ring_path(socket, camera.name)
                self._rings[camera.name] = FrameRingWriter(path, camera.width_px, camera.height_px)
        except RefusedError as error:
            _log.warning("the flight record will lack pictures: %s", error)
        self._foresights, self._actions, self._lines = itertools.count(1), itertools.count(1), itertools.count(1)

    def frame(self, frame: Frame) -> None:
        """Put a picture where the recorder can see it."""
        if frame.camera in self._rings:
            self._rings[frame.camera].put(frame)

    def foresight(self, foresight: Foresight, t_start_ns: int) -> None:
        """Send a run of the foresight graph."""
        run = ForesightInference(sequence=next(self._foresights), t_start_ns=t_start_ns, foresight=foresight)
        with contextlib.suppress(ProtocolError):  # tokens larger than a message: the record does without
            self._feed.send(encode_foresight(run), foresight.t_done_ns)

    def action(
        self, stage: ActionStage, chunk: ActionChunk, foresight: Foresight, t_start_ns: int, t_done_ns: int
    ) -> None:
        """Send a run of the action graph: the inputs that are not known from elsewhere."""
        run = ActionInference(
            sequence=next(self._actions),
            chunk_sequence=chunk.sequence,
            foresight_sequence=foresight.sequence,
            t_start_ns=t_start_ns,
            t_done_ns=t_done_ns,
            t_state_ns=chunk.t_state_ns,
            joints_rad=stage.joints_rad,
            noise=stage.noise,
        )
        self._feed.send(encode_inference(run), t_done_ns)

    def line(self, text: str, level: int, t_now_ns: int) -> None:
        """Send a line that was said to people; `level` as of Python's logging."""
        line = Line(sequence=next(self._lines), t_ns=t_now_ns, source=_SOURCE, level=level, text=text)
        self._feed.send(encode_line(line), t_now_ns)

    def close(self) -> None:
        """Hang up, and take the pictures away."""
        self._feed.close()
        for ring in self._rings.values():
            ring.close()


class RecordedLog(logging.Handler):
    """Sends what the process logs to the recorder, too."""

    def __init__(self, feed: PolicyFeed) -> None:
        """Send it over `feed`."""
        super().__init__()
        self._feed = feed

    def emit(self, record: logging.LogRecord) -> None:  # pyright: ignore[reportImplicitOverride] - typing has it from 3.12 on
        """Send one line; never waits."""
        try:
            self._feed.line(record.getMessage(), record.levelno, time.monotonic_ns())
        except (TypeError, ValueError):  # it cannot be formatted: that must not end the thread that says it
            self.handleError(record)
