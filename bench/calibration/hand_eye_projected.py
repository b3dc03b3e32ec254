"""Hand-eye trials with projected corners: no pictures, so that hundreds can be run; what the estimator gets is otherwise the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.calibration.hand_eye_truth import HandEyeTruth
from calibration.board.board import BoardCorners, BoardSpec, charuco
from calibration.board.pose import project
from calibration.geometry.chain import chain_of
from calibration.geometry.transforms import Array, Transform, rotation_about, transform
from calibration.hand_eye.design import candidates, choose, information, known_before
from calibration.hand_eye.model import Guess, HandEyeModel
from calibration.hand_eye.refine import Doubts
from calibration.hand_eye.sighting import Mounting, Sighting, sighting_of
from calibration.hand_eye.space import Space
from interfaces.device_facts import CameraIntrinsics
from interfaces.robot_config import RobotConfig

TICK_RAD = 2.0 * np.pi / 4096
START_RAD = {
    "eye_to_hand": np.array([0.0, -0.4, 0.2, -0.9, 0.0, 0.05]),
    "eye_in_hand": np.array([0.0, -0.75, 0.35, 1.60, 0.0, 0.05]),
}
BOARD = BoardSpec(squares_x=7, squares_y=5, square_m=0.015, marker_m=0.011)


@dataclass(frozen=True, slots=True, kw_only=True)
class JointErrors:
    """How a class of arms measures its joints."""

    offset_deg: float  # sigma of each joint's zero
    spread_deg: float  # sigma from pose to pose
    tick_rad: float  # steps of the encoder


EXACT = JointErrors(offset_deg=0.0, spread_deg=0.0, tick_rad=0.0)
SERVO = JointErrors(offset_deg=0.3, spread_deg=0.05, tick_rad=TICK_RAD)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One robot with a camera, and everything about it that is drawn from the seed."""

    robot: RobotConfig
    mounting: Mounting
    errors: JointErrors
    seed: int
    width_px: int = 1280
    height_px: int = 720
    corner_noise_px: float = 0.06

    @cached_property
    def model(self) -> HandEyeModel:
        """Return the arm."""
        return HandEyeModel(chain_of(self.robot), self.mounting)

    @cached_property
    def intrinsics(self) -> CameraIntrinsics:
        """Return a lens of 42 degrees across its height."""
        focal_px = 0.5 * self.height_px / np.tan(np.radians(21.0))
        return CameraIntrinsics(
            width_px=self.width_px,
            height_px=self.height_px,
            focal_x_px=focal_px,
            focal_y_px=focal_px,
            centre_x_px=0.5 * self.width_px - 0.5,
            centre_y_px=0.5 * self.height_px - 0.5,
        )

    @cached_property
    def truth(self) -> HandEyeTruth:
        """Return what is to be found."""
        rng = np.random.default_rng([self.seed, 0])
        n_links = len(self.model.chain.axes)
        return HandEyeTruth(
            chain=self.model.chain,
            mounting=self.mounting,
            parent_from_camera=_wandered(_designed_camera(self.mounting), rng),
            offset_rad=np.radians(self.errors.offset_deg) * rng.normal(size=n_links),
        )

    @cached_property
    def other_from_board(self) -> Transform:
        """Return where the board is: on a plate before the fingers, or flat on the table."""
        rng = np.random.default_rng([self.seed, 1])
        width_m, height_m = BOARD.size_m
        middle = transform(np.eye(3), np.array([-width_m / 2, -height_m / 2, 0.0]))
        if self.mounting == "eye_to_hand":  # seen from where the fingers point to: x right, y down, z towards the hand
            held = transform(np.diag([1.0, -1.0, -1.0]) @ np.diag([1.0, -1.0, -1.0]), np.array([0.0, 0.0, -0.11]))
            return _wandered(held, rng) @ middle
        flat = transform(np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]), np.array([0.22, 0.0, 0.0]))
        return _wandered(flat, rng, tilt=0.0) @ middle

    def sightings(self, n_poses: int) -> tuple[list[Sighting], Array]:
        """Return pictures of the board from poses as the program chooses them, and random joints (pose, joint) of the workspace."""
        rng = np.random.default_rng([self.seed, 2])
        board = BOARD
        truth = Guess(
            parent_from_camera=self.truth.parent_from_camera,
            other_from_board=self.other_from_board,
            offset_rad=self.truth.offset_rad,
        )
        space = Space(
            model=self.model,
            guess=truth,
            board=board,
            intrinsics=self.intrinsics,
            table_z_m=0.0,
            clearance_m=0.03,
        )
        travel = np.stack(
            [self.robot.arm.vector("position_min_rad"), self.robot.arm.vector("position_max_rad")], axis=1
        )
        offered = candidates(space, START_RAD[self.mounting][None], 3.0, travel, rng)
        doubts = Doubts(
            pixel_px=0.1, offset_rad=np.radians(self.errors.offset_deg), spread_rad=np.radians(self.errors.spread_deg)
        )
        known = known_before(len(self.model.chain.axes), doubts)
        chosen = choose(known, information(space, offered, doubts), n_poses)
        return [self._sighting(offered[k], rng) for k in chosen], offered

    def _sighting(self, measured_rad: Array, rng: np.random.Generator) -> Sighting:
        """Return what is measured near a pose, and the picture of where the arm really is."""
        turning = list(self.model.chain.joint_indices)
        real_rad = measured_rad.copy()
        scatter_rad = np.radians(self.errors.spread_deg) * rng.normal(size=len(turning))
        if self.errors.tick_rad:
            measured_rad = np.rint(measured_rad / self.errors.tick_rad) * self.errors.tick_rad
            scatter_rad += self.errors.tick_rad * rng.uniform(-0.5, 0.5, len(turning))
        real_rad[turning] = measured_rad[turning] + self.truth.offset_rad + scatter_rad
        real = Guess(
            parent_from_camera=self.truth.parent_from_camera,
            other_from_board=self.other_from_board,
            offset_rad=np.zeros(len(turning)),
        )
        camera_from_board = self.model.camera_from_boards(real_rad[None], real)[0]
        points_m = np.asarray(charuco(BOARD).getChessboardCorners(), np.float64)
        pixels = project(camera_from_board, points_m, self.intrinsics)
        pixels = pixels + self.corner_noise_px * rng.normal(size=pixels.shape)
        ids = np.arange(len(points_m), dtype=np.int32)
        return sighting_of(BoardCorners(ids=ids, pixels=pixels, points_m=points_m), measured_rad, self.intrinsics)


def _designed_camera(mounting: Mounting) -> Transform:
    if mounting == "eye_to_hand":
        return _looking(np.array([0.415, 0.0, 0.350]), np.array([0.160, 0.0, 0.10]), np.array([0.0, 0.0, 1.0]))
    return _looking(np.array([-0.005, 0.085, -0.010]), np.array([-0.005, -0.005, -0.190]), np.array([0.0, 1.0, 0.0]))


def _looking(eye_m: Array, at_m: Array, up: Array) -> Transform:
    ahead = (at_m - eye_m) / np.linalg.norm(at_m - eye_m)
    right = np.cross(ahead, up) / np.linalg.norm(np.cross(ahead, up))
    return transform(np.stack([right, np.cross(ahead, right), ahead], axis=1), eye_m)


def _wandered(pose: Transform, rng: np.random.Generator, tilt: float = 1.0) -> Transform:
    turn = np.radians(4.0) * rng.normal(size=3) * [tilt, tilt, 1.0]
    return pose @ transform(rotation_about(turn), 0.01 * rng.normal(size=3) * [1.0, 1.0, tilt])
