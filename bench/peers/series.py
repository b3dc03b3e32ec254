"""Every trial as often as wanted, and the median of every figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from bench.peers.contest import Trial
from bench.peers.trial import Figures, measure
from interfaces.errors import DeviceError

T = TypeVar("T")

_ATTEMPTS = 3


@dataclass
class Outcome:
    """What came of a series."""

    results: dict[Trial, Figures] = field(default_factory=dict[Trial, Figures])
    failures: list[str] = field(default_factory=list[str])  # runs that ended before they were to, and with what


def run_series(
    wanted: list[Trial], *, repeats: int, seconds: float, model_ms: float, log: Path, say: Callable[[str], None]
) -> Outcome:
    """Run every trial `repeats` times, each written to `log` as it comes; a run that fails is noted, and tried again twice."""
    outcome = Outcome()
    with log.open("w", encoding="utf-8") as lines:
        for place, trial in enumerate(wanted, start=1):
            runs = [run for _ in range(repeats) if (run := _attempt(trial, seconds, model_ms, outcome)) is not None]
            for run in runs:
                lines.write(json.dumps({**asdict(trial), **asdict(run)}) + "\n")
            lines.flush()
            if runs:
                figures = outcome.results[trial] = middle(runs)
                say(
                    f"[{place}/{len(wanted)}] {trial.name}: {figures.beat.rate_hz:.1f} Hz, period error p99"
                    f" {figures.beat.p99_ms:.2f} ms, age p50 {figures.age.p50_ms:.0f} ms"
                )
            else:
                say(f"[{place}/{len(wanted)}] {outcome.failures[-1]}")
    return outcome


def middle(runs: list[T]) -> T:
    """Return the median of every figure of several runs; commands went on (None) only where they did in every run."""
    first: Any = runs[0]
    middles: dict[str, Any] = {}
    for each in fields(first):
        values = [getattr(run, each.name) for run in runs]
        known = [value for value in values if value is not None]
        middles[each.name] = middle(values) if is_dataclass(values[0]) else (median(known) if known else None)
    return type(first)(**middles)


def _attempt(trial: Trial, seconds: float, model_ms: float, outcome: Outcome) -> Figures | None:
    for _ in range(_ATTEMPTS):
        figures = _measured(trial, seconds, model_ms, outcome)
        if figures is not None:
            return figures
    return None


def _measured(trial: Trial, seconds: float, model_ms: float, outcome: Outcome) -> Figures | None:
    try:
        return measure(trial, seconds=seconds, model_ms=model_ms)
    except (DeviceError, ValueError) as error:
        outcome.failures.append(f"{trial.name}: {str(error).splitlines()[0]} {str(error).splitlines()[-1]}")
        return None
