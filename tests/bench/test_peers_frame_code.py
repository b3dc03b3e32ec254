"""A frame's number through the pixels, and from a pose back to the frame."""

import numpy as np
import pytest

from bench.peers.frame_code import STAIR_FRAMES, GoalCode, number_in, picture_of

CODE = GoalCode(20.0, 30.0)


@pytest.mark.parametrize("number", [0, 1, 2, 1000, 2730, 4095])
def test_number_in_finds_the_number_again_also_in_pixels_between_0_and_1(number: int) -> None:
    picture = picture_of(number)
    assert number_in(picture, white=255.0) == number
    assert number_in(picture.astype(np.float32) / 255.0, white=1.0) == number


def test_numbers_finds_a_frame_again_within_a_fifth_of_a_tick_although_goals_are_whole_ticks() -> None:
    frames = np.arange(0, 600, 7)
    goals = np.rint(np.stack([CODE.ticks(int(frame)) for frame in frames]))
    assert np.abs(CODE.numbers(goals) - frames).max() * CODE.rise_ticks <= 0.2


def test_numbers_of_a_blend_of_two_frames_is_their_weighted_mean() -> None:
    blend = 0.25 * CODE.ticks(10) + 0.75 * CODE.ticks(18)
    assert CODE.numbers(blend[None])[0] == pytest.approx(16.0)


def test_the_slope_stays_within_the_travel_of_a_servo_for_as_long_as_it_lasts_and_stands_still_then() -> None:
    assert CODE.ticks(600)[:-1].max() < 4095
    assert (CODE.ticks(600) == CODE.ticks(900))[:-1].all()


def test_stairs_counts_a_goal_as_the_next_stair_as_soon_as_it_has_left_the_one_before() -> None:
    goals = np.stack([CODE.ticks(STAIR_FRAMES * 3)] * 4)
    goals[:, -1] += [0, 1, 2, 50]
    assert CODE.stairs(goals).tolist() == [3, 3, 4, 4]
