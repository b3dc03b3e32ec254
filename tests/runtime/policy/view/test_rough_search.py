"""A view of edges only is found again though it went far."""

from collections.abc import Callable
from typing import Any

import numpy as np

from runtime.policy.view.edges import gradient_of
from runtime.policy.view.pinhole import Array, Pinhole, rotation_angle_deg
from runtime.policy.view.rough_search import N_BEST, rough_poses


def test_a_turn_of_several_degrees_is_among_the_best(
    plain: Any, pinhole: Pinhole, pushed: Callable[..., Array]
) -> None:
    then_from_now = pushed((0, 0, 0), (-2.5, 4.0, 3.0))
    poses = rough_poses(plain.landmarks(), gradient_of(plain.see(then_from_now).rgb), pinhole)
    assert len(poses) == N_BEST
    off_deg = [rotation_angle_deg((then_from_now @ pose)[:3, :3]) for pose in poses]
    assert np.min(off_deg) < 1.0
