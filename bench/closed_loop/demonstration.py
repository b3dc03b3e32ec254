"""The demonstration: episodes in real time with live figures, then the report and the pictures."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from bench.closed_loop.live_view import LiveView
from bench.closed_loop.processes import COMMAND_LOG, RobotProcesses
from bench.closed_loop.real_time import RealEpisode, RealTime
from bench.closed_loop.report import Run, print_report, write_report
from bench.closed_loop.strip import Moment, save_gif, save_strip
from interfaces.robot_config import load_robot
from runtime.command.log import load_log, summarise
from sim.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """What to show."""

    robot_file: Path
    bundle: Path | None
    tasks: tuple[str, ...]
    n_seeds: int
    first_seed: int
    time_limit_s: float
    out: Path
    view: bool
    record: Path | None  # folder of the flight record


def demonstrate(plan: Demonstration, console: Console) -> list[RealEpisode]:
    """Run the episodes, print the report, write report, pictures and logs to `plan.out`; return the episodes."""
    robot = load_robot(plan.robot_file)
    plan.out.mkdir(parents=True, exist_ok=True)
    strips: dict[str, list[Moment]] = {}
    with tempfile.TemporaryDirectory(prefix="forerun-") as name:
        run_folder = Path(name)
        flight = None if plan.record is None else _fresh(plan.record)
        processes = RobotProcesses(
            plan.robot_file, robot, run_folder, bundle=plan.bundle, view=plan.view, record_to=flight
        )
        console.print(f"starting world, command and policy process of {plan.robot_file.name} ...")
        t_start_ns = time.monotonic_ns()
        try:
            with processes:
                console.print(f"running after {(time.monotonic_ns() - t_start_ns) * 1e-9:.1f} s")
                with LiveView(console, plan.n_seeds * len(plan.tasks)) as view:
                    real_time = RealTime(robot, processes, partial(view.watch, processes))
                    episodes = _run_episodes(plan, real_time, view, strips)
                status = processes.ask_policy({"status": True})
        finally:
            _keep_logs(run_folder, plan.out)
    summary = summarise(*load_log(plan.out / COMMAND_LOG))
    run = Run(episodes=episodes, rates_hz=real_time.rates_hz(), status=status, summary=summary)
    print_report(console, run)
    write_report(plan.out / "report.json", run)
    _draw(plan, console, strips)
    if flight is not None:
        console.print(f"flight:   {flight}   (forerun report {flight}, forerun replay {flight})")
    return episodes


def _run_episodes(
    plan: Demonstration, real_time: RealTime, view: LiveView, strips: dict[str, list[Moment]]
) -> list[RealEpisode]:
    """Run each task with each seed; the first episode of each task is kept in pictures, in `strips`."""
    episodes: list[RealEpisode] = []
    for seed in range(plan.first_seed, plan.first_seed + plan.n_seeds):
        for task in plan.tasks:
            view.begin(keep_pictures=seed == plan.first_seed)
            episodes.append(real_time.run(task, seed, plan.time_limit_s))
            if view.moments:
                strips[f"{task}, seed {seed}"] = view.moments
            n_succeeded = sum(episode.success_s is not None for episode in episodes)
            view.end(n_succeeded, len(episodes), real_time.rates_hz())
    return episodes


def _fresh(folder: Path) -> Path:
    """Return the folder without the record of an earlier demonstration."""
    for older in folder.glob("flight-*.mcap"):
        older.unlink()
    return folder


def _keep_logs(run_folder: Path, out: Path) -> None:
    for path in (*run_folder.glob("*.log"), run_folder / COMMAND_LOG):
        if path.is_file():
            shutil.copy(path, out / path.name)


def _draw(plan: Demonstration, console: Console, strips: dict[str, list[Moment]]) -> None:
    if not strips:
        return
    world = World()  # for the arm's geometry, and the camera's
    save_strip(world, strips, plan.out / "strip.png")
    save_gif(world, max(strips.values(), key=len), plan.out / "episode.gif")
    console.print(f"pictures: {plan.out / 'strip.png'}, {plan.out / 'episode.gif'}")
    console.print(f"figures:  {plan.out / 'report.json'}")
