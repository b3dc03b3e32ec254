"""What the command process did, one record a period, and its summary in figures.

The log is memory set aside before the loop starts; it is written to disk when the loop has ended.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ConfigError
from interfaces.messages import ActionChunk, CommandState, JointCommand, JointState
from runtime.command.realtime import Tick

Records = NDArray[np.void]  # (period,) of the layout below


def record_layout(n_joints: int) -> np.dtype[np.void]:
    """Return the fields of one period."""
    return np.dtype(
        [
            ("t_deadline_ns", "<i8"),
            ("t_woke_ns", "<i8"),
            ("t_decided_ns", "<i8"),  # chunk, stage and gate are done
            ("t_sent_ns", "<i8"),  # just before the bus cycle; 0 where nothing was sent
            ("t_done_ns", "<i8"),  # after it
            ("missed", "<u4"),  # periods before this one that passed without a command
            ("state", "<u2"),
            ("chunk_sequence", "<i8"),
            ("frame_age_ns", "<i8"),  # of the frame behind the command when it was sent; -1 where none
            ("foresight_age_ns", "<i8"),  # at the chunk's joint state; -1 where none
            ("position_rad", "<f8", (n_joints,)),  # measured by the cycle
            ("commanded_rad", "<f8", (n_joints,)),
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleTimes:
    """The instants of one exchange with the motors."""

    t_decided_ns: int
    t_sent_ns: int  # just before the bus cycle
    t_done_ns: int  # after it


class CommandLog:
    """A ring of the last `capacity` periods."""

    def __init__(self, *, n_joints: int, period_ns: int, capacity: int) -> None:
        self._period_ns = period_ns
        self._ring: Records = np.zeros(capacity, record_layout(n_joints))
        self._count = 0
        np.savez(io.BytesIO(), records=self._ring[:1])  # its first call imports what it needs: not when memory is short

    def cycle(
        self,
        tick: Tick,
        command: JointCommand,
        chunk: ActionChunk | None,
        joints: JointState,
        times: CycleTimes,
    ) -> None:
        """Record a period in which `command` was sent, and `joints` came back."""
        framed = chunk is not None and chunk.t_capture_ns != 0
        self._put(
            (
                tick.t_deadline_ns,
                tick.t_woke_ns,
                times.t_decided_ns,
                times.t_sent_ns,
                times.t_done_ns,
                tick.missed,
                int(command.state),
                command.chunk_sequence,
                command.frame_age_ns,
                chunk.foresight_age_ns if framed and chunk is not None else -1,
                joints.position_rad,
                command.position_rad,
            )
        )

    def idle(self, tick: Tick, state: CommandState) -> None:
        """Record a period without a bus cycle."""
        nothing = np.full(self._ring["position_rad"].shape[1], np.nan)
        self._put((tick.t_deadline_ns, tick.t_woke_ns, 0, 0, 0, 0, int(state), 0, -1, -1, nothing, nothing))

    def records(self) -> Records:
        """Return a copy of what was recorded, oldest first."""
        capacity = len(self._ring)
        oldest = self._count % capacity if self._count > capacity else 0
        order = (oldest + np.arange(min(self._count, capacity))) % capacity
        return self._ring[order]

    def save(self, path: Path) -> None:
        """Write the log to `path`; the file appears whole or not at all."""
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as file:
            np.savez(file, records=self.records(), period_ns=np.int64(self._period_ns))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def _put(self, record: tuple[object, ...]) -> None:
        self._ring[self._count % len(self._ring)] = record
        self._count += 1


def load_log(path: Path) -> tuple[Records, int]:
    """Return the records in the log at `path`, and its period in ns; raises ConfigError where there is no log."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return cast("Records", file["records"]), int(file["period_ns"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(str(path), "file", str(error), "a log of the command process") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a quantity is spread, in ms; NaN where there was nothing to measure."""

    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float

    @classmethod
    def of_ns(cls, values_ns: NDArray[np.int64]) -> Spread:
        """Return the spread of some durations."""
        if len(values_ns) == 0:
            return cls(p50_ms=np.nan, p99_ms=np.nan, p999_ms=np.nan, max_ms=np.nan)
        p50, p99, p999, highest = np.percentile(values_ns, [50, 99, 99.9, 100]) * 1e-6
        return cls(p50_ms=float(p50), p99_ms=float(p99), p999_ms=float(p999), max_ms=float(highest))

    def line(self) -> str:
        """Return p50, p99 and maximum for people."""
        return f"{self.p50_ms:.3f} / {self.p99_ms:.3f} / {self.max_ms:.3f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSummary:
    """A log in figures."""

    duration_s: float
    commands: int
    missed: int
    lateness: Spread  # of sending, after the beat
    decision: Spread  # from waking: the newest chunk, stage and gate
    period_error: Spread  # |time between two commands - period|
    bus: Spread  # of the bus cycle
    frame_age: Spread  # of the frame behind each command, when it was sent
    foresight_age: Spread
    state_ratio: dict[str, float]  # of the periods


def summarise(records: Records, period_ns: int) -> CommandSummary:
    """Return the figures of some records."""
    sent = records[records["t_sent_ns"] > 0]
    # Two commands belong together when nothing but missed periods lies between them.
    intervals_ns = np.diff(records["t_sent_ns"])[(records["t_sent_ns"][1:] > 0) & (records["t_sent_ns"][:-1] > 0)]
    n_periods = max(len(records), 1)
    return CommandSummary(
        duration_s=float(records["t_woke_ns"][-1] - records["t_woke_ns"][0]) * 1e-9 if len(records) else 0.0,
        commands=len(sent),
        missed=int(sent["missed"].sum()),
        lateness=Spread.of_ns(sent["t_sent_ns"] - sent["t_deadline_ns"]),
        period_error=Spread.of_ns(np.abs(intervals_ns - period_ns)),
        decision=Spread.of_ns(sent["t_decided_ns"] - sent["t_woke_ns"]),
        bus=Spread.of_ns(sent["t_done_ns"] - sent["t_sent_ns"]),
        frame_age=Spread.of_ns(sent["frame_age_ns"][sent["frame_age_ns"] >= 0]),
        foresight_age=Spread.of_ns(sent["foresight_age_ns"][sent["foresight_age_ns"] >= 0]),
        state_ratio={
            state.name: float((records["state"] == state).sum()) / n_periods
            for state in CommandState
            if (records["state"] == state).any()
        },
    )
