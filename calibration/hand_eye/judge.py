"""Whether a hand-eye calibration is good enough: limits for exact joints, and for those of servos, which cannot do better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.table import Table

from calibration.hand_eye.estimate import Estimate
from calibration.hand_eye.held_out import HeldOut
from interfaces.calibration.record import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The worst that is good enough."""

    foretold_mm: float  # held-out poses, root mean square
    foretold_deg: float
    place_sigma_mm: float
    turn_sigma_deg: float


EXACT = Limits(foretold_mm=0.5, foretold_deg=0.15, place_sigma_mm=0.15, turn_sigma_deg=0.03)
# What servos scatter anew in each pose is in what is foretold, not in the camera's place, which is an average over poses.
SERVO = Limits(foretold_mm=3.0, foretold_deg=0.8, place_sigma_mm=1.0, turn_sigma_deg=0.2)
PICTURE_PX = 0.5  # a picture by itself: above, it is blurred, the board is bent, or the lens is wrong
UNEXPLAINED_RATIO = 2.0  # residuals against what pixels and joints explain
REJECTED_SHARE = 0.25
N_POSES_LEAST = 10
OFFSET_SIGMAS = 5.0  # a joint farther off than this many times what was expected was calibrated wrongly


def checks(result: Estimate, held_out: HeldOut, offset_sigma_rad: float) -> list[Check]:
    """Return what the calibration is judged by."""
    limits = SERVO if offset_sigma_rad > 0 else EXACT
    _, foretold_mm, foretold_deg = held_out.summary
    refined = result.refined
    share = len(result.rejected) / (len(result.kept) + len(result.rejected))
    found = [
        Check(name="held-out poses, place of the board, rms", value=foretold_mm, limit=limits.foretold_mm, unit="mm"),
        Check(name="held-out poses, turn of the board, rms", value=foretold_deg, limit=limits.foretold_deg, unit="deg"),
        Check(
            name="place of the camera, 1 sigma",
            value=refined.position_sigma_m * 1e3,
            limit=limits.place_sigma_mm,
            unit="mm",
        ),
        Check(
            name="turn of the camera, 1 sigma",
            value=float(np.degrees(refined.turn_sigma_rad)),
            limit=limits.turn_sigma_deg,
            unit="deg",
        ),
        Check(name="corners of one picture, noise", value=result.pixel_px, limit=PICTURE_PX, unit="px"),
        Check(
            name="residuals over what is expected",
            value=float(np.sqrt(refined.chi2_ratio)),
            limit=UNEXPLAINED_RATIO,
            unit="",
        ),
        Check(name="poses that do not belong", value=share, limit=REJECTED_SHARE, unit=""),
        Check(name="poses short of ten", value=float(max(0, N_POSES_LEAST - len(result.kept))), limit=0.0, unit=""),
    ]
    if refined.free:
        largest = float(np.degrees(np.abs(refined.guess.offset_rad).max()))
        limit = OFFSET_SIGMAS * float(np.degrees(offset_sigma_rad))
        found.append(Check(name="largest joint offset", value=largest, limit=limit, unit="deg"))
    return found


def checks_table(found: list[Check]) -> Table:
    """Return the checks as a table."""
    table = Table(title="Checks", title_justify="left")
    for column in ("", "value", "limit", ""):
        table.add_column(column, justify="right" if column else "left")
    for check in found:
        verdict = "[green]ok[/]" if check.passed else "[red]too much[/]"
        table.add_row(check.name, f"{check.value:.3g} {check.unit}", f"{check.limit:.3g}", verdict)
    return table


def offsets_table(result: Estimate, joint_names: tuple[str, ...], link_joints: tuple[int, ...]) -> Table:
    """Return the joint offsets as a table, those that cannot be told being named."""
    table = Table(title="Joint offsets", title_justify="left")
    for column in ("joint", "offset", "1 sigma"):
        table.add_column(column, justify="left" if column == "joint" else "right")
    degrees = np.degrees(result.refined.guess.offset_rad)
    sigmas = np.degrees(result.refined.offset_sigma_rad)
    for index, offset_deg, sigma_deg in zip(link_joints, degrees, sigmas, strict=True):
        told = (f"{offset_deg:+.3f} deg", f"{sigma_deg:.3f} deg") if np.isfinite(sigma_deg) else ("held at 0", "")
        table.add_row(joint_names[index], *told)
    return table


def gauge(result: Estimate) -> str:
    """Return which offsets cannot be told, and what that means."""
    if not result.refined.free:
        return "joints were taken as exact (--joint-sigma-deg 0)"
    return (
        "The first joint cannot be told from a turn of the base, nor the last from a turn of the hand: where"
        " the camera is, is said in the base, or hand, that those joints themselves show."
    )
