"""The moments of a flight worth looking at: its states with their reasons, and where it was worst. Pure."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.flight_report.series import Column, Series
from bench.flight_report.tracking import Tracking
from interfaces.flight import CommandCycle
from interfaces.messages import CommandState
from runtime.flight.record import FlightRecord, RecordedFrame

_STOPS = (CommandState.HOLDING, CommandState.FAULT, CommandState.ESTOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time in one state for one reason."""

    state: CommandState
    why: str
    t_start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An instant to look at, and the pictures on both sides of it."""

    t_ns: int
    t_s: float
    title: str
    text: str
    pictures: tuple[RecordedFrame, ...]


def stretches_of(record: FlightRecord, series: Series) -> tuple[Stretch, ...]:
    """Return the states of a flight, in order; while it follows, every chunk is the same reason."""
    cycles = record.cycles
    starts = [k for k, cycle in enumerate(cycles) if k == 0 or not _goes_on(cycles[k - 1], cycle)]
    ends_ns = [cycles[k].t_woke_ns for k in starts[1:]] + [cycle.t_done_ns for cycle in cycles[-1:]]
    return tuple(
        Stretch(
            state=cycles[k].state,
            why=cycles[k].why,
            t_start_s=float(series.since_start_s(cycles[k].t_woke_ns)),
            duration_s=(end_ns - cycles[k].t_woke_ns) * 1e-9,
        )
        for k, end_ns in zip(starts, ends_ns, strict=True)
    )


def moments_of(record: FlightRecord, series: Series, tracking: Tracking, *, stops: int = 12) -> tuple[Moment, ...]:
    """Return the worst period, tracking and age, then the first `stops` times that something stopped the arm."""
    names = record.robot.arm.joint_names
    error_rad = np.abs(tracking.error_rad)
    worst = [
        _worst(record, series, "largest period error", series.period_error_ms, "{:+.3f} ms"),
        _worst(record, series, "oldest command", series.frame_age_ms, "acts on a frame {:.1f} ms old"),
        *(
            _worst(record, series, f"largest tracking error of {names[k]}", 1e3 * error_rad[:, k], "{:.1f} mrad")
            for k in _farthest(error_rad)
        ),
    ]
    return (*(moment for moment in worst if moment is not None), *_stops(record, series)[:stops])


def _farthest(error_rad: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[int]:
    """Return the joint with the largest error, in a list; none where nothing was measured."""
    return [] if not np.isfinite(error_rad).any() else [int(np.nanargmax(np.nanmax(_filled(error_rad), axis=0)))]


def _filled(
    error_rad: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.where(np.isfinite(error_rad), error_rad, 0.0)


def _worst(record: FlightRecord, series: Series, title: str, values: Column, text: str) -> Moment | None:
    known = np.where(np.isfinite(values), np.abs(values), -1.0)
    if len(known) == 0 or known.max() <= 0.0:
        return None
    k = int(known.argmax())
    return _moment(record, series, record.cycles[k], title, text.format(float(values[k])))


def _stops(record: FlightRecord, series: Series) -> list[Moment]:
    cycles = record.cycles
    return [
        _moment(record, series, cycle, f"{before.state.name} to {cycle.state.name}", cycle.why)
        for before, cycle in itertools.pairwise(cycles)
        if cycle.state in _STOPS and cycle.state is not before.state
    ]


def _moment(record: FlightRecord, series: Series, cycle: CommandCycle, title: str, text: str) -> Moment:
    t_ns = cycle.t_sent_ns or cycle.t_woke_ns
    t_s = float(series.since_start_s(t_ns))
    return Moment(t_ns=t_ns, t_s=t_s, title=title, text=text, pictures=around(record.frames, t_ns))


def around(frames: Sequence[RecordedFrame], t_ns: int) -> tuple[RecordedFrame, ...]:
    """Return of each camera the last picture before `t_ns` and the first after it, where there are such."""
    found: list[RecordedFrame] = []
    for camera in dict.fromkeys(frame.camera for frame in frames):
        mine = [frame for frame in frames if frame.camera == camera]
        k = bisect_right([frame.t_capture_ns for frame in mine], t_ns)
        found += mine[max(k - 1, 0) : k + 1]
    return tuple(found)


def _goes_on(before: CommandCycle, cycle: CommandCycle) -> bool:
    same_reason = cycle.why == before.why or cycle.state is CommandState.FOLLOWING
    return cycle.state is before.state and same_reason and cycle.sequence > before.sequence
