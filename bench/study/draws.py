"""What arms answered to the same question asked with many noises (distill/svam/arms/draws.py), beside their graphs' durations."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.study.latency import ActionLatency
from interfaces.durable import write_whole
from interfaces.errors import ConfigError

_FORKS = (
    "spread_rad", "from_mean_rad", "from_nearest_rad", "half_apart_rad", "decided_ratio", "left_ratio",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Of one trained policy."""

    arm: str
    training_seed: int
    spread_rad: dict[str, float]  # by task
    forks: dict[str, float] | None  # of the scenes with two right ways, by the names above
    latency: ActionLatency | None

    @property
    def overall_rad(self) -> float:
        """Return the spread over noises in all tasks."""
        return float(np.sqrt(np.mean(np.square(list(self.spread_rad.values())))))


def read_draws(path: Path, arm: str, training_seed: int, latency: ActionLatency | None) -> Draws | None:
    """Return what a policy answered; None where it was not asked. Raises ConfigError where the file is damaged."""
    if not path.exists():
        return None
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        spread_rad = {str(task): float(value) for task, value in told["spread_rad"].items()}
        forks = None if told["forks"] is None else {key: float(told["forks"][key]) for key in _FORKS}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        expected = "answers of a policy; delete it to have it made again"
        raise ConfigError(str(path), "file", f"{type(error).__name__} {error}", expected) from None
    return Draws(arm=arm, training_seed=training_seed, spread_rad=spread_rad, forks=forks, latency=latency)


def write_draws_table(path: Path, found: Sequence[Draws]) -> None:
    """Write a CSV file, a row a trained policy, whole or not at all. Raises OSError."""
    tasks = list(dict.fromkeys(task for one in found for task in one.spread_rad))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([
        "arm", "training_seed", *(f"spread_{task}_rad" for task in tasks), *(f"forks_{key}" for key in _FORKS),
        "action_min_ms", "action_p50_ms", "action_p99_ms",
    ])  # fmt: skip
    for one in found:
        forks, latency = one.forks or {}, one.latency
        durations_ms = (latency.min_ms, latency.p50_ms, latency.p99_ms) if latency else (None,) * 3
        values = [one.spread_rad.get(task) for task in tasks] + [forks.get(key) for key in _FORKS] + [*durations_ms]
        writer.writerow([one.arm, one.training_seed, *("" if value is None else f"{value:.6f}" for value in values)])
    write_whole(path, text.getvalue().encode())


def draws_rows(found: Sequence[Draws]) -> list[tuple[str, ...]]:
    """Return the rows of a table, a head and one an arm: means over training seeds, durations the shortest median."""
    head = (
        "arm", "spread, mrad", "at forks: spread", "from the mean", "from the nearer way", "decided, %", "left, %",
        "action graph, ms",
    )  # fmt: skip
    return [head, *(_row(arm, [one for one in found if one.arm == arm]) for arm in dict.fromkeys(d.arm for d in found))]


def _row(arm: str, mine: Sequence[Draws]) -> tuple[str, ...]:
    forks = [one.forks for one in mine if one.forks is not None]
    medians_ms = [one.latency.p50_ms for one in mine if one.latency is not None]

    def at_forks(key: str, scale: float = 1000.0) -> str:
        return _mean(scale * one[key] for one in forks)

    return (
        arm, _mean(1000.0 * one.overall_rad for one in mine), at_forks("spread_rad"), at_forks("from_mean_rad"),
        at_forks("from_nearest_rad"), at_forks("decided_ratio", 100.0), at_forks("left_ratio", 100.0),
        f"{min(medians_ms):.2f}" if medians_ms else "-",
    )  # fmt: skip


def _mean(values: Iterable[float]) -> str:
    told = list(values)
    return f"{np.mean(told):.1f}" if told else "-"
