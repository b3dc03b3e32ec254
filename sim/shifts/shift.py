"""What a shift may do to an episode, and the chance it draws from: a stream of its own, so that the episode stays what its seed says."""

from __future__ import annotations

import numpy as np

from sim.mujoco_headless import mujoco
from sim.tasks import TASKS
from sim.world import World


class Shift:
    """What is other than in training; this one, the base of the others, changes nothing."""

    name = "none"

    def add_to(self, spec: mujoco.MjSpec) -> None:
        """Adds what only the world that the camera sees shall have, after everything else."""

    def dress(self, seen: World, seed: int) -> None:
        """Change what the camera sees, from an episode's start: `seen` was just reset for its task."""

    def begin(self, world: World, seed: int) -> None:
        """Begin an episode: `world`, which has the physics, was just reset for its task."""

    def during(self, world: World, elapsed_ns: int) -> None:
        """Change what happens meanwhile; called each period of the command, `elapsed_ns` after the start."""


def stream(shift: Shift, task: str, seed: int) -> np.random.Generator:
    """Return the chance of one episode's shift; no stream of the world's (sim/world.py) starts with as many numbers."""
    return np.random.default_rng([seed, list(TASKS).index(task), *shift.name.encode()])
