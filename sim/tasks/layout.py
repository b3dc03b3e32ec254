"""How a task puts its objects on the table, takes them away, and shows them to an expert."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim.mujoco_headless import mujoco

Vector = NDArray[np.float64]

# Objects of the tasks at rest wait far behind the camera's back.
STORE_M = (3.0, 0.0)


UPRIGHT = np.array([0.0, 0.0, 1.0])
UPRIGHT.flags.writeable = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """What a sensor could know of a task's object: all in the base frame."""

    position_m: Vector  # (3,)
    axis: Vector  # (3,) unit vector along the object's own z: (0, 0, 1) while it stands upright
    goal_m: Vector  # (3,) where it shall go; its own position where the task has no place to go


class Task(Protocol):
    """One task: its objects in the scene, their placement by chance, and its success read from physics."""

    name: str
    keeps_its_colours: bool  # at every seed, whatever wanders elsewhere on the table

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        """Adds bodies and geoms of this task to the scene."""
        ...

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Sets the objects on the table."""
        ...

    def hide(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Moves the objects to the store."""
        ...

    def observe(self, data: mujoco.MjData) -> ObjectState:
        """Where the object and its goal are now."""
        ...

    def succeeded(self, data: mujoco.MjData) -> bool:
        """Whether the physics shows the task as done at this instant."""
        ...


def polar_m(radius_m: float, angle_rad: float) -> Vector:
    """Point (2,) on the table at this distance and bearing from the robot's base."""
    return np.array([radius_m * np.cos(angle_rad), radius_m * np.sin(angle_rad)])


def draw_spot_m(rng: np.random.Generator) -> Vector:
    """Point (2,) drawn from the part of the table where the arm works from above."""
    return polar_m(rng.uniform(0.165, 0.235), rng.uniform(-0.5, 0.5))


def stored_m(place_m: float, height_m: float = 0.0) -> Vector:
    """Point (3,) in the store, `place_m` along its shelf."""
    return np.array([STORE_M[0], STORE_M[1] + place_m, height_m])


def move_body(model: mujoco.MjModel, name: str, position_m: Vector) -> None:
    """Places a body that is fixed to the world."""
    model.body(name).pos[:] = position_m


def move_free_body(data: mujoco.MjData, joint_name: str, position_m: Vector, yaw_rad: float = 0.0) -> None:
    """Places a body with a free joint, upright and at rest."""
    joint = data.joint(joint_name)
    joint.qpos[:] = [*position_m, np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2)]
    joint.qvel[:] = 0.0
