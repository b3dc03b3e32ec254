"""How surely a moved camera is found: trials on the simulated robot, with other light, objects, arm poses and noise each time.

`python -m bench.calibration.view --trials N` prints, for a camera that was not touched, shifted by 5 mm or turned by 0.5 degree
(any direction), how often the view check with the robot file's default limits says so, and how well it measures the motion.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.closed_loop.intervals import wilson
from bench.workplace.pushed_camera import PINHOLE, Array, PushedCamera, somewhere
from calibration.board.board import BoardSpec, board_picture
from calibration.view.reference import Reference, make_reference
from interfaces.calibration_config import CalibrationConfig
from runtime.policy.view.moved_view import Picture, ViewMotion, how_moved
from runtime.policy.view.pinhole import rotation_angle_deg
from runtime.policy.view.table_plane import TablePlane, plane_from_depth
from runtime.policy.view.verdict import moved, too_vague
from sim.camera.pusher import direction
from sim.rigid import inverse
from sim.truth import BoardPlace, Truth
from sim.world import REST_RAD

LIMITS = CalibrationConfig(folder="calibration", require=(), max_age_days=30.0, offsets="record", view="check")
NOISE, BLUR_PX = 2.0, 0.5
N_FRAMES = 8
BOARD = BoardSpec()
TASKS = ("reach", "push", "press", "lift")  # a seed's task is its place here: later tasks of the simulator do not join
SCENES = ("plain", "landmarks", "board")
PUSHES = {  # mm, degrees
    "untouched": (0.0, 0.0),
    "5 mm": (5.0, 0.0),
    "0.5 deg": (0.0, 0.5),
    "38 mm, 5.5 deg": (38.0, 5.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one look said, and how far that is from the truth."""

    flagged: bool
    cannot_tell: bool
    error_mm: float
    error_deg: float


def camera_of(scene: str, seed: int) -> PushedCamera:
    """Return the camera of a scene: today's table, one with things lying around it, or one with a board taped to it."""
    place = None
    if scene == "board":
        width_m, height_m = BOARD.size_m
        # Behind the work, its picture the right way up for the camera that looks back at the arm.
        place = BoardPlace(
            width_m=width_m, height_m=height_m, fixed_to="table", translation_m=(-0.02, 0.33, 0.001),
            rotation_wxyz=(0.0, 0.70710678, -0.70710678, 0.0),
        )  # fmt: skip
    truth = Truth(landmarks=scene == "landmarks", image_noise=NOISE, blur_px=BLUR_PX, board=place)
    return PushedCamera(truth, board_picture(BOARD, 60) if place else None, seed)


def reference_of(camera: PushedCamera, seed: int, *, depth: bool) -> Reference:
    """Return the reference as the calibration takes it: a clear table, and the arm in three poses."""
    rest = np.array(REST_RAD)
    camera.clear_table(seed, rest)
    camera.push(np.zeros(3), np.zeros(3))
    plane_seen = camera.picture(N_FRAMES, depth=True)
    pictures: list[Picture] = []
    for pan_rad in (0.0, -0.6, 0.6):
        camera.pose(rest + np.array([pan_rad, 0, 0, 0, 0, 0]))
        pictures.append(camera.picture(N_FRAMES, depth=depth))
    plane = plane_from_depth(plane_seen.depth_mm, PINHOLE) if depth and plane_seen.depth_mm is not None else None
    return make_reference(pictures, plane or true_plane(camera), PINHOLE, by_depth=depth)


def true_plane(camera: PushedCamera) -> TablePlane:
    """Return the table in the camera's frame, as a hand-eye calibration would know it."""
    camera_from_base = inverse(camera.world.base_from_camera())
    normal, origin = camera_from_base[:3, 2], camera_from_base[:3, 3]
    return TablePlane(normal=normal, distance_m=float(-normal @ origin))


def try_push(camera: PushedCamera, reference: Reference, push: tuple[float, float], seed: int, *, depth: bool) -> Trial:
    """Return what is said of a camera pushed by so many mm and degrees, any direction, everything else drawn by seed."""
    rng = np.random.default_rng((seed, 17))
    camera.set_table(TASKS[seed % len(TASKS)], seed, somewhere(rng))
    truth = camera.push(direction(rng) * push[0] * 1e-3, direction(rng) * push[1])
    motion = how_moved(camera.picture(N_FRAMES, depth=depth), reference.landmarks, PINHOLE)
    return _judged(motion, truth)


def _judged(motion: ViewMotion, truth: Array) -> Trial:
    vague = bool(too_vague(motion, LIMITS))
    wrong = inverse(truth) @ motion.now_from_then
    return Trial(
        flagged=not vague and moved(motion, LIMITS),
        cannot_tell=vague,
        error_mm=float("nan") if motion.cannot_tell else float(np.linalg.norm(wrong[:3, 3])) * 1e3,
        error_deg=float("nan") if motion.cannot_tell else rotation_angle_deg(wrong[:3, :3]),
    )


def table_of(rows: dict[tuple[str, bool, str], Sequence[Trial]]) -> Table:
    """Return the results; a camera that cannot be judged is refused, so untouched it is a false alarm, too."""
    table = Table("scene", "depth", "camera", "flagged", "95 % interval", "cannot tell", "off, median", "off, 95 %")
    for (scene, depth, push), trials in rows.items():
        flagged = sum(trial.flagged for trial in trials)
        low, high = wilson(flagged, len(trials))
        off = np.array([[trial.error_mm, trial.error_deg] for trial in trials])
        off = off[np.isfinite(off[:, 0])]
        shown = [np.percentile(off, share, axis=0) for share in (50, 95)] if len(off) else []
        table.add_row(
            scene, "yes" if depth else "no", push, f"{flagged}/{len(trials)}", f"{100 * low:.1f}-{100 * high:.1f} %",
            str(sum(trial.cannot_tell for trial in trials)), *(f"{mm:.2f} mm {deg:.2f}°" for mm, deg in shown),
        )  # fmt: skip
    return table


def main() -> None:
    """Run the trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=SCENES)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows: dict[tuple[str, bool, str], Sequence[Trial]] = {}
    for scene in arguments.scenes:
        camera = camera_of(scene, arguments.seed)
        for depth in (True, False):
            reference = reference_of(camera, arguments.seed, depth=depth)
            for name, push in PUSHES.items():
                seeds = range(arguments.seed + 1, arguments.seed + 1 + arguments.trials)
                rows[scene, depth, name] = [
                    try_push(camera, reference, push, seed, depth=depth)
                    for seed in track(seeds, description=f"{scene}, {name}", transient=True)
                ]
        camera.close()
    Console(width=140).print(table_of(rows))


if __name__ == "__main__":
    main()
