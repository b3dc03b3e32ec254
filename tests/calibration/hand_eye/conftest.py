"""An SO-101 with a camera, of which everything is known: sightings are projected, with the errors that a test asks for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.board.board import BoardCorners, BoardSpec, charuco
from calibration.board.pose import project
from calibration.geometry.chain import Chain, chain_of
from calibration.geometry.transforms import rotation_about, transform
from calibration.hand_eye.design import candidates
from calibration.hand_eye.model import Guess, HandEyeModel
from calibration.hand_eye.sighting import Mounting, Sighting, sighting_of
from calibration.hand_eye.space import Space
from interfaces.device_facts import CameraIntrinsics
from interfaces.robot_config import RobotConfig, load_robot

Array = NDArray[np.float64]

BOARD = BoardSpec(squares_x=7, squares_y=5, square_m=0.015, marker_m=0.011)
LENS = CameraIntrinsics(
    width_px=1280,
    height_px=720,
    focal_x_px=930.0,
    focal_y_px=935.0,
    centre_x_px=645.0,
    centre_y_px=352.0,
    distortion=(0.03, -0.05, 0.001, -0.0005, 0.0),
)
STARTS = {
    "eye_to_hand": np.array([0.0, -0.4, 0.2, -0.9, 0.0, 0.05]),
    "eye_in_hand": np.array([0.0, -0.75, 0.35, 1.6, 0.0, 0.05]),
}


class Known:
    """One robot with its camera."""

    def __init__(self, robot: RobotConfig, mounting: Mounting) -> None:
        self.robot, self.lens, self.board = robot, LENS, BOARD
        self.model = HandEyeModel(chain_of(robot), mounting)
        middle = transform(np.eye(3), np.array([-BOARD.size_m[0] / 2, -BOARD.size_m[1] / 2, 0.0]))
        if mounting == "eye_to_hand":
            camera = looking(np.array([0.42, 0.02, 0.34]), np.array([0.16, 0.0, 0.1]), np.array([0.0, 0.0, 1.0]))
            board = transform(rotation_about(np.array([0.1, 0.05, 0.2])), np.array([0.0, 0.005, -0.11]))
        else:
            camera = looking(np.array([0.0, 0.085, -0.01]), np.array([0.0, 0.0, -0.19]), np.array([0.0, 1.0, 0.0]))
            flat = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
            board = transform(flat, np.array([0.22, 0.01, 0.001]))
        self.truth = Guess(parent_from_camera=camera, other_from_board=board @ middle, offset_rad=np.zeros(5))
        self.start_rad: Array = STARTS[mounting]
        self._points_m = np.asarray(charuco(BOARD).getChessboardCorners(), np.float64)

    @property
    def chain(self) -> Chain:
        """Return the arm."""
        return self.model.chain

    def space(self) -> Space:
        """Return what is around the arm."""
        return Space(model=self.model, guess=self.truth, board=BOARD, intrinsics=LENS, table_z_m=0.0, clearance_m=0.03)

    def travel_rad(self) -> Array:
        """Return the joints' limits (joint, 2)."""
        arm = self.robot.arm
        return np.stack([arm.vector("position_min_rad"), arm.vector("position_max_rad")], axis=1)

    def poses_rad(self, n_poses: int, seed: int = 0) -> Array:
        """Return joints (pose, joint) that see the board."""
        rng = np.random.default_rng(seed)
        return candidates(self.space(), self.start_rad[None], 2.5, self.travel_rad(), rng)[:n_poses]

    def sighting(
        self, measured_rad: Array, rng: np.random.Generator, *, offset_rad: Array | float = 0.0, spread_rad: float = 0.0
    ) -> Sighting:
        """Return the board as seen while joints measure so; they really are off by an offset, and by some scatter."""
        real_rad = measured_rad.copy()
        real_rad[list(self.chain.joint_indices)] += offset_rad + spread_rad * rng.normal(size=5)
        pixels = project(self.model.camera_from_boards(real_rad[None], self.truth)[0], self._points_m, LENS)
        corners = BoardCorners(
            ids=np.arange(len(pixels), dtype=np.int32),
            pixels=pixels + 0.06 * rng.normal(size=pixels.shape),
            points_m=self._points_m,
        )
        return sighting_of(corners, measured_rad, LENS)

    def sightings(
        self, n_poses: int = 20, seed: int = 0, *, offset_rad: Array | float = 0.0, spread_rad: float = 0.0
    ) -> list[Sighting]:
        """Return sightings from poses all over the workspace."""
        rng = np.random.default_rng(seed)
        return [
            self.sighting(pose, rng, offset_rad=offset_rad, spread_rad=spread_rad)
            for pose in self.poses_rad(n_poses, seed)
        ]


def looking(eye_m: Array, at_m: Array, up: Array) -> Array:
    """Return a camera at a place that looks at another."""
    ahead = (at_m - eye_m) / np.linalg.norm(at_m - eye_m)
    right = np.cross(ahead, up) / np.linalg.norm(np.cross(ahead, up))
    return transform(np.stack([right, np.cross(ahead, right), ahead], axis=1), eye_m)


@pytest.fixture(scope="session")
def make_known() -> Callable[[Mounting], Known]:
    """Make a robot with its camera mounted one way or the other."""
    robot = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml")
    return lambda mounting: Known(robot, mounting)


@pytest.fixture(params=["eye_to_hand", "eye_in_hand"])
def known(request: pytest.FixtureRequest, make_known: Callable[[Mounting], Known]) -> Known:
    """A robot with its camera, mounted either way."""
    return make_known(request.param)
