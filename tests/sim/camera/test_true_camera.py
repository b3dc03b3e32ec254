"""The board's corners are where the projection of the truth says, whatever the lens; noise and blur are as asked for."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sim.camera.true_camera import TrueCamera
from sim.rigid import Array, quaternion_of, rigid, turned
from sim.truth import BoardPlace, Truth
from sim.world import World

BOARD = cv2.aruco.CharucoBoard((9, 6), 0.030, 0.022, cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100))
PICTURE: NDArray[np.uint8] = np.asarray(BOARD.generateImage((9 * 120, 6 * 120)), np.uint8)
PLACE = BoardPlace(
    width_m=0.27, height_m=0.18, fixed_to="table", translation_m=(0.0, 0.0, 0.0), rotation_wxyz=(1.0, 0.0, 0.0, 0.0)
)
LENS = {"distortion": (0.08, -0.15, 0.001, -0.001, 0.0), "centre_shift_px": (7.0, -5.0), "focal_ratio": 1.01}


def held(world: World, ahead_m: float, tilt_rad: Array) -> None:
    """Hold the board's middle before the camera."""
    camera_from_board = rigid(turned(tilt_rad), np.array([0.0, 0.0, ahead_m]))
    camera_from_board = camera_from_board @ rigid(np.eye(3), np.array([-0.135, -0.09, 0.0]))
    base_from_board = world.base_from_camera() @ camera_from_board
    x, y, z = base_from_board[:3, 3].tolist()
    world.board = replace(PLACE, translation_m=(x, y, z), rotation_wxyz=quaternion_of(base_from_board[:3, :3]))


def corner_errors_px(world: World, camera: TrueCamera) -> Array:
    """Return how far (corner, 2) OpenCV finds the corners from where they truly are projected."""
    rgb, _ = camera.take()
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    corners, ids = cv2.aruco.CharucoDetector(BOARD).detectBoard(grey)[:2]
    points_m = np.asarray(BOARD.getChessboardCorners(), np.float64)[np.asarray(ids, np.int32).ravel()]
    base_from_board = world.base_from_board()
    truth_px = camera.project_px(points_m @ base_from_board[:3, :3].T + base_from_board[:3, 3])
    return np.asarray(corners, np.float64).reshape(-1, 2) - truth_px


@pytest.mark.parametrize(
    ("size_px", "lens"), [((1280, 720), {}), ((640, 360), LENS), ((424, 240), {})], ids=["720p", "lens", "small"]
)
def test_corners_are_where_they_are_projected(size_px: tuple[int, int], lens: dict[str, tuple[float, ...]]) -> None:
    world = World(Truth(board=PLACE, **lens))  # pyright: ignore[reportArgumentType]
    # The arm folded away, so that it hides nothing.
    world.data.qpos[:6] = (0.0, -1.7, 1.5, 1.0, 0.0, 0.0)
    seen = world.twin()
    camera = TrueCamera(seen, *size_px, board_picture=PICTURE)
    errors: list[Array] = []
    for tilt in ((0.0, 0.0, 0.0), (0.5, 0.0, 0.1), (0.0, -0.5, 0.0), (0.3, 0.3, -0.2)):
        held(seen, 0.30, np.array(tilt))
        errors.append(corner_errors_px(seen, camera))
    all_px = np.vstack(errors)
    assert len(all_px) > 90
    assert np.abs(all_px.mean(axis=0)).max() < 0.02
    assert np.median(np.linalg.norm(all_px, axis=1)) < 0.1
    camera.close()


def test_what_is_nearer_hides_the_board() -> None:
    world = World(Truth(board=PLACE))
    world.reset("reach", 0)
    table = rigid(np.diag([1.0, -1.0, -1.0]), np.array([0.02, 0.09, 0.001]))
    world.board = replace(PLACE, translation_m=(0.02, 0.09, 0.001), rotation_wxyz=quaternion_of(table[:3, :3]))
    bare, covered = TrueCamera(world, 424, 240), TrueCamera(world, 424, 240, board_picture=PICTURE)
    without, with_board = bare.take(), covered.take()
    changed = (without[0] != with_board[0]).any(axis=2)
    assert 0.1 < changed.mean() < 0.6
    tip_column, tip_row = np.rint(covered.project_px(world.tip_position_m()[None])[0]).astype(int)
    around = slice(tip_row - 2, tip_row + 1), slice(tip_column - 1, tip_column + 2)
    np.testing.assert_array_equal(with_board[0][around], without[0][around])
    # The board lies a millimetre above the table, and the depth says no more than that.
    assert np.abs(with_board[1].astype(int) - without[1])[changed].max() <= 4
    bare.close()
    covered.close()


def test_a_board_behind_the_camera_or_too_near_is_not_painted() -> None:
    world = World(Truth(board=PLACE))
    bare, camera = TrueCamera(world, 424, 240), TrueCamera(world, 424, 240, board_picture=PICTURE)
    for ahead_m in (-0.3, 0.01):
        held(world, ahead_m, np.zeros(3))
        np.testing.assert_array_equal(camera.take()[0], bare.take()[0])
    bare.close()
    camera.close()


def test_noise_is_as_strong_as_asked_and_other_each_time() -> None:
    world = World(Truth(image_noise=3.0))
    camera = TrueCamera(world, 424, 240)
    clean, _ = camera.clean()
    middling = (clean > 30) & (clean < 225)
    first, second = (camera.with_noise(clean).astype(float) for _ in range(2))
    assert np.std((first - clean)[middling]) == pytest.approx(3.0, rel=0.05)
    assert np.std((first - second)[middling]) == pytest.approx(3.0 * np.sqrt(2), rel=0.05)
    camera.close()


def test_blur_takes_the_edges_off() -> None:
    def sharpness(blur_px: float) -> float:
        world = World(Truth(blur_px=blur_px))
        camera = TrueCamera(world, 424, 240)
        rgb, _ = camera.take()
        camera.close()
        return float(cv2.Laplacian(rgb, cv2.CV_64F).std())

    assert sharpness(1.5) < 0.4 * sharpness(0.0)


def test_a_longer_focal_length_spreads_the_picture() -> None:
    def tip_px(focal_ratio: float) -> Array:
        world = World(Truth(focal_ratio=focal_ratio))
        camera = TrueCamera(world, 1280, 720)
        pixel = camera.project_px(world.tip_position_m()[None])[0] - (639.5, 359.5)
        camera.close()
        return pixel

    np.testing.assert_allclose(tip_px(1.02), 1.02 * tip_px(1.0), rtol=1e-9)
