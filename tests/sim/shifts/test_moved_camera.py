"""The camera is moved by no more than the file says, and no less; nothing but the camera is."""

import numpy as np
import pytest

from sim.rigid import inverse
from sim.shifts.moved_camera import MOVED_M, TURNED_DEG, MovedCamera
from sim.world import World


def test_how_far_it_is_moved() -> None:
    shift, seen = MovedCamera(), World()
    designed = seen.base_from_camera()
    for seed in range(20):
        seen.reset("reach", seed)
        colours = seen.model.geom_rgba.copy()
        shift.dress(seen, seed)
        moved = inverse(designed) @ seen.base_from_camera()
        turned_deg = np.degrees(np.arccos((np.trace(moved[:3, :3]) - 1) / 2))
        assert MOVED_M[0] <= np.linalg.norm(moved[:3, 3]) <= MOVED_M[1]
        assert TURNED_DEG[0] - 1e-4 <= turned_deg <= TURNED_DEG[1] + 1e-4
        np.testing.assert_array_equal(seen.model.geom_rgba, colours)


def test_what_was_in_the_middle_is_elsewhere_in_the_picture() -> None:
    shift, seen = MovedCamera(), World()
    middle_m = np.array([[0.16, 0.0, 0.045]])
    designed_px = seen.project_px(middle_m)[0]
    gaps_px: list[float] = []
    for seed in range(20):
        seen.reset("reach", seed)
        shift.dress(seen, seed)
        gaps_px.append(float(np.linalg.norm(seen.project_px(middle_m)[0] - designed_px)))
    assert np.median(gaps_px) == pytest.approx(8.0, abs=5.0)
    assert max(gaps_px) < 30.0
