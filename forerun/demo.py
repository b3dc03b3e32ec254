"""Run the closed loop on the simulated robot in real time, and show what happened.

A simulated SO-101 in MuJoCo, seen through a software RealSense and the real driver, moved through the byte protocol of its
real servos by the same policy and command process that run on the robot. Ctrl-C ends it safely: the arm comes to rest and holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from forerun.defaults import BUSES, SIMULATED_ROBOT, TASKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "robot", type=Path, nargs="?", default=SIMULATED_ROBOT, help="robot file; default the simulated SO-101"
    )
    parser.add_argument(
        "--bus", choices=BUSES, help="put motors of another family, with their bus and driver, into the arm"
    )
    parser.add_argument("--bundle", type=Path, help="bundle instead of the robot file's")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, help="default all that the bundle knows")
    parser.add_argument("--seeds", type=int, default=3, help="episodes a task; default 3")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--time-limit", type=float, default=10.0, metavar="S", help="seconds an episode may take; default 10"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/demo"), help="folder for report and pictures; default runs/demo"
    )
    parser.add_argument("--no-record", action="store_true", help="keep no flight record; default OUT/flight")
    parser.add_argument("--view", action="store_true", help="open MuJoCo's viewer")


def run(arguments: argparse.Namespace) -> int:
    """Show it; 0 when at least one episode of each task succeeded."""
    from rich.console import Console

    from bench.closed_loop.demonstration import Demonstration, demonstrate
    from bench.closed_loop.other_bus import write_on_bus
    from forerun.tasks_to_play import tasks_to_play
    from interfaces.bundle_manifest import load_manifest
    from interfaces.robot_config import load_robot
    from runtime.policy.bundle import bundle_folder

    bundle = arguments.bundle or bundle_folder(arguments.robot, load_robot(arguments.robot))
    tasks = tasks_to_play(arguments.tasks, load_manifest(bundle))
    robot_file = write_on_bus(arguments.robot, arguments.bus, arguments.out) if arguments.bus else arguments.robot
    plan = Demonstration(
        robot_file=robot_file,
        bundle=arguments.bundle,
        tasks=tasks,
        n_seeds=arguments.seeds,
        first_seed=arguments.first_seed,
        time_limit_s=arguments.time_limit,
        out=arguments.out,
        view=arguments.view,
        record=None if arguments.no_record else arguments.out / "flight",
    )
    episodes = demonstrate(plan, Console())
    done = {episode.task for episode in episodes if episode.success_s is not None}
    return 0 if done == set(plan.tasks) else 1
