"""What a calibration of the joints is judged by. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.joints.seam import MARGIN_RAD
from calibration.joints.zero import JointMeasured
from interfaces.calibration.record import Check

WIDTH_MAX_DEG = (
    3.0  # between the stops measured and the drawing's: more is a stop that was not reached, or another part
)
BEYOND_MAX_DEG = (
    1.5  # the robot file's limits beyond the stops: an arm that pushes against them is stopped for overload
)
REPEAT_MAX_DEG = 1.0
STEADY_MAX_DEG = 2.0  # how far a joint wandered while the pose was held
POSE_MAX_DEG = (
    6.0  # between the middle of the stops and the drawing's, the zero being from a pose: more is another pose
)
MOTION_MAX_DEG = 1.5  # of the small motion


REMEDIES = {  # by how a check's name begins
    "joints that count the other way": "turn the sign of `direction` of these joints in the robot file, and begin again",
    "width between": (
        "sweep again, to both stops; where they are elsewhere in your arm, say so in the robot file (`stops_rad`), or take"
        " the zeros from a pose (--reference pose); a joint without stops: --no-stops JOINT"
    ),
    "limits beyond": "narrow `position_min_rad` and `position_max_rad` in the robot file, or look what stops the joint too early",
    "stops repeat": "push less hard against the stops; look for a loose screw or horn",
    "pose held": "put the arm into a jig, or rest it against something, and begin again",
    "pose against": "it was held in another pose than the one asked for, or a stop was not reached; begin again",
    "room to": "narrow the joint's limits, or turn its horn",
    "commanded motion": (
        "look for a joint that rubs, that hits something, or whose horn slips; for backlash (forerun calibrate servo); and for"
        " two motors with each other's id"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found, in the order of the robot file."""

    measured: Sequence[JointMeasured]
    directions: Sequence[int]
    margins_rad: Sequence[float | None]  # between the travel and the seam; None where there is no seam
    wandered_rad: Sequence[float]  # while the pose was held; NaN for joints that no pose was needed of
    by_pose: bool  # the zeros are from the pose, those of joints with stops too


def checks_of(evidence: Evidence) -> list[Check]:
    """Return the checks, each naming the joint that is worst."""
    names = [measured.joint.name for measured in evidence.measured]
    turned = [
        float(found != each.joint.direction) for found, each in zip(evidence.directions, evidence.measured, strict=True)
    ]
    wrong = ", ".join(name for name, one in zip(names, turned, strict=True) if one)
    known = [_knows_stops(measured, by_pose=evidence.by_pose) for measured in evidence.measured]
    widths = [abs(m.width_error_rad) if one else math.nan for m, one in zip(evidence.measured, known, strict=True)]
    checks = [
        Check(name=_named("joints that count the other way", wrong), value=sum(turned), limit=0.0, unit=""),
        *_worst(names, "width between the stops, off", widths, WIDTH_MAX_DEG),
        *_worst(names, "limits beyond the stops", [m.beyond_stops_rad for m in evidence.measured], BEYOND_MAX_DEG),
        *_worst(names, "stops repeat within", [m.repeatability_rad for m in evidence.measured], REPEAT_MAX_DEG),
        *_worst(names, "pose held still within", evidence.wandered_rad, STEADY_MAX_DEG),
    ]
    if evidence.by_pose:
        apart = [abs(m.middles_apart_rad) if one else math.nan for m, one in zip(evidence.measured, known, strict=True)]
        checks += _worst(names, "pose against the stops", apart, POSE_MAX_DEG)
    short = [math.nan if margin is None else MARGIN_RAD - margin for margin in evidence.margins_rad]
    return [*checks, *_worst(names, "room to the encoder's seam, short by", short, 0.0)]


def _knows_stops(measured: JointMeasured, *, by_pose: bool) -> bool:
    """Return whether the drawing's stops are to be believed: a pose is asked for where they are not those of the limits."""
    return measured.stops_rad is not None and (measured.joint.stops_rad is not None or not by_pose)


def remedy(check: Check) -> str:
    """Return what to do about a check that failed."""
    return next(text for begin, text in REMEDIES.items() if check.name.startswith(begin))


def motion_check(names: Sequence[str], errors_rad: Sequence[float]) -> Check:
    """Return the check of the small motion."""
    return _worst(names, "commanded motion, off", errors_rad, MOTION_MAX_DEG)[0]


def _worst(names: Sequence[str], what: str, values_rad: Sequence[float], limit_deg: float) -> list[Check]:
    """Return one check of the joint that is worst, or none where no joint has a value."""
    values_deg = np.degrees(np.array(values_rad, np.float64))
    if np.isnan(values_deg).all():
        return []
    worst = int(np.nanargmax(values_deg))
    value = max(0.0, float(values_deg[worst]))
    return [Check(name=_named(what, names[worst] if value else ""), value=value, limit=limit_deg, unit="deg")]


def _named(what: str, names: str) -> str:
    return f"{what} ({names})" if names else what
