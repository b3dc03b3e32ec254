"""Edges are found to a fraction of a pixel."""

import numpy as np
import pytest

from runtime.policy.view.edges import Edgels, edge_offsets, find_edgels, gradient_of


def step_at(column: float, slant: float = 0.1) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a picture (60, 80, 3) that is bright right of a slanted line, its border pixels shared as light shares them."""
    rows, columns = np.mgrid[0:60, 0:80]
    share = np.clip(columns - (column + slant * rows) + 0.5, 0.0, 1.0)[..., None]
    return np.rint(60 + share * np.array([80.0, 20.0, 120.0])).astype(np.uint8)


def test_an_edge_is_where_it_is() -> None:
    found = find_edgels(gradient_of(step_at(30.3)), 4)
    assert 8 <= len(found.pixels) <= 20
    off = (found.pixels[:, 0] - (30.3 + 0.1 * found.pixels[:, 1])) / np.hypot(1.0, 0.1)
    assert np.abs(off).max() < 0.2
    assert abs(off.mean()) < 0.05


@pytest.mark.parametrize("shift_px", [-5.3, 0.0, 0.4, 2.7])
def test_how_far_an_edge_went(shift_px: float) -> None:
    expected = find_edgels(gradient_of(step_at(30.0)), 4)
    offsets = edge_offsets(gradient_of(step_at(30.0 + shift_px)), expected, 8.0, nearest=True)
    signed = offsets * np.sign(expected.normals[:, 0])
    assert np.nanmean(signed) == pytest.approx(shift_px / np.hypot(1.0, 0.1), abs=0.06)


def test_where_there_is_no_edge_none_is_found() -> None:
    flat = gradient_of(np.full((60, 80, 3), 90, np.uint8))
    assert len(find_edgels(flat, 4).pixels) == 0
    expected = Edgels(pixels=np.array([[40.0, 30.0]]), normals=np.array([[1.0, 0.0]]))
    assert np.isnan(edge_offsets(flat, expected, 5.0, nearest=False)).all()
