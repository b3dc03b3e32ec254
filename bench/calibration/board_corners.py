"""How true the simulated board is: where OpenCV finds its corners, less where the true camera projects them.

    python -m bench.calibration.board_corners --pictures 25

The arm is folded away and the table cleared; the board is held before the camera as an operator would, near and far and tilted.
`mean` is the bias that a calibration would inherit, `rms` what a corner of one picture is off, detector and picture together.
"""

from __future__ import annotations

import argparse
import sys

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.workplace.board_places import board_on_table, shown_boards
from bench.workplace.simulated_workplace import PX_PER_SQUARE
from calibration.board.board import BoardSpec, board_picture, charuco
from sim.camera.true_camera import TrueCamera
from sim.rigid import Array
from sim.truth import Truth
from sim.world import World

FOLDED_RAD = (0.0, -1.7, 1.5, 1.0, 0.0, 0.0)
LENS = (0.08, -0.15, 0.001, -0.001, 0.0)
TRUTHS = {
    "1280x720": Truth(width_px=1280, height_px=720),
    "1280x720, lens": Truth(width_px=1280, height_px=720, distortion=LENS, centre_shift_px=(7.0, -5.0)),
    "1280x720, noise 2, blur 0.6": Truth(width_px=1280, height_px=720, image_noise=2.0, blur_px=0.6),
    "640x480": Truth(width_px=640, height_px=480),
    "424x240": Truth(),
    "424x240, noise 2": Truth(image_noise=2.0),
}


def corner_errors_px(truth: Truth, n_pictures: int, seed: int) -> Array:
    """Return found less true, (corner, 2) of all pictures."""
    spec = BoardSpec()
    world = World(truth)
    world.data.qpos[:6] = FOLDED_RAD
    world.clear_table()
    camera = TrueCamera(world, truth.width_px, truth.height_px, board_picture(spec, PX_PER_SQUARE), seed)
    detector = cv2.aruco.CharucoDetector(charuco(spec))
    points_m = np.asarray(charuco(spec).getChessboardCorners(), np.float64)
    size_px = truth.width_px, truth.height_px
    places = shown_boards(spec, world.base_from_camera(), size_px, np.random.default_rng((seed, 5)))
    world.board = board_on_table(spec)
    errors_px = [np.empty((0, 2))]
    for place, _ in zip(places, range(n_pictures), strict=False):
        world.board = place
        rgb, _ = camera.take()
        corners, ids = detector.detectBoard(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))[:2]
        base_from_board = world.base_from_board()
        seen_m = points_m[np.asarray(ids, np.int32).ravel()] @ base_from_board[:3, :3].T + base_from_board[:3, 3]
        errors_px.append(np.asarray(corners, np.float64).reshape(-1, 2) - camera.project_px(seen_m))
    camera.close()
    return np.vstack(errors_px)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=25, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = Table(
        "camera", "corners", "mean, px", "median, px", "rms, px", "worst, px", title="Corners, found less true"
    )
    for name, truth in TRUTHS.items():
        errors_px = corner_errors_px(truth, arguments.pictures, arguments.seed)
        lengths_px = np.linalg.norm(errors_px, axis=1)
        mean = errors_px.mean(axis=0)
        rms, median = np.sqrt((lengths_px**2).mean()), np.median(lengths_px)
        table.add_row(
            name, str(len(errors_px)), f"{mean[0]:+.4f} {mean[1]:+.4f}", f"{median:.3f}", f"{rms:.3f}", f"{lengths_px.max():.2f}"
        )  # fmt: skip
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
