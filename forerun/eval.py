"""Measure success over many seeds: the robot's own stages, driver and servo bytes in lockstep on a virtual clock, on all cores.

Latencies of camera, foresight and action are put in as measured; with the same seeds and latencies, the result is the same."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from forerun.defaults import BUSES, SIMULATED_ROBOT, TASKS, count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "robot", type=Path, nargs="?", default=SIMULATED_ROBOT, help="robot file; default the simulated SO-101"
    )
    parser.add_argument(
        "--bus", choices=BUSES, help="put motors of another family, with their bus and driver, into the arm"
    )
    parser.add_argument("--bundle", type=Path, help="bundle instead of the robot file's")
    parser.add_argument(
        "--expert", action="store_true", help="the scripted expert in place of the policy: the upper bound"
    )
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--seeds", type=count, default=50, help="episodes a task; default 50")
    parser.add_argument("--first-seed", type=int, default=0, help="training uses seeds from 100000 on")
    parser.add_argument(
        "--time-limit", type=float, default=10.0, metavar="S", help="seconds an episode may take; default 10"
    )
    parser.add_argument("--workers", type=count, default=os.cpu_count() or 1)
    for name in ("camera", "foresight", "action"):
        parser.add_argument(f"--{name}-ms", type=float, help=f"latency of {name}; default as measured")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate with a progress bar, and print the table."""
    from rich.console import Console
    from rich.progress import track

    from bench.closed_loop.evaluation import Evaluation, evaluate
    from bench.closed_loop.latencies import Latencies
    from bench.closed_loop.other_bus import write_on_bus
    from bench.closed_loop.success_table import success_table

    given = {f"{name}_ms": getattr(arguments, f"{name}_ms") for name in ("camera", "foresight", "action")}
    latencies = replace(Latencies(), **{key: value for key, value in given.items() if value is not None})
    robot_file = write_on_bus(arguments.robot, arguments.bus, Path("runs/eval")) if arguments.bus else arguments.robot
    evaluation = Evaluation(
        robot_file=robot_file,
        bundle=arguments.bundle,
        brain="expert" if arguments.expert else "policy",
        tasks=tuple(arguments.tasks),
        first_seed=arguments.first_seed,
        n_seeds=arguments.seeds,
        time_limit_s=arguments.time_limit,
        latencies=latencies,
        workers=arguments.workers,
    )
    runs_as = "expert" if arguments.expert else _runs_as(robot_file, arguments.bundle)
    total = arguments.seeds * len(arguments.tasks)
    outcomes = list(track(evaluate(evaluation), total=total, description="lockstep"))
    outcomes.sort(key=lambda outcome: (TASKS.index(outcome.task), outcome.seed))
    ages = [age for outcome in outcomes for age in outcome.frame_age_ms]
    late = (
        f"camera {latencies.camera_ms:g} ms, foresight {latencies.foresight_ms:g} ms, action {latencies.action_ms:g} ms"
    )
    console = Console()
    console.print(success_table(f"{runs_as} in lockstep\n{late}", outcomes))
    if ages:
        ages.sort()
        console.print(f"frame-to-command age: p50 {ages[len(ages) // 2]:.0f} ms, max {ages[-1]:.0f} ms")
    return 0


def _runs_as(robot_file: Path, bundle: Path | None) -> str:
    """Return what infers; what does not open here is refused before the processes start."""
    from interfaces.robot_config import load_robot
    from runtime.policy.bundle import bundle_folder, open_bundle

    robot = load_robot(robot_file)
    opened = open_bundle(bundle or bundle_folder(robot_file, robot), robot)
    return f"{opened.manifest.name} as {opened.running.words}"
