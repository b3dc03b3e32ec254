"""The simulated camera as it truly is: where it truly stands, through its lens, with its noise, and the board before it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sim.camera.board_painter import BoardPainter, Grey, Pinhole
from sim.camera.renderer import CameraRenderer, DepthMm, Rgb, focal_length_px
from sim.rigid import Array, inverse
from sim.truth import Truth
from sim.world import World

PADDING_RATIO = 0.12  # a lens looks so far beyond the pinhole's picture, on each side
NOISE_STARTS = 65536  # as many different pictures of noise


class TrueCamera:
    """Takes pictures of one world at its present pose; belongs to the thread that makes it."""

    def __init__(
        self, world: World, width_px: int, height_px: int, board_picture: Grey | None = None, seed: int = 0
    ) -> None:
        """Take the size of its pictures, and the board's picture (row, column) where there is a board to be seen."""
        self._world, truth = world, world.truth
        focal_px = focal_length_px(height_px) * truth.focal_ratio
        self.lens = _Lens(truth, width_px, height_px, focal_px)
        pinhole = self.lens.pinhole
        self._renderer = CameraRenderer(
            world.model, pinhole.width_px, pinhole.height_px, focal_px if truth.has_lens else None
        )
        self._painter = None if board_picture is None else BoardPainter(board_picture)
        self._noise = _Noise(truth.image_noise, (height_px, width_px, 3), seed) if truth.image_noise else None
        self._blur_px = truth.blur_px

    def take(self) -> tuple[Rgb, DepthMm]:
        """Return colour (height, width, 3) and depth (height, width) in mm of this instant."""
        rgb, depth_mm = self.clean()
        return self.with_noise(rgb), depth_mm

    def clean(self) -> tuple[Rgb, DepthMm]:
        """Return what `take` does, without the sensor's noise."""
        world = self._world
        scene = self._renderer.render(world.data)
        if self._painter is not None and world.board is not None:
            camera_from_board = inverse(world.base_from_camera()) @ world.base_from_board()
            scene = self._painter.paint(scene, self.lens.pinhole, world.board, camera_from_board)
        rgb, depth_mm = self.lens.through(scene)
        if self._blur_px:
            rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), self._blur_px), np.uint8)
        return rgb, depth_mm

    def with_noise(self, rgb: Rgb) -> Rgb:
        """Return a picture of `clean` with another draw of the sensor's noise."""
        return rgb if self._noise is None else self._noise.on(rgb)

    def project_px(self, points_m: Array) -> Array:
        """Return the pixels (k, 2), column and row, where points (k, 3) of the base frame truly are seen."""
        camera_from_base = inverse(self._world.base_from_camera())
        return self.lens.project(points_m @ camera_from_base[:3, :3].T + camera_from_base[:3, 3])

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()


class _Lens:
    """What bends the pinhole's picture; where nothing does, the pinhole's picture is the picture."""

    def __init__(self, truth: Truth, width_px: int, height_px: int, focal_px: float) -> None:
        middle = (width_px - 1) / 2, (height_px - 1) / 2
        self.centre_px = middle[0] + truth.centre_shift_px[0], middle[1] + truth.centre_shift_px[1]
        self.distortion = np.array(truth.distortion)
        self.focal_px = focal_px
        self._maps: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        pad_x, pad_y = (round(PADDING_RATIO * size) if truth.has_lens else 0 for size in (width_px, height_px))
        # The renderer's axis goes through the middle of its picture; the lens shifts, so the padded one is symmetric.
        self.pinhole = Pinhole(
            width_px=width_px + 2 * pad_x,
            height_px=height_px + 2 * pad_y,
            focal_px=focal_px,
            centre_px=(middle[0] + pad_x, middle[1] + pad_y),
        )
        if truth.has_lens:
            self._maps = self._make_maps(width_px, height_px)

    @property
    def matrix(self) -> Array:
        """Return the true camera matrix (3, 3)."""
        column, row = self.centre_px
        return np.array([[self.focal_px, 0.0, column], [0.0, self.focal_px, row], [0.0, 0.0, 1.0]])

    def through(self, scene: tuple[Rgb, DepthMm]) -> tuple[Rgb, DepthMm]:
        """Return the pinhole's colour and depth as the lens bends them."""
        if self._maps is None:
            return scene
        rgb = cv2.remap(scene[0], *self._maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        depth_mm = cv2.remap(scene[1], *self._maps, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(rgb, np.uint8), np.asarray(depth_mm, np.uint16)

    def project(self, in_camera_m: Array) -> Array:
        """Return pixels (k, 2) of points (k, 3) in the camera's frame."""
        pixels, _ = cv2.projectPoints(in_camera_m, np.zeros(3), np.zeros(3), self.matrix, self.distortion)
        return np.asarray(pixels, np.float64).reshape(-1, 2)

    def _make_maps(self, width_px: int, height_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return for each pixel where in the pinhole's picture its light comes from."""
        columns, rows = np.meshgrid(np.arange(width_px, dtype=np.float64), np.arange(height_px, dtype=np.float64))
        pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
        precise = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-10)
        rays = cv2.undistortPointsIter(pixels, self.matrix, self.distortion, np.eye(3), np.eye(3), precise)
        source = np.asarray(rays).reshape(-1, 2) * self.pinhole.focal_px + np.array(self.pinhole.centre_px)
        source = source.reshape(height_px, width_px, 2).astype(np.float32)
        return source[..., 0].copy(), source[..., 1].copy()


class _Noise:
    """Gaussian noise out of a bank drawn once: drawing a picture's worth takes many times as long as adding it."""

    def __init__(self, sigma: float, shape: tuple[int, ...], seed: int) -> None:
        self._rng = np.random.default_rng((seed, 7))
        self._shape, self._size = shape, int(np.prod(shape))
        self._bank = np.float32(sigma) * self._rng.standard_normal(self._size + NOISE_STARTS, np.float32)

    def on(self, rgb: Rgb) -> Rgb:
        start = int(self._rng.integers(NOISE_STARTS))
        noisy = rgb + self._bank[start : start + self._size].reshape(self._shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
