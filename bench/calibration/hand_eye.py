"""How good hand-eye calibration is: error against the truth, for arms with exact joints and for arms of servos.

    python -m bench.calibration.hand_eye [--trials N] [--rendered N] [--poses N]

Two kinds of trials. Projected ones take corners from the model with 0.06 px of noise, and so many can be run. Rendered ones run the
whole program, forerun calibrate hand-eye, on a simulated workplace: the real driver's bytes to emulated servos, rendered boards
with noise, the arm finding its poses by itself. What is printed of each error (median, 95th percentile and worst):

    place, turn   of the camera, in the base (or hand) that the measured first (or last) joint shows
    reach         how far the tip is from a point that the camera saw and the arm was sent to, rms over the workspace

Servo-class joints: zeros off by 0.3 degree (sigma), 12 bits of encoder, 0.05 degree anew in every pose (rendered: an encoder's
magnet off its axis); "loose" ones 0.15. "Steps only" are joints with good zeros and 12 bits. "Held" means that offsets were not
estimated though they are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.calibration.hand_eye_projected import EXACT, SERVO, JointErrors, Trial
from bench.calibration.hand_eye_rendered import RenderedTrial
from bench.calibration.hand_eye_truth import HandEyeError
from calibration.hand_eye.estimate import estimate
from calibration.hand_eye.sighting import Mounting
from interfaces.robot_config import RobotConfig, load_robot

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"
MOUNTINGS: tuple[Mounting, ...] = ("eye_to_hand", "eye_in_hand")
LOOSE = replace(SERVO, spread_deg=0.15)
STEPS = replace(SERVO, offset_deg=0.0, spread_deg=0.0)
HEADER = f"{'':52}{'place, mm':>24}{'turn, deg':>24}{'reach, mm':>24}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: what the joints are like, and what the program was told of them."""

    name: str
    errors: JointErrors
    sigma_deg: float  # --joint-sigma-deg
    size_px: tuple[int, int] = (1280, 720)


PROJECTED = (
    Row(name="exact joints", errors=EXACT, sigma_deg=0.0),
    Row(name="exact joints, 640x480", errors=EXACT, sigma_deg=0.0, size_px=(640, 480)),
    Row(name="exact joints, offsets estimated", errors=EXACT, sigma_deg=0.3),
    Row(name="steps only, offsets estimated", errors=STEPS, sigma_deg=0.3),
    Row(name="servo-class, offsets estimated", errors=SERVO, sigma_deg=0.3),
    Row(name="servo-class, 640x480, offsets estimated", errors=SERVO, sigma_deg=0.3, size_px=(640, 480)),
    Row(name="servo-class, held", errors=SERVO, sigma_deg=0.0),
    Row(name="loose, offsets estimated", errors=LOOSE, sigma_deg=0.3),
    Row(name="loose, held", errors=LOOSE, sigma_deg=0.0),
)
RENDERED = (
    Row(name="exact joints", errors=EXACT, sigma_deg=0.0),
    Row(name="exact joints, 640x480", errors=EXACT, sigma_deg=0.0, size_px=(640, 480)),
    Row(name="servo-class, offsets estimated", errors=SERVO, sigma_deg=0.3),
    Row(name="servo-class, 640x480, offsets estimated", errors=SERVO, sigma_deg=0.3, size_px=(640, 480)),
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="projected, a row (default 20)")
    parser.add_argument("--rendered", type=int, default=0, help="rendered, a row; each takes half a minute (default 0)")
    parser.add_argument("--poses", type=int, default=24, help="a trial (default 24)")
    options = parser.parse_args()
    robot = load_robot(ROBOT_FILE)
    write = sys.stdout.write
    for mounting in MOUNTINGS:
        if options.trials:
            write(f"\n{mounting}, projected, {options.trials} trials, {options.poses} poses\n{HEADER}")
        for row in PROJECTED if options.trials else ():
            write(line(row.name, [_projected(robot, mounting, row, k, options.poses) for k in range(options.trials)]))
        if options.rendered:
            write(f"\n{mounting}, rendered, {options.rendered} trials, {options.poses} poses\n{HEADER}")
        for row in RENDERED if options.rendered else ():
            write(line(row.name, [_rendered(robot, mounting, row, k, options.poses) for k in range(options.rendered)]))
        sys.stdout.flush()


def line(name: str, errors: list[HandEyeError]) -> str:
    """Return one line of the table."""
    columns: list[str] = []
    for key in ("place_mm", "turn_deg", "reach_mm"):
        values = [getattr(error, key) for error in errors]
        middle, high, worst = (float(np.percentile(values, share)) for share in (50, 95, 100))
        columns.append(f"{middle:8.3f}{high:8.3f}{worst:8.3f}")
    return f"{name:52}{''.join(columns)}\n"


def _projected(robot: RobotConfig, mounting: Mounting, row: Row, seed: int, n_poses: int) -> HandEyeError:
    trial = Trial(
        robot=robot,
        mounting=mounting,
        errors=row.errors,
        seed=seed,
        width_px=row.size_px[0],
        height_px=row.size_px[1],
    )
    sightings, workspace_rad = trial.sightings(n_poses)
    result = estimate(trial.model, sightings, trial.intrinsics, offset_sigma_rad=float(np.radians(row.sigma_deg)))
    return trial.truth.error(result.refined.guess, workspace_rad)


def _rendered(robot: RobotConfig, mounting: Mounting, row: Row, seed: int, n_poses: int) -> HandEyeError:
    with tempfile.TemporaryDirectory() as folder:
        trial = RenderedTrial(
            robot=robot,
            mounting=mounting,
            errors=row.errors,
            seed=seed,
            size_px=row.size_px,
            folder=Path(folder),
        )
        status = trial.run("--poses", str(n_poses), "--joint-sigma-deg", f"{row.sigma_deg:g}")
        if status:
            raise RuntimeError(
                f"trial {seed} of {row.name} ended with status {status}:\n{trial.workplace.operator.said}"
            )
        return trial.error()


if __name__ == "__main__":
    main()
