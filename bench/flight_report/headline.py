"""The figures at the top of the page: how long, how regular, how old, how exact. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

from bench.flight_report.series import Column, Series
from bench.flight_report.tracking import Tracking
from interfaces.flight import ActionInference, ForesightInference
from runtime.flight.record import FlightRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a quantity is spread over a flight."""

    name: str
    unit: str
    quantiles: Column  # (4,): p50, p99, p99.9 and the highest, in `unit`; NaN where there was nothing to measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A flight in figures."""

    robot: str
    began: str  # UTC, for people
    duration_s: float
    covered_s: float  # of it without the gaps of the record
    facts: tuple[tuple[str, str], ...]  # name and value, for people
    timing: tuple[Spread, ...]
    tracking: tuple[Spread, ...]  # |measured - commanded| of each joint
    missed: int
    lost: tuple[tuple[str, int], ...]  # messages that the record lacks, by kind


def headline_of(record: FlightRecord, series: Series, tracking: Tracking) -> Headline:
    """Return the figures of a flight."""
    duration_s = _duration_s(record)
    covered_s = duration_s - _gaps_s(record)
    missed = int(series.missed.sum())
    lost = _lost(record)
    return Headline(
        robot=record.robot.name,
        began=_began(record, series),
        duration_s=duration_s,
        covered_s=covered_s,
        facts=(*_rates(record, series, covered_s), ("periods missed", str(missed)), *_lags(tracking)),
        timing=_timing(record, series),
        tracking=_tracking(record, tracking),
        missed=missed,
        lost=lost,
    )


def spread(name: str, values: Column, unit: str = "ms") -> Spread:
    """Return how some values are spread; NaN among them are left out."""
    known = values[np.isfinite(values)]
    quantiles = np.percentile(known, [50, 99, 99.9, 100]) if len(known) else np.full(4, np.nan)
    return Spread(name=name, unit=unit, quantiles=quantiles)


def inference_ms(runs: Sequence[ActionInference] | Sequence[ForesightInference]) -> Column:
    """Return how long each run of a graph took."""
    return np.array([(_done_ns(run) - run.t_start_ns) * 1e-6 for run in runs], np.float64)


def _done_ns(run: ActionInference | ForesightInference) -> int:
    return run.t_done_ns if isinstance(run, ActionInference) else run.foresight.t_done_ns


def _duration_s(record: FlightRecord) -> float:
    return (record.cycles[-1].t_done_ns - record.cycles[0].t_woke_ns) * 1e-9 if record.cycles else 0.0


def _gaps_s(record: FlightRecord) -> float:
    gaps_ns = [
        after.t_woke_ns - before.t_done_ns
        for before, after in itertools.pairwise(record.cycles)
        if after.sequence != before.sequence + 1
    ]
    return sum(gaps_ns) * 1e-9


def _began(record: FlightRecord, series: Series) -> str:
    epoch_ns = series.t_zero_ns + record.monotonic_to_epoch_ns
    return datetime.fromtimestamp(epoch_ns // 10**9, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _rates(record: FlightRecord, series: Series, covered_s: float) -> tuple[tuple[str, str], ...]:
    counts = {
        "commands": int(series.sent.sum()),
        "chunks taken": len(record.chunks),
        "action inferences": len(record.inferences),
        "foresight inferences": len(record.foresights),
        "pictures kept": len(record.frames),
    }
    per_s = 1.0 / covered_s if covered_s > 0 else np.nan
    return tuple((name, f"{count}, {count * per_s:.1f} Hz") for name, count in counts.items())


def _lags(tracking: Tracking) -> tuple[tuple[str, str], ...]:
    if np.isnan(tracking.lag_s):
        return (("actuation latency", "the arm moved too little to tell"),)
    return (("actuation latency, estimated", f"{tracking.lag_s * 1e3:.1f} ms"),)


def _timing(record: FlightRecord, series: Series) -> tuple[Spread, ...]:
    return (
        spread("|period error|", np.abs(series.period_error_ms)),
        spread("command after its beat", series.late_ms),
        spread("bus cycle", series.bus_ms),
        spread("frame-to-command age", series.frame_age_ms),
        spread("foresight age at the joint state", series.foresight_age_ms),
        spread("foresight inference", inference_ms(record.foresights)),
        spread("action inference", inference_ms(record.inferences)),
    )


def _tracking(record: FlightRecord, tracking: Tracking) -> tuple[Spread, ...]:
    errors = ((name, k) for k, name in enumerate(record.robot.arm.joint_names))
    return tuple(
        one
        for name, k in errors
        for one in (
            spread(name, 1e3 * np.abs(tracking.error_rad[:, k]), "mrad"),
            spread(f"{name}, lag taken out", 1e3 * np.abs(tracking.left_rad[:, k]), "mrad"),
        )
    )


def _lost(record: FlightRecord) -> tuple[tuple[str, int], ...]:
    """Return how many messages the senders numbered that the record does not hold."""
    sequences = {
        "cycles": [cycle.sequence for cycle in record.cycles],
        "action inferences": [run.sequence for run in record.inferences],
        "foresight inferences": [run.sequence for run in record.foresights],
    }
    lost = Counter({name: _holes(numbers) for name, numbers in sequences.items()})
    return tuple((name, count) for name, count in lost.items() if count)


def _holes(numbers: list[int]) -> int:
    steps = np.diff(np.array(numbers, np.int64))
    return int(np.sum(steps[steps > 1] - 1))  # where it goes back, a process started again
