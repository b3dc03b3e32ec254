"""The package metaworld, which is imported on use: it is no part of our own environments, and only this file knows its names."""

from __future__ import annotations

import importlib
import warnings
from typing import Any, Protocol

import numpy as np

from interfaces.errors import RefusedError
from sim.metaworld.targets import Vector
from sim.metaworld.tasks import environment_class, expert_class

INSTALL = "pip install --no-deps metaworld==3.1.1 gymnasium==1.4.0 cloudpickle farama-notifications imageio && pip install scipy packaging"
# A newer gymnasium imports packaging, and does not say so. --no-deps: metaworld asks for MuJoCo 3.3.0 to the letter, and runs as well
# on the one of the simulated robot (3.3.7); MuJoCo 4 it does not run on.


class Expert(Protocol):
    """A scripted policy of the package."""

    def get_action(self, obs: Vector) -> Vector:
        """Return the action (4,) for an observation (39,)."""
        ...


def require_metaworld() -> None:
    """Refuse to go on without the package; raises RefusedError saying how to install it."""
    _module("metaworld.env_dict")


def open_environment(task: str) -> Any:
    """Return a task's environment with its goal in view and unlimited seeds; raises RefusedError where the package is missing.

    The package's own way to a task, MT1, knows fifty scenes a task, and hides the goal from the expert where one does not ask for it.
    """
    environment = _module("metaworld.env_dict").ALL_V3_ENVIRONMENTS[environment_class(task)]()
    for name, value in (
        ("_set_task_called", True),
        ("_partially_observable", False),
        ("_freeze_rand_vec", False),
        ("seeded_rand_vec", True),
    ):
        setattr(environment, name, value)
    vars(environment).pop("sawyer_observation_space", None)  # kept from before the goal was in view, it clips it to 0
    return environment


def open_expert(task: str) -> Expert:
    """Return a task's expert; raises RefusedError where the package is missing."""
    warnings.filterwarnings("ignore", message=r"Constant\(s\) may be too high")  # it tells of every clipped action
    expert: Expert = getattr(_module("metaworld.policies"), expert_class(task))()
    return expert


def expert_action(expert: Expert, observation: Vector) -> Vector:
    """Return an expert's action (4,), which may lie beyond -1..1. Some of them write into the observation: they get a copy."""
    return np.asarray(expert.get_action(observation.copy()), np.float64)


def _module(name: str) -> Any:
    # First of all ours: it chooses the off-screen renderer before anything imports MuJoCo.
    importlib.import_module("sim.mujoco_headless")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise RefusedError(f"Meta-World cannot be imported ({error}); install it: {INSTALL}") from error
