"""Poses of the arm from which the camera sees the board: what a person finds by looking at the picture."""

from __future__ import annotations

import numpy as np

from sim.camera.renderer import focal_length_px
from sim.mujoco_headless import mujoco
from sim.rigid import Array, inverse
from sim.world import World

ARM_BODIES = ("base", "shoulder", "upper_arm", "lower_arm", "wrist", "gripper", "moving_jaw_so101_v1")
MARGIN_RATIO = 0.03
SEEN_MIN = 0.7  # of the board
FACING_MIN = 0.5  # cosine between the board's normal and the look at it
NEAREST_M, FARTHEST_M = 0.12, 0.60
CHOICES = 10  # of so many poses the one least like those before
TRIES = 60_000
ABOVE_TABLE_M = 0.01
MIDDLE_RAD = (0.0, -0.6, 0.3, 0.8, 0.0, 0.3)
SPREAD_RAD = (0.9, 0.9, 1.1, 1.2, 1.6, 0.0)
NEAR_A_GOOD_ONE, NEAR = 0.7, 0.4  # most draws are around poses that were found: few of all see the board


class SeeingPoses:
    """Draws poses anew; the world itself is not moved."""

    def __init__(self, world: World, size_px: tuple[int, int], rng: np.random.Generator) -> None:
        """Take the world as it is, its board and camera included."""
        self._twin, self._rng = world.twin(), rng
        self._board_of = world
        self._half_px = np.array(size_px) / 2
        self._focal_px = focal_length_px(size_px[1]) * world.truth.focal_ratio
        self._limits_rad: Array = world.model.jnt_range[:6]
        self._arm = {world.model.body(name).id for name in ARM_BODIES}
        self._given: list[Array] = []  # views of the poses given
        self._good: list[Array] = []  # joints that were found to see the board

    def next(self) -> Array:
        """Return joints (6,) that see the board and are unlike those given before; RuntimeError where none are found."""
        self._twin.board = self._board_of.board
        found: list[tuple[Array, Array]] = []
        for _ in range(TRIES):
            joints_rad = self._draw()
            if self._sees(joints_rad):
                self._good.append(joints_rad)
                found.append((joints_rad, self._view()))
                if len(found) == (CHOICES if self._given else 1):
                    break
        if not found:
            raise RuntimeError("the simulated operator finds no pose from which the camera sees the board")
        chosen = max(found, key=lambda pose: min((self._unlike(pose[1], past) for past in self._given), default=0.0))
        self._given.append(chosen[1])
        return chosen[0]

    def free(self) -> Array:
        """Return joints (6,) anywhere in the workspace where the arm touches nothing."""
        while True:
            joints_rad = self._draw()
            self._twin.data.qpos[:6] = joints_rad
            if not self._touches():
                return joints_rad

    def _draw(self) -> Array:
        low, high = self._limits_rad.T
        middle, spread = np.array(MIDDLE_RAD), np.array(SPREAD_RAD)
        if self._good and self._rng.uniform() < NEAR_A_GOOD_ONE:
            middle, spread = self._good[self._rng.integers(len(self._good))], NEAR * spread
        return np.clip(middle + self._rng.uniform(-1, 1, 6) * spread, low + 0.05, high - 0.05)

    def _sees(self, joints_rad: Array) -> bool:
        twin = self._twin
        assert twin.board is not None
        twin.data.qpos[:6] = joints_rad
        mujoco.mj_kinematics(twin.model, twin.data)
        mujoco.mj_camlight(twin.model, twin.data)
        base_from_board = twin.base_from_board()
        width_m, height_m = twin.board.width_m, twin.board.height_m
        corners = np.array([[0, 0, 0, 1], [width_m, 0, 0, 1], [width_m, height_m, 0, 1], [0, height_m, 0, 1]], float)
        in_hand = twin.board.fixed_to == "hand"
        if in_hand and (corners @ base_from_board.T)[:, 2].min() < ABOVE_TABLE_M:
            return False
        camera_from_board = inverse(twin.base_from_camera()) @ base_from_board
        across, down = np.meshgrid(np.linspace(0.1, 0.9, 7) * width_m, np.linspace(0.1, 0.9, 5) * height_m)
        points = np.stack([across.ravel(), down.ravel(), np.zeros(across.size), np.ones(across.size)], axis=1)
        seen = (points @ camera_from_board.T)[:, :3]
        if seen[:, 2].min() < NEAREST_M or seen[:, 2].max() > FARTHEST_M:
            return False
        pixels = np.abs(seen[:, :2] / seen[:, 2:] * self._focal_px)
        middle = seen.mean(axis=0)
        facing = camera_from_board[:3, 2] @ middle / np.linalg.norm(middle)
        inside = (pixels < self._half_px * (1 - MARGIN_RATIO)).all(axis=1).mean()
        return bool(inside >= SEEN_MIN and facing > FACING_MIN and not self._touches())

    def _touches(self) -> bool:
        twin = self._twin
        mujoco.mj_fwdPosition(twin.model, twin.data)
        bodies = twin.model.geom_bodyid
        contacts = (twin.data.contact[k] for k in range(twin.data.ncon))
        return any({int(bodies[c.geom1]), int(bodies[c.geom2])} & self._arm for c in contacts)

    def _view(self) -> Array:
        """Return what tells views apart: how the board is turned to the camera, and where it is (12,)."""
        camera_from_board = inverse(self._twin.base_from_camera()) @ self._twin.base_from_board()
        return np.concatenate([camera_from_board[:3, :3].ravel(), 4.0 * camera_from_board[:3, 3]])

    @staticmethod
    def _unlike(one: Array, other: Array) -> float:
        return float(np.linalg.norm(one - other))
