"""The frozen camera: the same bits for too long, and nothing less."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.policy.frozen_camera import FrozenCamera

MS = 1_000_000


def picture(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Make a picture that differs from others in one corner, by a sensor's noise."""
    rgb = np.full((240, 424, 3), 100, np.uint8)
    rgb[0, -1, 2] = value
    return rgb


def test_the_same_picture_is_allowed_for_so_long_and_no_longer() -> None:
    camera = FrozenCamera(1000.0)
    assert not camera.frozen(picture(1), 5000 * MS)
    assert not camera.frozen(picture(1), 6000 * MS)
    assert camera.frozen(picture(1), 6001 * MS)
    assert camera.frozen(picture(1), 60_000 * MS)
    assert not camera.frozen(picture(2), 60_033 * MS)
    assert not camera.frozen(picture(2), 61_033 * MS)


def test_a_buffer_that_is_reused_does_not_freeze_the_camera() -> None:
    camera, rgb = FrozenCamera(100.0), picture(1)
    for t_ms in range(0, 1000, 33):
        rgb[:] = t_ms % 7
        assert not camera.frozen(rgb, t_ms * MS)


def test_zero_does_not_look() -> None:
    camera = FrozenCamera(0.0)
    assert not any(camera.frozen(picture(1), t_ms * MS) for t_ms in range(0, 100_000, 100))


@pytest.mark.parametrize("frozen_ms", [200.0, 1000.0])
@given(pictures=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 400)), min_size=1, max_size=30))
def test_frozen_is_what_was_the_same_since_longer(frozen_ms: float, pictures: list[tuple[int, int]]) -> None:
    camera, t_now_ms, t_changed_ms, before = FrozenCamera(frozen_ms), 0, 0, -1
    for value, gap_ms in pictures:
        t_now_ms += gap_ms
        if value != before:
            t_changed_ms, before = t_now_ms, value
        assert camera.frozen(picture(value), t_now_ms * MS) == (t_now_ms - t_changed_ms > frozen_ms)
