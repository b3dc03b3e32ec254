"""Measure success over many seeds: the robot's own stages, driver and servo bytes in lockstep on a virtual clock, on all cores.

Latencies of camera, foresight and action are put in as measured; with the same seeds and latencies, the result is the same.
With --shift, something is other than in everything that training saw: the camera was moved and not calibrated anew (5 to 15 mm,
0.7 to 2 degrees), hues, shades and light lie outside of training's, clutter lies around the task, or the object is pushed away by
3 to 6 cm when the hand is on its way (sim/shifts). What is drawn depends on task and seed alone; only is nothing pushed under a hand.

`forerun eval metaworld` measures a policy on the tasks of Meta-World; it has options of its own."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import BUSES, SHIFTS, SIMULATED_ROBOT, TASKS, count

if TYPE_CHECKING:
    from rich.console import Console

    from bench.closed_loop.evaluation import Evaluation
    from bench.closed_loop.latencies import Latencies
    from bench.closed_loop.lockstep import Outcome

ALL = "all"


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
    parser.add_argument("--tasks", nargs="+", choices=TASKS, help="default all that the bundle knows")
    parser.add_argument(
        "--shift", nargs="+", choices=(*SHIFTS, ALL), default=["none"], metavar="SHIFT",
        help=f"what is other than in training: {', '.join(SHIFTS)}, each in turn, or {ALL} of them; default none",
    )  # fmt: skip
    parser.add_argument("--seeds", type=count, default=50, help="episodes a task and shift; default 50")
    parser.add_argument("--first-seed", type=int, default=0, help="training uses seeds from 100000 on")
    parser.add_argument(
        "--time-limit", type=float, default=10.0, metavar="S", help="seconds an episode may take; default 10"
    )
    parser.add_argument("--workers", type=count, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write one row an episode into this CSV file, too")
    for name in ("camera", "foresight", "action"):
        parser.add_argument(f"--{name}-ms", type=float, help=f"latency of {name}; default as measured")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate with a progress bar, and print the table."""
    from rich.console import Console

    from bench.closed_loop.evaluation import Evaluation
    from bench.closed_loop.other_bus import write_on_bus
    from bench.closed_loop.shift_table import write_episodes

    robot_file = write_on_bus(arguments.robot, arguments.bus, Path("runs/eval")) if arguments.bus else arguments.robot
    runs_as, tasks = _player(arguments, robot_file)
    evaluation = Evaluation(
        robot_file=robot_file,
        bundle=arguments.bundle,
        brain="expert" if arguments.expert else "policy",
        tasks=tasks,
        first_seed=arguments.first_seed,
        n_seeds=arguments.seeds,
        time_limit_s=arguments.time_limit,
        latencies=_latencies(arguments),
        workers=arguments.workers,
    )
    shifts = SHIFTS if ALL in arguments.shift else tuple(dict.fromkeys(arguments.shift))
    outcomes = {shift: _play(replace(evaluation, shift=shift)) for shift in shifts}
    if arguments.out is not None:
        write_episodes(arguments.out, outcomes)
    _print(Console(), runs_as, evaluation.latencies, outcomes)
    return 0


def _player(arguments: argparse.Namespace, robot_file: Path) -> tuple[str, tuple[str, ...]]:
    """Return what acts, and the tasks it plays; what does not open here is refused before the processes start."""
    if arguments.expert:
        return "expert", tuple(dict.fromkeys(arguments.tasks or TASKS))
    from forerun.tasks_to_play import tasks_to_play
    from interfaces.robot_config import load_robot
    from runtime.policy.bundle import bundle_folder, open_bundle

    robot = load_robot(robot_file)
    opened = open_bundle(arguments.bundle or bundle_folder(robot_file, robot), robot)
    return f"{opened.manifest.name} as {opened.running.words}", tasks_to_play(arguments.tasks, opened.manifest)


def _latencies(arguments: argparse.Namespace) -> Latencies:
    from bench.closed_loop.latencies import Latencies

    given = {f"{name}_ms": getattr(arguments, f"{name}_ms") for name in ("camera", "foresight", "action")}
    return replace(Latencies(), **{key: value for key, value in given.items() if value is not None})


def _play(evaluation: Evaluation) -> list[Outcome]:
    """Return the outcomes of all episodes under one shift, by task and seed."""
    from rich.progress import track

    from bench.closed_loop.evaluation import evaluate

    total = evaluation.n_seeds * len(evaluation.tasks)
    name = "lockstep" if evaluation.shift == "none" else f"lockstep, {evaluation.shift}"
    outcomes = list(track(evaluate(evaluation), total=total, description=name))
    return sorted(outcomes, key=lambda outcome: (TASKS.index(outcome.task), outcome.seed))


def _print(console: Console, runs_as: str, latencies: Latencies, outcomes: dict[str, list[Outcome]]) -> None:
    """Print success by task, and by shift where there are several; then how old the commands' frames were."""
    from bench.closed_loop.shift_table import shift_table
    from bench.closed_loop.success_table import success_table

    late = (
        f"camera {latencies.camera_ms:g} ms, foresight {latencies.foresight_ms:g} ms, action {latencies.action_ms:g} ms"
    )
    title = f"{runs_as} in lockstep\n{late}"
    if len(outcomes) > 1:
        console.print(shift_table(title, outcomes))
    else:
        [(shift, of_one)] = outcomes.items()
        console.print(success_table(title if shift == "none" else f"{title}\nshift: {shift}", of_one))
    ages = sorted(age for of_one in outcomes.values() for each in of_one for age in each.frame_age_ms)
    if ages:
        console.print(f"frame-to-command age: p50 {ages[len(ages) // 2]:.0f} ms, max {ages[-1]:.0f} ms")
