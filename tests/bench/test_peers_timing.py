"""Tapes made by hand, and what bench.peers.timing says of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.peers import timing
from bench.peers.frame_code import STAIR_FRAMES, GoalCode

MS = 1_000_000
CAMERA_HZ = 30.0
CODE = GoalCode(20.0, CAMERA_HZ)
T_CAMERA_NS = 5_000 * MS


def steady(count: int, period_ms: float = 10.0) -> NDArray[np.int64]:
    """Instants at a steady beat, the first at 6 s."""
    return 6_000 * MS + np.rint(np.arange(count) * period_ms * MS).astype(np.int64)


def goals_of(t_ns: NDArray[np.int64], age_ms: float) -> NDArray[np.int64]:
    """Goals of commands behind which the frame is that was the newest so long ago."""
    frames = np.floor((t_ns - T_CAMERA_NS - age_ms * MS) * 1e-9 * CAMERA_HZ).astype(int)
    return np.rint(np.stack([CODE.ticks(int(frame)) for frame in frames])).astype(np.int64)


def test_beat_of_a_steady_loop_is_its_rate_and_no_error() -> None:
    beat = timing.beat(steady(1001), 100.0)
    assert beat.rate_hz == pytest.approx(100.0)
    assert beat.max_ms == pytest.approx(0.0, abs=1e-9)


def test_beat_counts_one_late_command_twice_and_drift_in_every_period() -> None:
    t_ns = steady(1001)
    t_ns[500] += 4 * MS
    late = timing.beat(t_ns, 100.0)
    assert (late.p50_ms, late.p99_ms) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert late.max_ms == pytest.approx(4.0)
    drifting = timing.beat(steady(1001, period_ms=10.25), 100.0)
    assert drifting.p50_ms == pytest.approx(0.25)
    assert drifting.rate_hz == pytest.approx(1000.0 / 10.25)


def test_age_of_the_newest_frame_lies_between_its_delay_and_one_frame_more() -> None:
    t_ns = steady(1000, period_ms=9.7)  # no divisor of the frame's period: every phase occurs
    age = timing.age(t_ns, goals_of(t_ns, age_ms=40.0), CODE, T_CAMERA_NS, CAMERA_HZ)
    assert age.p50_ms == pytest.approx(40.0 + 500.0 / CAMERA_HZ, abs=2.0)
    assert age.p99_ms == pytest.approx(40.0 + 1000.0 / CAMERA_HZ, abs=2.5)


def test_reaction_is_the_delay_up_to_the_next_command() -> None:
    t_ns = steady(1000)
    reaction = timing.reaction(t_ns, goals_of(t_ns, age_ms=40.0), CODE, T_CAMERA_NS, CAMERA_HZ)
    assert reaction.events == pytest.approx(10.0 * CAMERA_HZ / STAIR_FRAMES, abs=1)
    assert 40.0 <= reaction.p50_ms <= 50.0
    assert 40.0 <= reaction.max_ms <= 50.0 + 1e-3


def test_reaction_counts_a_stair_that_was_skipped_from_its_own_frame() -> None:
    t_ns = np.array([5_810, 7_000, 7_010]) * MS
    goals = np.stack([np.rint(CODE.ticks(number)) for number in (24, 24, 48)]).astype(np.int64)
    reaction = timing.reaction(t_ns, goals, CODE, T_CAMERA_NS, CAMERA_HZ)
    assert reaction.events == 2
    assert reaction.max_ms == pytest.approx(2010.0 - 36e3 / CAMERA_HZ)


def test_reaction_is_not_early_where_a_goal_overshoots_its_stair() -> None:
    t_ns = steady(1000)
    goals = goals_of(t_ns, age_ms=40.0)
    climbed = np.flatnonzero(np.diff(goals[:, -1])) + 1
    goals[climbed + 5, -1] += 4
    assert 40.0 <= timing.reaction(t_ns, goals, CODE, T_CAMERA_NS, CAMERA_HZ).p50_ms <= 50.0


def test_reaction_of_goals_that_stay_on_one_stair_is_refused() -> None:
    t_ns = steady(10)
    with pytest.raises(ValueError, match="no reaction"):
        timing.reaction(t_ns, np.full((10, 6), 2048), CODE, T_CAMERA_NS, CAMERA_HZ)


def test_first_command_is_the_first_that_leaves_the_found_pose() -> None:
    t_ns = steady(4)
    goals = np.full((4, 6), 2048)
    goals[1, 2] += 2
    goals[2:, 0] += 7
    assert timing.first_command_ns(t_ns, goals, 2048) == t_ns[2]
    with pytest.raises(ValueError, match="no command"):
        timing.first_command_ns(t_ns[:2], goals[:2], 2048)


def test_aftermath_of_a_runtime_that_goes_on_and_holds() -> None:
    t_ns = steady(300)
    goals = np.full((300, 6), 2048)
    goals[:103] += np.arange(103)[:, None]  # moves on for two commands after the kill
    goals[103:] = goals[102]
    after = timing.aftermath(t_ns, goals, int(t_ns[100]) + MS, int(t_ns[-1]) + 3 * MS, 100.0)
    assert after.held
    assert after.silence_ms == pytest.approx(10.0)
    assert after.at_rest_ms == pytest.approx(19.0)


def test_aftermath_of_a_runtime_that_plays_what_it_has_and_falls_silent() -> None:
    t_ns = steady(113)
    goals = np.full((113, 6), 2048) + np.arange(113)[:, None]
    t_kill_ns = int(t_ns[100]) + MS
    after = timing.aftermath(t_ns, goals, t_kill_ns, t_kill_ns + 2_000 * MS, 100.0)
    assert not after.held
    assert after.commands_ended_ms == pytest.approx(119.0)
    assert after.silence_ms == pytest.approx(1881.0)


def test_aftermath_of_a_runtime_that_dies_with_its_model() -> None:
    t_ns = steady(100)
    t_kill_ns = int(t_ns[-1]) + MS
    after = timing.aftermath(t_ns, np.full((100, 6), 2048), t_kill_ns, t_kill_ns + 500 * MS, 100.0)
    assert after.commands_ended_ms == 0.0
    assert after.silence_ms == pytest.approx(500.0)
    assert after.at_rest_ms == 0.0
