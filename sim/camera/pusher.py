"""Moves the camera of one world from where it was designed to be, as somebody who bumps into its stand does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.mujoco_headless import mujoco
from sim.rigid import OPENGL_FROM_OPENCV, inverse, rigid, turned
from sim.scene import CAMERA_NAME
from sim.world import World

Array = NDArray[np.float64]


class Pusher:
    """Pushes the camera of one world about."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._id = world.model.camera(CAMERA_NAME).id
        matrix = np.empty(9)
        mujoco.mju_quat2Mat(matrix, world.model.cam_quat[self._id])
        self._base_from_then = rigid(matrix.reshape(3, 3), world.model.cam_pos[self._id]) @ OPENGL_FROM_OPENCV

    def push(self, translation_m: Array, rotation_deg: Array) -> Array:
        """Put the camera so far from where it was (3,), turned by axis times angle (3,); return now_from_then (4, 4)."""
        then_from_now = rigid(turned(np.radians(rotation_deg)), translation_m)
        base_from_camera = self._base_from_then @ then_from_now @ OPENGL_FROM_OPENCV
        model, orientation = self._world.model, np.empty(4)
        mujoco.mju_mat2Quat(orientation, np.ascontiguousarray(base_from_camera[:3, :3]).ravel())
        model.cam_pos[self._id], model.cam_quat[self._id] = base_from_camera[:3, 3], orientation
        mujoco.mj_forward(model, self._world.data)
        return inverse(then_from_now)


def direction(rng: np.random.Generator) -> Array:
    """Return a unit vector (3,), every direction as likely."""
    vector = rng.standard_normal(3)
    return vector / np.linalg.norm(vector)
