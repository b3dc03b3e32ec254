"""A simulated camera that is pushed about, with the table changed meanwhile: what a view check has to deal with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from interfaces.device_facts import CameraIntrinsics
from interfaces.messages import Frame
from runtime.policy.view.moved_view import Picture, one_picture
from runtime.policy.view.pinhole import Pinhole
from sim.camera.board_painter import Grey
from sim.camera.pusher import Pusher
from sim.camera.renderer import CENTRE_X_PX, CENTRE_Y_PX, HEIGHT_PX, WIDTH_PX, focal_length_px
from sim.camera.true_camera import TrueCamera
from sim.mujoco_headless import mujoco
from sim.scene import CAMERA_NAME
from sim.tasks import TASKS
from sim.truth import Truth
from sim.world import REST_RAD, World

Array = NDArray[np.float64]

CAMERA = CameraIntrinsics(
    width_px=WIDTH_PX,
    height_px=HEIGHT_PX,
    focal_x_px=focal_length_px(HEIGHT_PX),
    focal_y_px=focal_length_px(HEIGHT_PX),
    centre_x_px=CENTRE_X_PX,
    centre_y_px=CENTRE_Y_PX,
)
PINHOLE = Pinhole(CAMERA)
# A D435's depth on a table half a metre away: pixels are off by so much, and all of them together, from one day to the next.
DEPTH_NOISE_MM, DEPTH_SCALE_RATIO = 2.0, 0.002


class PushedCamera:
    """One world and its camera."""

    def __init__(self, truth: Truth, board_picture: Grey | None = None, seed: int = 0) -> None:
        self.world = World(truth)
        self.push = Pusher(self.world).push
        self._camera = TrueCamera(self.world, WIDTH_PX, HEIGHT_PX, board_picture, seed)
        self._rng = np.random.default_rng((seed, 5))

    def clear_table(self, seed: int, arm_rad: Array) -> None:
        """Put all objects away; light and colours by seed, the arm where it is told (6,)."""
        self.world.reset("reach", seed)
        for task in TASKS.values():
            task.hide(self.world.model, self.world.data)
        self.pose(arm_rad)

    def set_table(self, task: str, seed: int, arm_rad: Array) -> None:
        """Lay out a task; objects, light and colours by seed, the arm where it is told (6,)."""
        self.world.reset(task, seed)
        self.pose(arm_rad)

    def pose(self, arm_rad: Array) -> None:
        """Put the arm (6,), without physics."""
        self.world.data.qpos[:6] = arm_rad
        mujoco.mj_forward(self.world.model, self.world.data)

    def picture(self, n_frames: int, *, depth: bool) -> Picture:
        """Return what the camera makes of this instant: noise is another in each frame, the depth's scale in each picture."""
        rgb, depth_mm = self._camera.clean()
        scale = 1.0 + DEPTH_SCALE_RATIO * self._rng.standard_normal()
        frames: list[Frame] = []
        for number in range(n_frames):
            noisy = depth_mm * scale + DEPTH_NOISE_MM * self._rng.standard_normal(depth_mm.shape, np.float32)
            frames.append(
                Frame(
                    camera=CAMERA_NAME,
                    number=number,
                    t_capture_ns=0,
                    t_arrival_ns=0,
                    rgb=self._camera.with_noise(rgb),
                    depth_mm=np.where(depth_mm > 0, np.clip(np.rint(noisy), 1, 65535), 0).astype(np.uint16),
                )
            )
        return one_picture(frames, PINHOLE, aligned=depth)

    def close(self) -> None:
        """Free the renderer."""
        self._camera.close()


def somewhere(rng: np.random.Generator) -> Array:
    """Return an arm pose (6,) as one may find it."""
    return np.array(REST_RAD) + rng.uniform(-1.0, 1.0, 6) * np.array([0.9, 0.25, 0.25, 0.25, 1.0, 0.05])
