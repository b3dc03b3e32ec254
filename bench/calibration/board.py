"""How true the corners of the board are: photographs through a lens with distortion, ours beside OpenCV's own.

    python -m bench.calibration.board --photographs 25

The board stands 0.3 to 0.8 m before a camera of 1280x720, leaned by up to 35 degrees about each axis, at times partly out of sight.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.workplace.photograph import Light, Photographer
from calibration.board.board import BoardCorners, BoardFinder, BoardSpec, charuco
from calibration.board.pose import project
from calibration.geometry.transforms import Transform, rotation_about, transform
from interfaces.device_facts import CameraIntrinsics
from interfaces.messages import Rgb

SPEC = BoardSpec()
LENS = CameraIntrinsics(
    width_px=1280,
    height_px=720,
    focal_x_px=912.3,
    focal_y_px=911.0,
    centre_x_px=641.0,
    centre_y_px=358.0,
    distortion=(0.08, -0.2, 0.0005, -0.0003, 0.0),
)
LIGHTS = (
    Light(),
    Light(blur_px=0.0, image_noise=0.0),
    Light(blur_px=1.0, image_noise=0.0),
    Light(blur_px=1.5, image_noise=5.0),
    Light(image_noise=8.0, contrast_ratio=0.4),
)
EDGE_PX = 5.0  # a corner nearer to the picture's edge is not counted among those in sight

Find = Callable[[Rgb], BoardCorners | None]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How one finder did over many photographs."""

    errors_px: Array  # (corner, 2)
    in_sight: int

    @property
    def lengths_px(self) -> Array:
        """Return how far off each corner is (corner,)."""
        return np.linalg.norm(self.errors_px, axis=1)

    @property
    def rms_px(self) -> float:
        """Return the root of the mean square."""
        return float(np.sqrt((self.errors_px**2).sum(axis=1).mean()))


class OpenCvFinder:
    """OpenCV's CharucoDetector as it comes, for comparison."""

    def __init__(self, spec: BoardSpec) -> None:
        self._board = charuco(spec)
        self._detector = cv2.aruco.CharucoDetector(self._board)
        self._points_m = np.asarray(self._board.getChessboardCorners(), np.float64)

    def find(self, rgb: Rgb) -> BoardCorners | None:
        """Return its corners."""
        corners, ids, _, _ = self._detector.detectBoard(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        flat = np.ravel(np.asarray(ids)).astype(np.int32) if len(np.shape(ids)) else np.empty(0, np.int32)
        if not len(flat):
            return None
        return BoardCorners(
            ids=flat, pixels=np.asarray(corners, np.float64).reshape(-1, 2), points_m=self._points_m[flat]
        )


def accuracy(find: Find, light: Light, lens: CameraIntrinsics, n_photographs: int, seed: int = 0) -> Accuracy:
    """Return how true the corners are that `find` finds in photographs."""
    rng = np.random.default_rng(seed)
    photographer = Photographer(SPEC, lens, light, rng)
    points_m = np.asarray(charuco(SPEC).getChessboardCorners(), np.float64)
    errors_px: list[Array] = [np.empty((0, 2))]
    in_sight = 0
    for _ in range(n_photographs):
        camera_from_board = _somewhere(rng)
        true_px = project(camera_from_board, points_m, lens)
        size_px = np.array([lens.width_px, lens.height_px])
        in_sight += int(((true_px > EDGE_PX) & (true_px < size_px - 1 - EDGE_PX)).all(axis=1).sum())
        found = find(photographer.take(camera_from_board))
        if found is not None:
            errors_px.append(found.pixels - true_px[found.ids])
    return Accuracy(errors_px=np.concatenate(errors_px), in_sight=in_sight)


def _somewhere(rng: np.random.Generator) -> Transform:
    turn = rotation_about(rng.uniform(-0.6, 0.6, 3))
    ahead_m = float(rng.uniform(0.3, 0.8))
    middle_m = np.array([rng.uniform(-0.5, 0.5) * ahead_m, rng.uniform(-0.3, 0.3) * ahead_m, ahead_m])
    return transform(turn, middle_m - turn @ np.array([*SPEC.size_m, 0.0]) / 2)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=25, help="in each light (25)")
    arguments = parser.parse_args()
    table = Table(title=f"corners of the board in {arguments.photographs} photographs each, errors in px")
    for column in ("blur px", "noise", "contrast", "", "found", "rms", "median", "99 %", "worst", "mean x", "mean y"):
        table.add_column(column, justify="right")
    for light in LIGHTS:
        for name, find in (("forerun", BoardFinder(SPEC).find), ("OpenCV", OpenCvFinder(SPEC).find)):
            result = accuracy(find, light, LENS, arguments.photographs)
            numbers = (result.rms_px, *np.percentile(result.lengths_px, (50, 99, 100)), *result.errors_px.mean(axis=0))
            table.add_row(
                f"{light.blur_px:g}",
                f"{light.image_noise:g}",
                f"{light.contrast_ratio:g}",
                name,
                f"{len(result.errors_px)}/{result.in_sight}",
                *(f"{number:.3f}" for number in numbers),
            )
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
