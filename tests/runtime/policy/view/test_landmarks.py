"""Landmarks outlive their program: what was written is read again, and anything else is refused."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from interfaces.errors import CalibrationError
from runtime.policy.view.landmarks import FORMAT, Landmarks, from_bytes, surface_points, to_bytes
from runtime.policy.view.pinhole import Pinhole


def changed(landmarks: Landmarks, changes: Mapping[str, Any]) -> bytes:
    """Return the file of landmarks with other arrays in it."""
    with np.load(io.BytesIO(to_bytes(landmarks))) as file:
        arrays = {**dict(file), **changes}
    out = io.BytesIO()
    np.savez(out, **{key: value for key, value in arrays.items() if value is not None})
    return out.getvalue()


def test_they_are_read_as_written(textured: Any) -> None:
    landmarks = textured.landmarks()
    again = from_bytes(to_bytes(landmarks), "landmarks.npz")
    for key in ("point_px", "point_m", "descriptors", "edge_px", "edge_normals", "edge_m"):
        assert np.array_equal(getattr(again, key), getattr(landmarks, key))
    assert np.array_equal(again.plane.normal, landmarks.plane.normal)
    assert again.plane.distance_m == landmarks.plane.distance_m
    assert again.by_depth is True


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": np.array(FORMAT + 1)}, f"its format is {FORMAT + 1}"),
        ({"point_m": np.zeros((3, 2))}, "point_m is"),
        ({"edge_px": None}, "edge_px"),
        ({"descriptors": np.array([{"any": "thing"}], dtype=object)}, "not landmarks"),
    ],
)
def test_another_file_is_refused(plain: Any, changes: Mapping[str, Any], why: str) -> None:
    with pytest.raises(CalibrationError, match=why):
        from_bytes(changed(plain.landmarks(), changes), "landmarks.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive at all"])
def test_bytes_that_are_no_archive_are_refused(content: bytes) -> None:
    with pytest.raises(CalibrationError, match=r"landmarks\.npz: not landmarks"):
        from_bytes(content, "landmarks.npz")


def test_places_in_space_are_those_of_the_depth_and_the_table(textured: Any, pinhole: Pinhole) -> None:
    picture, plane = textured.see(), textured.plane()
    pixels = np.array([[100.0, 150.0], [300.0, 200.0], [210.0, 60.0]])
    on_plane = plane.points_on(pinhole.rays(pixels))
    assert np.allclose(surface_points(pixels, picture.depth_mm, plane, pinhole), on_plane)
    assert np.allclose(surface_points(pixels, None, plane, pinhole), on_plane)
    depth_mm = picture.depth_mm.copy()
    depth_mm[120:180, 70:130] = 300  # a box stands there: nearer than the table, and its outline is no landmark
    at_box = surface_points(np.array([[100.0, 150.0], [130.0, 150.0]]), depth_mm, plane, pinhole)
    assert at_box[0, 2] == pytest.approx(0.300, abs=1e-6)
    assert np.isnan(at_box[1]).all()
