"""The recorder: what the processes tell and the cameras see, written down as it comes, and shown on request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import foxglove

from interfaces.errors import ProtocolError, RefusedError
from interfaces.flight_wire import (
    KIND_CYCLE,
    KIND_FORESIGHT,
    KIND_INFERENCE,
    KIND_LINE,
    decode_cycle,
    decode_foresight,
    decode_inference,
    decode_line,
)
from interfaces.robot_config import RobotConfig
from interfaces.wire import KIND_CHUNK, decode_chunk
from runtime.flight.channels import FlightChannels
from runtime.flight.frame_ring import FrameRingReader, ring_path
from runtime.flight.inbox import Inbox, kind_of
from runtime.flight.pictures import Pictures
from runtime.flight.segments import Segments
from runtime.flight.shelf import Shelf
from runtime.service.pulse import Pulse

_FLUSH_NS = 500_000_000  # what a kill may cost
_INBOX_NS = 5_000_000_000  # longer than one round of listening takes on any machine


class Recorder:
    """Hears, looks, writes; nobody waits for it."""

    def __init__(self, robot: RobotConfig, robot_text: str, folder: Path, monotonic_to_epoch_ns: int) -> None:
        """Listen at the robot's record socket, and write to `folder`; raises RefusedError where another recorder does."""
        self._robot, self._robot_text, self._offset_ns = robot, robot_text, monotonic_to_epoch_ns
        self._context = foxglove.Context()
        self._channels = FlightChannels(self._context, robot, monotonic_to_epoch_ns)
        self._shelf = Shelf(folder, robot.record)
        self._segments = Segments(self._shelf, self._context, self._head, monotonic_to_epoch_ns)
        socket_path = Path(robot.record.socket)
        rings = [FrameRingReader(ring_path(socket_path, camera.name)) for camera in robot.cameras]
        self._pictures = Pictures(rings, robot.record.image_rate_hz)
        self._inbox = Inbox(socket_path)
        self._pulse = Pulse()
        self._pulse.watch("inbox", self._inbox.turns, _INBOX_NS)
        self._rejected = 0
        self._t_flush_ns = 0
        self._t_report_ns = 0

    def serve_live(self, port: int) -> int:
        """Show everything as it comes to Foxglove or Lichtblick on this machine; return the port, a free one for 0."""
        try:
            server = foxglove.start_server(
                name=f"forerun {self._robot.name}", host="127.0.0.1", port=port, context=self._context
            )
        except (RuntimeError, OSError) as error:
            raise RefusedError(f"cannot serve the live view at 127.0.0.1:{port}: {error}") from error
        return server.port

    @property
    def alive(self) -> bool:
        """Return whether it still hears."""
        return self._inbox.alive

    def hangs(self, t_now_ns: int) -> bool:
        """Return whether the thread that listens ends no turn any more; to be asked after every step."""
        return bool(self._pulse.look(t_now_ns))

    def status(self) -> str:
        """Return in one line whether it writes, and how full its part of the disk is; it changes slowly."""
        segments, shelf = self._segments, self._shelf
        if segments.trouble:
            return f"cannot write the flight record: {segments.trouble}; goes on listening"
        used_mb, limit_mb = (shelf.old_bytes() + segments.size_bytes) / 1e6, shelf.limit_bytes / 1e6
        return f"writes {segments.name}, {used_mb:.0f} of at most {limit_mb:.0f} MB"

    def step(self, t_now_ns: int) -> None:
        """Write down what came since the last step."""
        self._segments.keep_up(t_now_ns)
        self._write_waiting()
        if t_now_ns - self._t_report_ns >= 1_000_000_000:
            self._t_report_ns = t_now_ns
            self._channels.recorder(self._report(t_now_ns), t_now_ns)
        if t_now_ns - self._t_flush_ns >= _FLUSH_NS:
            self._t_flush_ns = t_now_ns
            self._segments.flush(t_now_ns)

    def close(self, t_now_ns: int) -> None:
        """Stop listening, write down what is left, and end the file."""
        self._inbox.close()
        self._segments.keep_up(t_now_ns)  # there is no file yet where the end came before the first step
        self._write_waiting()
        self._channels.recorder(self._report(t_now_ns), t_now_ns)
        self._segments.close()
        self._pictures.close()

    def _write_waiting(self) -> None:
        messages = 0
        for data in self._inbox.take():
            messages += self._write(data)
        for frame in self._pictures.take():
            self._channels.frame(frame)
            messages += 1
        self._segments.note(messages)

    def _write(self, data: bytes) -> bool:
        """Write one message; return whether it was one."""
        header = kind_of(data)
        try:
            self._log(0 if header is None else header[0], data)
        except (ProtocolError, ValueError, OverflowError):  # the last two: numbers that no clock and no robot shows
            self._rejected += 1
            return False
        return True

    def _log(self, kind: int, data: bytes) -> None:
        channels = self._channels
        if kind == KIND_CYCLE:
            channels.cycle(decode_cycle(data))
        elif kind == KIND_CHUNK:
            channels.chunk(decode_chunk(data))
        elif kind == KIND_INFERENCE:
            channels.inference(decode_inference(data))
        elif kind == KIND_FORESIGHT:
            channels.foresight(decode_foresight(data))
        elif kind == KIND_LINE:
            channels.line(decode_line(data))
        else:
            raise ProtocolError(f"a message of {len(data)} bytes of no kind that is recorded")

    def _head(self, segment: int) -> Mapping[str, dict[str, str]]:
        """Return what each file says of itself."""
        return {
            "forerun": {
                "version": "1",
                "robot": self._robot.name,
                "monotonic_to_epoch_ns": str(self._offset_ns),
                "segment": str(segment),
            },
            "robot.toml": {"text": self._robot_text},
        }

    def _report(self, t_now_ns: int) -> dict[str, Any]:
        inbox, shelf, segments = self._inbox, self._shelf, self._segments
        return {
            "t_ns": t_now_ns,
            "received": dict(inbox.received),
            "dropped": dict(inbox.dropped),
            "overflowed": inbox.overflowed,
            "rejected": self._rejected,
            "unwritten": segments.unwritten,
            "torn_pictures": self._pictures.torn,
            "segments_removed": shelf.removed,
            "disk_used_bytes": shelf.old_bytes() + segments.size_bytes,
            "disk_limit_bytes": shelf.limit_bytes,
            "disk_free_bytes": shelf.free_bytes(),
            "segments": shelf.old_segments + bool(segments.name),
            "file": segments.name,
        }
