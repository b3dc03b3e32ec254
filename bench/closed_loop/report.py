"""What a run in real time has shown, as tables for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.closed_loop.real_time import RealEpisode
from bench.closed_loop.success_table import success_table
from runtime.command.log import CommandSummary, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is known of a run in the end."""

    episodes: list[RealEpisode]
    rates_hz: dict[str, float]  # of camera, foresight and action while an instruction was followed
    status: dict[str, Any]  # of the policy process, at the end
    summary: CommandSummary


def print_report(console: Console, run: Run) -> None:
    """Print success per task, the rates and latencies of the policy process, and the timing of the command process."""
    console.print(success_table("in real time, through camera, processes, servo bytes and physics", run.episodes))
    bundle = run.status["bundle"]
    title = f"policy process: {bundle['name']} as {bundle['runs_as']}"
    rates = Table("", "rate", "latency p50", "p99", title=title, title_justify="left")
    for name, what in (("camera", "capture to slot"), ("foresight", "inference"), ("action", "state to chunk")):
        loop = run.status[name]
        rates.add_row(f"{name} ({what})", f"{run.rates_hz[name]:.1f} Hz", _ms(loop["p50_ms"]), _ms(loop["p99_ms"]))
    console.print(rates)
    summary = run.summary
    title = (
        f"command process: {summary.commands} commands in {summary.duration_s:.0f} s, {summary.missed} periods missed"
    )
    timing = Table("", "p50", "p99", "max", title=title, title_justify="left")
    for name, spread in _spreads(summary).items():
        timing.add_row(name, _ms(spread.p50_ms), _ms(spread.p99_ms), _ms(spread.max_ms))
    console.print(timing)
    shares = ", ".join(f"{name} {100 * ratio:.1f} %" for name, ratio in summary.state_ratio.items())
    console.print(f"states of the command process: {shares}")


def write_report(path: Path, run: Run) -> None:
    """Write all of it as JSON."""
    report = {
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}",
        "episodes": [asdict(episode) for episode in run.episodes],
        "rates_hz": run.rates_hz,
        "policy": run.status,
        "command": asdict(run.summary),
    }
    path.write_text(json.dumps(report, indent=1), encoding="utf-8")


def _spreads(summary: CommandSummary) -> dict[str, Spread]:
    return {
        "frame-to-command age": summary.frame_age,
        "foresight age at the joint state": summary.foresight_age,
        "|command period error|": summary.period_error,
        "sent after the beat": summary.lateness,
        "bus cycle": summary.bus,
    }


def _ms(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.2f} ms"
