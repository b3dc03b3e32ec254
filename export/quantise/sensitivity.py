"""What it costs the policy to quantise one thing alone: the error of its actions, end to end, in the worst frame and joint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from export.gates.figures import Figures
from export.quantise.units import Unit
from export.quantise.variants import Variants
from interfaces.progress import Progress

# Multiply-accumulates to spend on one layout: about a minute on one core.
_WORK_MACS = 2e12
_FRAMES_MIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """One unit, quantised alone."""

    unit: Unit
    figures: Figures


def frames_to_judge(units: Sequence[Unit], n_frames: int) -> tuple[int, ...]:
    """Return which held-out frames to judge units on: all where the networks are small, else as many as a minute allows.

    The worst frame counts, so fewer frames find less: never below 8. They are spread evenly, over tasks and episodes.
    """
    # Each unit's variant is run as a whole.
    work = len(units) * sum(unit.macs for unit in units)
    count = max(_FRAMES_MIN, min(n_frames, int(_WORK_MACS / max(work, 1))))
    if count >= n_frames:
        return tuple(range(n_frames))
    return tuple(round(index * (n_frames - 1) / (count - 1)) for index in range(count))


def measure_sensitivity(
    variants: Variants, units: Sequence[Unit], frames: Sequence[int], progress: Progress
) -> tuple[Sensitivity, ...]:
    """Return how far the policy is off with each unit quantised alone, the worst first.

    Also what is kept by default or pinned is judged: the table then shows what the decision was worth.
    """
    found: list[Sensitivity] = []
    for number, unit in enumerate(units):
        found.append(Sensitivity(unit=unit, figures=variants.figures(unit.ids, frames)))
        progress(number + 1, len(units), f"{variants.layout}: {unit.graph} {unit.name} alone")
    return tuple(sorted(found, key=lambda one: (-one.figures.action_error.value, one.unit.graph, one.unit.name)))
