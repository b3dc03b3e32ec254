"""The results of a study as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.study.draws import Draws, draws_rows
from bench.study.held_out import HeldOut
from bench.study.rates import ALL_TASKS, Rate, by_training_seed, difference, in_order, rate
from bench.study.trials import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands above the tables."""

    title: str
    facts: tuple[str, ...]  # a line each: command, recipe, commit
    about: Mapping[str, str]  # what an arm is, by name
    against: str | None = None  # the arm that others are compared with; None: the first that was tried


def markdown(
    heading: Heading, trials: Sequence[Trial], held_out: Sequence[HeldOut] = (), draws: Sequence[Draws] = ()
) -> str:
    """Return the page: where it comes from, success, training seeds and differences, errors, draws, and what the arms are."""
    arms, tasks = in_order(trials)
    against = heading.against if heading.against in arms else arms[0]
    lines = [f"# {heading.title}", "", *(f"- {fact}" for fact in heading.facts), ""]
    lines += ["Success, pooled over training seeds, with Wilson's 95 % interval over episodes:", ""]
    lines += _row("arm", *tasks, ALL_TASKS), _rule(len(tasks) + 2)
    lines += [_row(arm, *(_rate(rate(trials, arm, task)) for task in (*tasks, None))) for arm in arms]
    lines += ["", f"All tasks, by training seed, and against `{against}` in the same scenes (95 % interval):", ""]
    lines += _row("arm", "mean of training seeds", "lowest to highest", f"difference to {against}, points"), _rule(4)
    lines += [_row(arm, *_spread(trials, arm), _difference(trials, arm, against)) for arm in arms]
    lines += _errors(held_out) + _draws(draws)
    lines += ["", *(f"- **{arm}**: {heading.about[arm]}" for arm in arms if arm in heading.about), ""]
    return "\n".join(lines)


def _errors(held_out: Sequence[HeldOut]) -> list[str]:
    """Return the table of held-out errors, a row for each arm that was trained itself."""
    if not held_out:
        return []
    lines = [
        "",
        "Joint targets of held-out demonstrations, how far off, mrad (mean of training seeds, lowest to highest):",
        "",
    ]
    lines += [_row("arm", "with its foresight", "with zeros", "with another picture's", "standing still"), _rule(5)]
    for arm in dict.fromkeys(found.arm for found in held_out):
        mine = [found for found in held_out if found.arm == arm]
        columns = zip(
            *((one.off_rad, one.zeroed_off_rad, one.shuffled_off_rad, one.still_off_rad) for one in mine),
            strict=True,
        )
        lines.append(
            _row(arm, *(f"{1000 * np.mean(c):.1f} ({1000 * min(c):.1f}-{1000 * max(c):.1f})" for c in columns))
        )
    return lines


def _draws(draws: Sequence[Draws]) -> list[str]:
    """Return the table of answers to the same question with many noises, and how far the mean of both ways is from either."""
    if not draws:
        return []
    head, *rows = draws_rows(draws)
    half_apart = [one.forks["half_apart_rad"] for one in draws if one.forks is not None]
    costs = f" The mean of both ways is {1000 * np.mean(half_apart):.1f} mrad off either." if half_apart else ""
    return [
        "",
        "The same question with many noises, mrad (root mean squares; means over training seeds). At forks, two ways are equally"
        f" right and their mean is known.{costs} The graph's duration is the median, fp32, one thread, of the quickest seed's:",
        "",
        _row(*head),
        _rule(len(head)),
        *(_row(*row) for row in rows),
    ]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(n_columns: int) -> str:
    return "|" + "---|" * n_columns


def _rate(found: Rate) -> str:
    if not found.trials:
        return "-"
    low, high = found.interval
    return f"{found.successes}/{found.trials} = {100 * found.ratio:.1f} % ({100 * low:.0f}-{100 * high:.0f})"


def _spread(trials: Sequence[Trial], arm: str) -> tuple[str, str]:
    ratios = list(by_training_seed(trials, arm).values())
    return (
        f"{100 * float(np.mean(ratios)):.1f} % of {len(ratios)}",
        f"{100 * min(ratios):.1f}-{100 * max(ratios):.1f} %",
    )


def _difference(trials: Sequence[Trial], arm: str, other: str) -> str:
    found = None if arm == other else difference(trials, arm, other)
    if found is None:
        return "-"
    return f"{100 * found.middle_ratio:+.1f} ({100 * found.low_ratio:+.1f} to {100 * found.high_ratio:+.1f})"
