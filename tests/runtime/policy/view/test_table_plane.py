"""The table is found in depth pictures, also with things on it and noise; where there is none, none is found."""

from typing import Any

import numpy as np
import pytest

from runtime.policy.view.pinhole import Pinhole
from runtime.policy.view.table_plane import plane_from_depth


def test_the_plane_is_found_among_boxes_and_noise(textured: Any, pinhole: Pinhole) -> None:
    true = textured.plane()
    rng = np.random.default_rng(4)
    depth = textured.see().depth_mm + 2.0 * rng.standard_normal((240, 424))
    depth[60:150, 100:240] = 320  # an arm
    depth[rng.random(depth.shape) < 0.2] = 0  # unknown
    found = plane_from_depth(np.rint(depth).clip(0).astype(np.uint16), pinhole)
    assert found is not None
    assert np.degrees(np.arccos(found.normal @ true.normal)) < 0.15
    assert found.distance_m == pytest.approx(true.distance_m, abs=0.001)
    assert found.height_m(found.points_on(pinhole.rays(np.array([[200.0, 200.0]]))))[0] == pytest.approx(0.0, abs=1e-9)


def test_without_a_plane_none_is_found(pinhole: Pinhole) -> None:
    rng = np.random.default_rng(5)
    assert plane_from_depth(rng.integers(300, 3000, (240, 424)).astype(np.uint16), pinhole) is None
    assert plane_from_depth(np.zeros((240, 424), np.uint16), pinhole) is None
