"""Episodes in real time, through the processes: what a person would do at the robot, done by a program.

Between episodes the arm goes to rest by itself, as a real one must: nothing is teleported but the objects on the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.closed_loop.processes import RobotProcesses
from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig

LOOPS = ("camera", "foresight", "action")
_REST_MAX_S = 12.0
_AT_REST_RAD = 0.08
_SETTLE_S = 0.3  # for the new scene to have passed the camera and the foresight
_POLL_S = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class RealEpisode:
    """What became of one episode in real time."""

    task: str
    seed: int
    success_s: float | None


class RealTime:
    """A running robot, and episodes on it; `watch(task, elapsed_s)` is called some twenty times a second meanwhile."""

    def __init__(self, robot: RobotConfig, processes: RobotProcesses, watch: Callable[[str, float], None]) -> None:
        self._processes, self._watch = processes, watch
        self._rest_rad = robot.arm.vector("rest_rad")
        self._turns: dict[str, int] = dict.fromkeys(LOOPS, 0)
        self._followed_s = 0.0

    def rates_hz(self) -> dict[str, float]:
        """Return the rates of camera, foresight and action over all episodes so far; going to rest does not count."""
        return {name: turns / self._followed_s if self._followed_s else 0.0 for name, turns in self._turns.items()}

    def run(self, task: str, seed: int, time_limit_s: float) -> RealEpisode:
        """Return what became of the episode; raises RefusedError when a process is gone or the arm does not get to rest."""
        self.rest()
        self._processes.ask_world({"scene": task, "seed": seed})
        time.sleep(_SETTLE_S)
        t_start_ns = time.monotonic_ns()
        t_scene_s = self._processes.ask_world({"status": True})["episode_s"]
        counts = _counts(self._processes.ask_policy({"follow": task}))
        success_s = self._until_success(task, t_start_ns, time_limit_s)
        self._followed_s += (time.monotonic_ns() - t_start_ns) * 1e-9
        for name, count in _counts(self._processes.ask_policy({"status": True})).items():
            self._turns[name] += count - counts[name]
        return RealEpisode(
            task=task, seed=seed, success_s=None if success_s is None else max(0.0, success_s - t_scene_s)
        )

    def _until_success(self, task: str, t_start_ns: int, time_limit_s: float) -> float | None:
        while (elapsed_s := (time.monotonic_ns() - t_start_ns) * 1e-9) < time_limit_s:
            self._watch(task, elapsed_s)
            success_s: float | None = self._processes.ask_world({"status": True})["success_s"]
            if success_s is not None:
                return success_s
            time.sleep(_POLL_S)
        return None

    def rest(self) -> None:
        """Send the arm to its rest pose, and return once it is there; raises RefusedError when it does not get there."""
        self._processes.ask_policy({"follow": "rest"})
        t_start_ns = time.monotonic_ns()
        off_rad, before = np.inf, np.full_like(self._rest_rad, np.inf)
        while (time.monotonic_ns() - t_start_ns) * 1e-9 < _REST_MAX_S:
            joints = np.array(self._processes.ask_world({"status": True})["joints_rad"])
            off_rad = float(np.abs(joints - self._rest_rad).max())
            if off_rad < _AT_REST_RAD and float(np.abs(joints - before).max()) < 1e-3:
                return
            before = joints
            time.sleep(_POLL_S)
        raise RefusedError(
            f"the arm is {off_rad:.2f} rad from rest after {_REST_MAX_S:.0f} s: {self._processes.last_words('command')}"
        )


def _counts(status: dict[str, Any]) -> dict[str, int]:
    return {name: int(status[name]["count"]) for name in LOOPS}
