"""What a moved camera costs the policy, and what the view record gives back: success in lockstep, as `forerun eval` counts it.

`python -m bench.calibration.moved_camera --seeds N` runs the shipped policy with the camera where it belongs, and shifted and
turned (any direction, drawn by seed), with the robot file's calibration.view "off" and "correct". As on the robot, the view
guard looks before the policy acts; what it refuses does not move.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.calibration.view import LIMITS, NOISE, TASKS, camera_of, reference_of
from bench.closed_loop.brains import policy_brain
from bench.closed_loop.intervals import wilson
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Brain, Lockstep
from bench.workplace.pushed_camera import PINHOLE
from interfaces.calibration_config import CalibrationConfig
from interfaces.messages import Foresight, Frame
from interfaces.robot_config import load_robot
from runtime.policy.bundle import bundle_folder, open_bundle
from runtime.policy.view.landmarks import Landmarks
from runtime.policy.view.view_guard import N_FRAMES, KnownView, ViewGuard
from sim.camera.pusher import Pusher, direction

ROBOT_FILE = Path(__file__).parents[2] / "robots/simulated.toml"
PUSHES = ((0.0, 0.0), (10.0, 1.0), (20.0, 2.0), (30.0, 4.0), (38.0, 5.5), (60.0, 8.0), (90.0, 12.0))  # mm, degrees
View = Literal["off", "check", "correct"]
REFERENCE_SEED = 4242  # of the light and colours when the view was recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One episode to run."""

    push_mm: float
    push_deg: float
    view: View
    task: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What became of it."""

    case: Case
    refused: bool
    success_s: float | None


class Trials:
    """The simulated robot, its policy, and its view record."""

    def __init__(self, time_limit_s: float, limits: CalibrationConfig) -> None:
        robot = load_robot(ROBOT_FILE)
        self._lockstep = Lockstep(robot, Latencies())
        self._brain = policy_brain(open_bundle(bundle_folder(ROBOT_FILE, robot), robot), robot.policy)
        self._pusher = Pusher(self._lockstep.seen)
        self._time_limit_s, self._limits = time_limit_s, limits
        camera = camera_of("plain", REFERENCE_SEED)
        self._landmarks: Landmarks = reference_of(camera, REFERENCE_SEED, depth=True).landmarks
        camera.close()

    def run(self, case: Case) -> Ending:
        """Return what became of one episode."""
        rng = np.random.default_rng((case.seed, 23))
        self._pusher.push(direction(rng) * case.push_mm * 1e-3, direction(rng) * case.push_deg)
        if case.view == "off":
            brain = self._brain
        else:
            guard = self._looked(case)
            if guard.fault is not None:
                return Ending(case=case, refused=True, success_s=None)
            brain = guarded(self._brain, guard)
        outcome = self._lockstep.run(brain, case.task, case.seed, self._time_limit_s)
        return Ending(case=case, refused=False, success_s=outcome.success_s)

    def _looked(self, case: Case) -> ViewGuard:
        """Return the guard after its look at the robot before it acts."""
        known = KnownView(landmarks=self._landmarks, pinhole=PINHOLE, aligned=True, command="forerun calibrate view")
        guard = ViewGuard(known, replace(self._limits, view=case.view))
        self._lockstep.seen.reset(case.task, case.seed)
        rgb, depth_mm = self._lockstep.renderer.render(self._lockstep.seen.data)
        rng = np.random.default_rng((case.seed, 29))
        for number in range(N_FRAMES):
            noisy = np.clip(np.rint(rgb + NOISE * rng.standard_normal(rgb.shape, np.float32)), 0, 255).astype(np.uint8)
            guard.take(
                Frame(camera="front", number=number, t_capture_ns=0, t_arrival_ns=0, rgb=noisy, depth_mm=depth_mm)
            )
        return guard


def guarded(brain: Brain, guard: ViewGuard) -> Brain:
    """Return the brain behind the guard of its camera, which has looked."""
    foresee = brain.foresee
    assert foresee is not None

    def look(frames: tuple[Frame, ...], task: str, t_now_ns: int) -> Foresight:
        passed = [guard.take(frame) for frame in frames]
        return foresee(tuple(frame for frame in passed if frame is not None), task, t_now_ns)

    return replace(brain, foresee=look)


_trials: Trials | None = None


def _start_worker(time_limit_s: float, limits: CalibrationConfig) -> None:
    global _trials  # noqa: PLW0603 - one per process of the pool
    cv2.setNumThreads(1)
    logging.getLogger("runtime.policy.view").setLevel(logging.ERROR)  # it would say of every episode that it corrects
    _trials = Trials(time_limit_s, limits)


def _run_case(case: Case) -> Ending:
    assert _trials is not None
    return _trials.run(case)


def table_of(endings: Sequence[Ending]) -> Table:
    """Return success by how far the camera was moved and by what the robot file says of it."""
    tasks = list(dict.fromkeys(ending.case.task for ending in endings))
    table = Table("camera moved by", "view", *tasks, "all", "95 % interval", "refused")
    for moved in dict.fromkeys(_moved(ending.case) for ending in endings):
        mine = [ending for ending in endings if _moved(ending.case) == moved]
        push_mm, push_deg, view = moved
        n_done = sum(ending.success_s is not None for ending in mine)
        low, high = wilson(n_done, len(mine))
        n_refused = sum(ending.refused for ending in mine)
        table.add_row(
            f"{push_mm:g} mm, {push_deg:g}°" if push_mm or push_deg else "nothing",
            view,
            *(_success([ending for ending in mine if ending.case.task == task]) for task in tasks),
            f"{n_done}/{len(mine)}",
            f"{100 * low:.0f}-{100 * high:.0f} %",
            f"{n_refused}/{len(mine)}" if view != "off" else "-",
        )
    return table


def _moved(case: Case) -> tuple[float, float, View]:
    return case.push_mm, case.push_deg, case.view


def _success(endings: Sequence[Ending]) -> str:
    return f"{sum(ending.success_s is not None for ending in endings)}/{len(endings)}"


def cases(n_seeds: int, tasks: Sequence[str], views: Sequence[View]) -> list[Case]:
    """Return all episodes, amount by amount."""
    return [
        Case(push_mm=push_mm, push_deg=push_deg, view=view, task=task, seed=seed)
        for push_mm, push_deg in PUSHES
        for view in views
        for task in tasks
        for seed in range(n_seeds)
    ]


def main() -> None:
    """Run the episodes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="episodes a task, amount and setting")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=("reach", "push", "press"))
    parser.add_argument("--views", nargs="+", choices=("off", "check", "correct"), default=("off", "correct"))
    parser.add_argument("--time-limit", type=float, default=10.0, metavar="S")
    parser.add_argument(
        "--corrected-max", nargs=2, type=float, metavar=("MM", "DEG"), help="the robot file's limits of correcting"
    )
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    limits = LIMITS
    if arguments.corrected_max:
        moved_mm, turned_deg = arguments.corrected_max
        limits = replace(limits, view_corrected_max_mm=moved_mm, view_corrected_max_deg=turned_deg)
    todo = cases(arguments.seeds, arguments.tasks, arguments.views)
    # Spawned, not forked: an OpenGL context does not survive a fork.
    with multiprocessing.get_context("spawn").Pool(
        arguments.workers, _start_worker, (arguments.time_limit, limits)
    ) as pool:
        endings = list(track(pool.imap(_run_case, todo), total=len(todo), description="lockstep"))
    Console(width=130).print(table_of(endings))


if __name__ == "__main__":
    main()
