"""The closed-loop gate: does the candidate succeed as often as the reference, on the same seeds? Pure.

Frames alone do not tell whether a robot that acts on its own errors still gets there. With 100 seeds a task, 2 points are two episodes;
what chance alone does to such a rate, its interval tells (bench/closed_loop/intervals.py). Both play the same scenes with the same noise,
so that the seeds lost and won say more than the rates.
"""

from __future__ import annotations

from collections.abc import Mapping

from export.gates.figures import Worst
from export.gates.judge import judged
from export.gates.limits import CLOSED_LOOP, Limits
from interfaces.bundle_artefact import Gate

Outcomes = Mapping[str, Mapping[int, bool]]  # task -> seed -> success

_SHOWN = 5  # seeds


def judge_closed_loop(reference: Outcomes, candidate: Outcomes, limits: Limits) -> Gate:
    """Return the gate: what is measured is the largest loss of success over the tasks, a ratio, below 0 where the candidate is better.

    That each task is within the limit says that all together are. Raises ValueError where both did not play the same episodes.
    """
    played = {task: sorted(seeds) for task, seeds in reference.items()}
    if played != {task: sorted(seeds) for task, seeds in candidate.items()} or not all(played.values()) or not played:
        raise ValueError("reference and candidate must play the same episodes, at least one a task")
    # Rounded: 1.0 - 0.98 is a little more than 0.02.
    losses = {task: round(_rate(reference[task]) - _rate(candidate[task]), 9) for task in reference}
    worst = max(losses, key=losses.__getitem__)
    return judged(CLOSED_LOOP, limits.success_loss_max_ratio, Worst(losses[worst], _told(worst, reference, candidate)))


def _rate(seeds: Mapping[int, bool]) -> float:
    return sum(seeds.values()) / len(seeds)


def _told(task: str, reference: Outcomes, candidate: Outcomes) -> str:
    told, found = reference[task], candidate[task]
    lost = [seed for seed in sorted(told) if told[seed] and not found[seed]]
    won = [seed for seed in sorted(told) if found[seed] and not told[seed]]
    parts = [f"task {task}: {sum(found.values())} of {len(found)}, reference {sum(told.values())}"]
    parts += [f"{what} on seed {_listed(seeds)}" for what, seeds in (("lost", lost), ("won", won)) if seeds]
    return ", ".join(parts)


def _listed(seeds: list[int]) -> str:
    return " ".join(map(str, seeds[:_SHOWN])) + (" ..." if len(seeds) > _SHOWN else "")
