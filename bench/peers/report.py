"""The table of a run, where a peer is better, and how far apart they are, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.peers.contest import Trial
from bench.peers.trial import Figures

Results = Mapping[Trial, Figures]

_HEAD = (
    "| runtime | commands | period error | age | reaction | after kill -9 of the model | CPU | memory | start |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Measure:
    """One figure that is compared: less is better."""

    name: str
    unit: str
    of: Callable[[Figures], float]


MEASURES = (
    Measure("period error p50", "ms", lambda figures: figures.beat.p50_ms),
    Measure("period error p99", "ms", lambda figures: figures.beat.p99_ms),
    Measure("period error p99.9", "ms", lambda figures: figures.beat.p999_ms),
    Measure("period error max", "ms", lambda figures: figures.beat.max_ms),
    Measure("age p50", "ms", lambda figures: figures.age.p50_ms),
    Measure("age p99", "ms", lambda figures: figures.age.p99_ms),
    Measure("reaction p50", "ms", lambda figures: figures.reaction.p50_ms),
    Measure("reaction p95", "ms", lambda figures: figures.reaction.p95_ms),
    Measure("CPU", "%", lambda figures: 100.0 * figures.cpu_ratio),
    Measure("memory", "MB", lambda figures: figures.memory_mb),
    Measure("start", "s", lambda figures: figures.start_s),
)
_COMPARED = ("period error p99", "age p50", "age p99", "reaction p50")


def parts(results: Results, failures: list[str]) -> list[str]:
    """Return the paragraphs of a page."""
    written: list[str] = []
    for loaded in sorted({trial.loaded for trial in results}):
        written += ["All cores busy:" if loaded else "No load:", table(results, loaded=loaded)]
    if failures:
        written += ["Runs that ended in an error, and were done again:", "\n".join(f"- {line}" for line in failures)]
    if all(rival(trial, results) is None or trial.stack == "forerun" for trial in results):
        return written  # nobody to hold against anybody
    written += ["Times forerun's figure:", factors(results)]
    better = where_peers_are_better(results)
    written += [
        "Where a peer is better (forerun's figure in brackets):" if better else "No peer is better in anything."
    ]
    written += ["\n".join(better)] if better else []
    return written


def table(results: Results, *, loaded: bool) -> str:
    """Return one table."""
    rows = [_row(trial, figures) for trial, figures in results.items() if trial.loaded is loaded]
    return "\n".join([_HEAD, *rows])


def rival(trial: Trial, results: Results) -> Trial | None:
    """Return the run of forerun that a peer's is held against: same load and tuning, real time, the nearest rate."""
    ours = [
        mine
        for mine in results
        if (mine.stack, mine.mode, mine.tuning, mine.loaded) == ("forerun", "fifo", trial.tuning, trial.loaded)
    ]
    return min(ours, key=lambda mine: abs(mine.rate_hz - trial.rate_hz), default=None)


def where_peers_are_better(results: Results) -> list[str]:
    """Return a line for every run of a peer that has a figure better than forerun's."""
    lines: list[str] = []
    for trial, figures in results.items():
        mine = rival(trial, results)
        if trial.stack == "forerun" or mine is None:
            continue
        better = [
            f"{measure.name} {_figure(measure.of(figures))} {measure.unit} ({_figure(measure.of(results[mine]))})"
            for measure in MEASURES
            if measure.of(figures) < measure.of(results[mine])
        ]
        if better:
            lines.append(f"- {trial.name}: {', '.join(better)}")
    return lines


def factors(results: Results) -> str:
    """Return how many times larger each peer's figures are than forerun's."""
    compared = [measure for measure in MEASURES if measure.name in _COMPARED]
    lines = [
        f"| peer | held against | {' | '.join(measure.name for measure in compared)} |",
        f"|---|---|{'---|' * len(compared)}",
    ]
    for trial, figures in results.items():
        mine = rival(trial, results)
        if trial.stack != "forerun" and mine is not None:
            ratios = " | ".join(f"{measure.of(figures) / measure.of(results[mine]):.1f}x" for measure in compared)
            lines.append(f"| {trial.name} | {mine.rate_hz:.0f} Hz | {ratios} |")
    return "\n".join(lines)


def _row(trial: Trial, figures: Figures) -> str:
    beat, age, reaction = figures.beat, figures.age, figures.reaction
    tuning = ", freshest" if trial.tuning == "freshest" else ""
    cells = [
        f"{trial.stack} {trial.mode} {trial.rate_hz:.0f} Hz{tuning}",
        f"{beat.rate_hz:.1f} Hz",
        " / ".join(map(_figure, (beat.p50_ms, beat.p99_ms, beat.p999_ms, beat.max_ms))),
        " / ".join(f"{value:.0f}" for value in (age.p50_ms, age.p95_ms, age.p99_ms)),
        " / ".join(f"{value:.0f}" for value in (reaction.p50_ms, reaction.p95_ms)),
        _aftermath(figures),
        f"{figures.cpu_ratio:.0%}",
        f"{figures.memory_mb:.0f} MB",
        f"{figures.start_s:.1f} s",
    ]
    return f"| {' | '.join(cells)} |"


def _aftermath(figures: Figures) -> str:
    after = figures.aftermath
    if after.commands_ended_ms is None:
        return f"commands go on (longest pause {after.silence_ms:.0f} ms), held from {after.at_rest_ms:.0f} ms on"
    if after.commands_ended_ms == 0.0:
        return "silence at once; the last goal stays"
    return f"old actions for {after.commands_ended_ms:.0f} ms, then silence; the last goal stays"


def _figure(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
