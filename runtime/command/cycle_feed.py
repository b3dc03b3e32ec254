"""What the command process tells the recorder: each period, each chunk it took, each line it said; never waited for."""

from __future__ import annotations

from collections.abc import Sequence

from interfaces.flight import CommandCycle, Line
from interfaces.flight_wire import CycleEncoder, encode_line
from interfaces.messages import ActionChunk, JointCommand, JointState, StageInput
from interfaces.wire import encode_chunk
from runtime.command.log import CycleTimes
from runtime.command.realtime import Tick
from runtime.command.stage import CommandStage
from runtime.flight.feed import FlightFeed

_SOURCE = "command"


class CycleFeed:
    """Numbers what it sends, so that the record shows what it lacks."""

    def __init__(self, feed: FlightFeed, n_joints: int) -> None:
        """Feed the recorder of an arm with `n_joints`."""
        self._feed = feed
        self._encoder = CycleEncoder(n_joints)
        self._cycles = self._lines = 0

    def cycle(
        self,
        tick: Tick,
        stage: CommandStage,
        joints: JointState | None,
        command: JointCommand | None,
        told: Sequence[StageInput],
        times: CycleTimes,
    ) -> None:
        """Send a period: what the stage decided on (`joints`, `told`), and what it decided."""
        self._cycles += 1
        chunk = stage.chunk
        framed = chunk is not None and chunk.t_capture_ns != 0
        cycle = CommandCycle(
            sequence=self._cycles,
            t_deadline_ns=tick.t_deadline_ns,
            t_woke_ns=tick.t_woke_ns,
            t_command_ns=0 if command is None else command.t_command_ns,
            t_sent_ns=0 if command is None else times.t_sent_ns,
            t_done_ns=times.t_done_ns,
            missed=tick.missed,
            state=stage.state,
            why=stage.why,
            chunk_sequence=0 if command is None else command.chunk_sequence,
            frame_age_ns=-1 if command is None else command.frame_age_ns,
            foresight_age_ns=chunk.foresight_age_ns if framed and chunk is not None else -1,
            joints=joints,
            commanded_rad=stage.commanded_rad,
            commanded_rad_s=stage.commanded_rad_s,
            commanded_rad_s2=stage.commanded_rad_s2,
            inputs=tuple(told),
        )
        self._feed.send(self._encoder.encode(cycle), times.t_done_ns)

    def chunk(self, chunk: ActionChunk, t_now_ns: int) -> None:
        """Send a chunk that the stage was told of, before the period in which it was."""
        self._feed.send(encode_chunk(chunk), t_now_ns)

    def line(self, text: str, level: int, t_now_ns: int) -> None:
        """Send a line that was said to people; `level` as of Python's logging."""
        self._lines += 1
        line = Line(sequence=self._lines, t_ns=t_now_ns, source=_SOURCE, level=level, text=text)
        self._feed.send(encode_line(line), t_now_ns)

    def close(self) -> None:
        """Hang up."""
        self._feed.close()
