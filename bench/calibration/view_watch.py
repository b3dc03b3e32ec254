"""How often a look in mid-shift is mistaken, and how often it finds a bump: single pictures while the shipped policy acts.

`python -m bench.calibration.view_watch --seeds N` runs all tasks in lockstep, takes a look every half second, the arm and what it moves
in the picture, and counts suspicions: with the camera where it was judged, and bumped in any direction. On the robot two suspicious
looks in a row have the camera judged anew (runtime/policy/view/view_watch.py).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.calibration.moved_camera import REFERENCE_SEED, ROBOT_FILE
from bench.calibration.view import LIMITS, NOISE, TASKS, camera_of, reference_of
from bench.closed_loop.brains import policy_brain
from bench.closed_loop.intervals import wilson
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Brain, Lockstep
from bench.workplace.pushed_camera import PINHOLE
from interfaces.messages import Foresight, Frame
from interfaces.robot_config import load_robot
from runtime.policy.bundle import bundle_folder, open_bundle
from runtime.policy.view.landmarks import Landmarks
from runtime.policy.view.moved_view import how_moved, one_picture
from runtime.policy.view.view_watch import bumped
from sim.camera.pusher import Pusher, direction

BUMPS = ((0.0, 0.0), (0.0, 1.0), (10.0, 0.0), (20.0, 2.0))  # mm, degrees
EVERY_NS = 500_000_000
TIME_LIMIT_S = 4.0


@dataclass(slots=True)
class Looks:
    """What single looks said in the episodes of one bump."""

    n_looks: int = 0
    suspicious: int = 0
    in_a_row: int = 0  # pairs of looks, one after the other
    silent: int = 0  # that told nothing
    _last: bool = field(default=False)

    def add(self, *, suspicious: bool, silent: bool) -> None:
        """Count one look."""
        self.n_looks += 1
        self.suspicious += suspicious
        self.in_a_row += suspicious and self._last
        self.silent += silent
        self._last = suspicious


class Watched:
    """The simulated robot under its policy, looked at as on the robot."""

    def __init__(self) -> None:
        robot = load_robot(ROBOT_FILE)
        self._lockstep = Lockstep(robot, Latencies())
        self._brain = policy_brain(open_bundle(bundle_folder(ROBOT_FILE, robot), robot), robot.policy)
        self._pusher = Pusher(self._lockstep.seen)
        camera = camera_of("plain", REFERENCE_SEED)
        self._landmarks: Landmarks = reference_of(camera, REFERENCE_SEED, depth=True).landmarks
        camera.close()

    def run(self, bump: tuple[float, float], task: str, seed: int, looks: Looks) -> None:
        """Add the looks of one episode."""
        rng = np.random.default_rng((seed, 31))
        self._pusher.push(direction(rng) * bump[0] * 1e-3, direction(rng) * bump[1])
        self._lockstep.run(self._watching(looks, rng), task, seed, TIME_LIMIT_S)

    def _watching(self, looks: Looks, rng: np.random.Generator) -> Brain:
        foresee = self._brain.foresee
        assert foresee is not None
        t_look_ns = EVERY_NS

        def watch(frames: tuple[Frame, ...], task: str, t_now_ns: int) -> Foresight:
            nonlocal t_look_ns
            if t_now_ns >= t_look_ns:
                t_look_ns = t_now_ns + EVERY_NS
                self._look(frames[0], looks, rng)
            return foresee(frames, task, t_now_ns)

        return replace(self._brain, foresee=watch)

    def _look(self, frame: Frame, looks: Looks, rng: np.random.Generator) -> None:
        noisy = np.rint(frame.rgb + NOISE * rng.standard_normal(frame.rgb.shape, np.float32))
        picture = one_picture([replace(frame, rgb=np.clip(noisy, 0, 255).astype(np.uint8))], PINHOLE, aligned=True)
        motion = how_moved(picture, self._landmarks, PINHOLE)
        in_place = replace(motion, now_from_then=np.eye(4))
        looks.add(suspicious=bumped(motion, in_place, LIMITS), silent=bool(motion.cannot_tell))


def main() -> None:
    """Run the episodes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="episodes a task and bump")
    arguments = parser.parse_args()
    watched = Watched()
    table = Table("camera bumped by", "looks", "suspicious", "95 % interval", "two in a row", "told nothing")
    for bump in track(BUMPS, "bumps"):
        looks = Looks()
        for task in TASKS:
            for seed in range(arguments.seeds):
                watched.run(bump, task, seed, looks)
        low, high = wilson(looks.suspicious, looks.n_looks)
        table.add_row(
            f"{bump[0]:g} mm, {bump[1]:g}°" if any(bump) else "nothing",
            str(looks.n_looks),
            str(looks.suspicious),
            f"{100 * low:.1f}-{100 * high:.1f} %",
            str(looks.in_a_row),
            str(looks.silent),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
