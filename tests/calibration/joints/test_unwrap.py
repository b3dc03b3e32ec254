"""Counts across the encoder's seam."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.joints.unwrap import Unwrapper
from interfaces.errors import DeviceError

TURN = 4096


@given(
    start=st.integers(-10_000, 10_000),
    steps=st.lists(st.integers(-TURN // 4, TURN // 4), min_size=1, max_size=60),
)
def test_any_way_by_hand_is_followed_over_any_number_of_turns(start: int, steps: list[int]) -> None:
    way = start + np.concatenate(([0], np.cumsum(steps)))
    follow = Unwrapper(["joint"], TURN)
    followed = np.array([follow.add(np.array([count % TURN]))[0] for count in way])
    assert (followed - followed[0] == way - start).all()
    assert followed[0] == start % TURN


@given(count=st.integers(0, TURN - 1), near=st.floats(-20_000, 20_000))
def test_a_first_reading_is_taken_as_the_closest_to_what_is_known(count: int, near: float) -> None:
    first = Unwrapper(["joint"], TURN, near=np.array([near])).add(np.array([count]))[0]
    assert abs(first - near) <= TURN / 2
    assert round(first) % TURN == count


def test_a_joint_that_moved_unseen_is_not_guessed_at() -> None:
    follow = Unwrapper(["still", "thrown"], TURN)
    follow.add(np.array([100.0, 100.0]))
    with pytest.raises(DeviceError, match="thrown moved by more than"):
        follow.add(np.array([101.0, 1200.0]))


def test_motors_that_tell_turns_are_taken_at_their_word() -> None:
    follow = Unwrapper(["joint"], None)
    follow.add(np.array([-100.0]))
    assert follow.add(np.array([200.0]))[0] == 200.0
