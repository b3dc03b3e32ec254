"""Meta-World's scripted experts: from what can be observed now to the target to go for now, and nothing remembered.

`python -m sim.metaworld.trial` counts how often they succeed.
"""

from __future__ import annotations

from sim.metaworld.package import Expert, expert_action, open_expert
from sim.metaworld.targets import Vector, from_here


class Experts:
    """The experts of all tasks, each opened when it is first asked."""

    def __init__(self) -> None:
        self._open: dict[str, Expert] = {}

    def target(self, task: str, observation: Vector) -> Vector:
        """Return the target (4,) at an observation (39,); raises RefusedError where the package is missing."""
        if task not in self._open:
            self._open[task] = open_expert(task)
        return from_here(observation[:3], expert_action(self._open[task], observation))
