"""What follows from a motion: the robot file's limits, with the doubt on the safe side."""

import math
from dataclasses import replace

import numpy as np
import pytest

from interfaces.calibration_config import CalibrationConfig
from runtime.policy.view.moved_view import ViewMotion, nothing_known
from runtime.policy.view.verdict import Verdict, judge

CHECK = CalibrationConfig(folder="c", require=(), max_age_days=30.0, offsets="record", view="check")
CORRECT = replace(CHECK, view="correct")
COMMAND = "forerun calibrate view so101.toml --camera front"


def motion(mm: float, deg: float, sigma_mm: float = 0.3, sigma_deg: float = 0.03) -> ViewMotion:
    """Return a motion."""
    return ViewMotion(
        now_from_then=np.eye(4), translation_mm=mm, rotation_deg=deg, translation_sigma_mm=sigma_mm,
        rotation_sigma_deg=sigma_deg, n_points=100, n_edges=100,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "checked", "corrected"),
    [
        (motion(0.5, 0.05), Verdict.IN_PLACE, Verdict.IN_PLACE),
        (motion(4.3, 0.0), Verdict.IN_PLACE, Verdict.IN_PLACE),
        (motion(4.5, 0.0), Verdict.REFUSED, Verdict.CORRECTED),  # 5 mm cannot be ruled out
        (motion(0.0, 0.45), Verdict.REFUSED, Verdict.CORRECTED),
        (motion(39.0, 5.9), Verdict.REFUSED, Verdict.CORRECTED),
        (motion(41.0, 0.0), Verdict.REFUSED, Verdict.REFUSED),
        (motion(0.0, 6.1), Verdict.REFUSED, Verdict.REFUSED),
        (motion(1.0, 0.1, sigma_mm=2.6), Verdict.REFUSED, Verdict.REFUSED),  # too vague
        (motion(30.0, 0.1, sigma_mm=2.6), Verdict.REFUSED, Verdict.REFUSED),  # moved, but by how much?
        (motion(math.nan, math.nan), Verdict.REFUSED, Verdict.REFUSED),
        (nothing_known("dark"), Verdict.REFUSED, Verdict.REFUSED),
    ],
)
def test_limits(seen: ViewMotion, checked: Verdict, corrected: Verdict) -> None:
    assert judge(seen, CHECK, COMMAND)[0] is checked
    assert judge(seen, CORRECT, COMMAND)[0] is corrected


def test_a_refusal_says_how_far_what_limit_and_what_to_do() -> None:
    _, why = judge(motion(12.3, 0.87), CHECK, COMMAND)
    assert why is not None
    for part in ("12.3 mm", "0.87°", "5 mm or 0.5°", COMMAND, "put it back"):
        assert part in why
    _, why = judge(motion(55.0, 1.0), CORRECT, COMMAND)
    assert "40 mm or 6°" in str(why)
    _, why = judge(nothing_known("something covers the camera"), CHECK, COMMAND)
    assert "cannot tell" in str(why)
    assert "covers" in str(why)
    assert COMMAND in str(why)
