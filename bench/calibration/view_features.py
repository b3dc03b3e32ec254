"""Which features to recognise a view by: SIFT, AKAZE and ORB on the same pushed cameras, by how many matches are right.

`python -m bench.calibration.view_features --trials N`; a match is right where the landmark truly is within 1.5 pixels of it.
"""

from __future__ import annotations

import argparse
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.calibration.view import N_FRAMES, TASKS, camera_of, reference_of
from bench.workplace.pushed_camera import PINHOLE, Array, PushedCamera, somewhere
from calibration.view.reference import Reference
from runtime.policy.view.landmarks import surface_points
from runtime.policy.view.pinhole import transformed
from sim.camera.pusher import direction

PUSH = (10.0, 1.5)  # mm, degrees
RATIO = 0.75
RIGHT_PX = 1.5
FEATURES: dict[str, tuple[Any, int]] = {
    "SIFT": (cv2.SIFT.create(nfeatures=600, contrastThreshold=0.02), cv2.NORM_L2),
    "AKAZE": (cv2.AKAZE.create(threshold=0.0003), cv2.NORM_HAMMING),
    "ORB": (cv2.ORB.create(nfeatures=600, fastThreshold=8), cv2.NORM_HAMMING),
}


def try_features(name: str, camera: PushedCamera, reference: Reference, seed: int) -> tuple[int, int, Array]:
    """Return how many matches there are, how many are right, and how far off those are (k,) in pixels."""
    detector, norm = FEATURES[name]
    rng = np.random.default_rng((seed, 31))
    camera.set_table(TASKS[seed % len(TASKS)], seed, somewhere(rng))
    now_from_then = camera.push(direction(rng) * PUSH[0] * 1e-3, direction(rng) * PUSH[1])
    picture = camera.picture(N_FRAMES, depth=True)
    then = detector.detectAndCompute(
        cv2.cvtColor(reference.picture.rgb, cv2.COLOR_RGB2GRAY), reference.static.astype(np.uint8)
    )
    now = detector.detectAndCompute(cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY), None)
    if then[1] is None or now[1] is None or len(now[1]) < 2:
        return 0, 0, np.empty(0)
    pairs: Any = cv2.BFMatcher(norm).knnMatch(then[1], now[1], k=2)
    clear = [first for first, second in pairs if first.distance < RATIO * second.distance]
    before = np.array([then[0][match.queryIdx].pt for match in clear], np.float64).reshape(-1, 2)
    after = np.array([now[0][match.trainIdx].pt for match in clear], np.float64).reshape(-1, 2)
    points_m = surface_points(before, reference.picture.depth_mm, reference.landmarks.plane, PINHOLE)
    off = np.linalg.norm(PINHOLE.project(transformed(now_from_then, points_m)) - after, axis=1)
    right = off < RIGHT_PX  # NaN, of no known place, is not
    return len(clear), int(right.sum()), off[right]


def main() -> None:
    """Run the trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seed", type=int, default=500)
    arguments = parser.parse_args()
    table = Table("scene", "features", "matches, mean", "right", "fewest right", "off, median")
    for scene in ("plain", "landmarks", "board"):
        camera = camera_of(scene, arguments.seed)
        reference = reference_of(camera, arguments.seed, depth=True)
        for name in FEATURES:
            tried = [
                try_features(name, camera, reference, arguments.seed + 1 + trial) for trial in range(arguments.trials)
            ]
            matches, right = (np.array([trial[k] for trial in tried]) for k in (0, 1))
            off = np.concatenate([trial[2] for trial in tried])
            table.add_row(
                scene, name, f"{matches.mean():.0f}", f"{100 * right.sum() / max(1, matches.sum()):.0f} %",
                str(right.min()), f"{np.median(off):.2f} px" if len(off) else "-",
            )  # fmt: skip
        camera.close()
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
