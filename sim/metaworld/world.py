"""One Meta-World task at a time: scenes drawn by seed, absolute targets, pictures and depth of one camera, success.

An episode is a function of task and seed, whatever was played before, and of the targets given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from interfaces.errors import RefusedError
from sim.camera.renderer import CameraRenderer, DepthMm, Rgb
from sim.metaworld.package import open_environment
from sim.metaworld.targets import Vector, action_towards
from sim.metaworld.tasks import CAMERA_PX, STEP_NS, STEPS_MAX, TASKS
from sim.mujoco_headless import mujoco

# From the front and above: the workspace fills the picture, and the hand hides little of it. The package's own corner cameras stand
# upside down.
LOOKS_AT_M = (0.0, 0.68, 0.12)
DISTANCE_M, AZIMUTH_DEG, ELEVATION_DEG = 1.2, 150.0, -40.0
_OPEN = -1.0  # effort of the fingers, as an episode begins


class MetaworldWorld:
    """A hand, and the things of one task. Not for more than one thread."""

    def __init__(self, open_task: Callable[[str], Any] = open_environment) -> None:
        """Take what opens a task's environment."""
        self._open_task = open_task
        self._environment: Any = None
        self._renderer: CameraRenderer | None = None
        self.task = ""
        self.n_steps = 0
        self.observation: Vector = np.zeros(39)  # as the experts take it
        self.succeeded = False  # at this instant
        self._effort = _OPEN

    def reset(self, task: str, seed: int) -> None:
        """Begin the episode of this task and seed; raises RefusedError for an unknown task, and where the package is missing."""
        if task not in TASKS:
            raise RefusedError(f"task {task!r}; expected one of {', '.join(TASKS)}")
        if task != self.task:
            self._change_task(task)
        self._environment.seed(seed)
        self._environment.reset()
        self._look_again()
        self.n_steps, self.succeeded, self._effort = 0, False, _OPEN

    def step(self, target: Vector | None) -> None:
        """Let 12.5 ms pass on the way to a target (4,); None: stay. Raises RefusedError beyond the 500 steps of an episode."""
        if self.is_over:
            raise RefusedError(f"{self.task}: an episode has {STEPS_MAX} steps")
        action = np.zeros(4) if target is None else action_towards(target, self.point_m)
        if target is None:
            action[3] = self._effort
        self._effort = float(action[3])
        self.observation, _, _, _, told = self._environment.step(action.astype(np.float32))
        self.succeeded = float(told["success"]) > 0.0
        self.n_steps += 1

    @property
    def is_over(self) -> bool:
        """Return whether the episode has had all its steps."""
        return self.n_steps >= STEPS_MAX

    @property
    def time_ns(self) -> int:
        """Return the simulated time since `reset`."""
        return self.n_steps * STEP_NS

    @property
    def joints(self) -> Vector:
        """Return what a policy is told of itself (4,): the hand's place in m, and the opening of its fingers, 0..1."""
        return self.observation[:4].copy()

    @property
    def point_m(self) -> Vector:
        """Return the place (3,) of the point that draws the hand along."""
        return self._environment.data.mocap_pos[0].copy()

    @property
    def points_m(self) -> Vector:
        """Return the places (3, 3) of hand, object and goal."""
        return np.stack([self.observation[:3], self.observation[4:7], self.observation[-3:]])

    def render(self) -> tuple[Rgb, DepthMm]:
        """Return colour (192, 192, 3), and depth (192, 192) in mm along the optical axis."""
        if self._renderer is None:
            self._renderer = CameraRenderer(self._environment.model, CAMERA_PX, CAMERA_PX, camera=_camera())
        return self._renderer.render(self._environment.data)

    def close(self) -> None:
        """Free the OpenGL context, and the task."""
        if self._renderer is not None:
            self._renderer.close()
        self._environment, self._renderer, self.task = None, None, ""

    def _change_task(self, task: str) -> None:
        self.close()  # textures and meshes of a task take 80 MB
        self._environment = self._open_task(task)
        # Multisampling and the shadows' map cost twenty times the picture in a software renderer.
        quality = self._environment.model.vis.quality
        quality.offsamples = quality.shadowsize = 0
        self.task = task

    def _look_again(self) -> None:
        """Observe the scene as it now is: the package moves things at a reset, and tells where they were before."""
        environment = self._environment
        mujoco.mj_forward(environment.model, environment.data)
        environment._get_obs()  # noqa: SLF001 - twice: an observation holds the one before, too, and there is no public way
        self.observation = np.asarray(environment._get_obs(), np.float64)  # noqa: SLF001


def _camera() -> mujoco.MjvCamera:
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:] = LOOKS_AT_M
    camera.distance, camera.azimuth, camera.elevation = DISTANCE_M, AZIMUTH_DEG, ELEVATION_DEG
    return camera
