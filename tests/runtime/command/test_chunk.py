"""Chunks in time: rows by the clock, seams without a step, stale ones refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.messages import ActionChunk, JointRows, JointVector
from runtime.command.chunk import Anchor, ChunkFollower, position_at

MS = 1_000_000
T0 = 5_000 * MS
STEP = 50 * MS


def chunk(rows: JointRows, *, sequence: int = 1, t_state_ns: int = T0, first_ns: int = STEP) -> ActionChunk:
    return ActionChunk(
        sequence=sequence,
        t_capture_ns=t_state_ns - 30 * MS,
        t_state_ns=t_state_ns,
        t_first_ns=t_state_ns + first_ns,
        step_ns=STEP,
        foresight_age_ns=30 * MS,
        position_rad=rows,
    )


def ramp(start_rad: float, rad_s: float, n_rows: int = 16) -> JointRows:
    return np.repeat(start_rad + rad_s * 0.05 * np.arange(n_rows, dtype=np.float64)[:, None], 2, axis=1)


def anchor(t_ns: int, position_rad: float, velocity_rad_s: float = 0.0) -> Anchor:
    return Anchor(t_ns=t_ns, position_rad=np.full(2, position_rad), velocity_rad_s=np.full(2, velocity_rad_s))


def follower(*, latency_ns: int = 0, age_max_ns: int = 500 * MS, blend_ns: int = 60 * MS) -> ChunkFollower:
    return ChunkFollower(latency_ns=latency_ns, age_max_ns=age_max_ns, blend_ns=blend_ns)


def wanted(follows: ChunkFollower, t_ns: int) -> JointVector:
    position_rad = follows.wanted(t_ns)
    assert position_rad is not None
    return position_rad


def test_a_row_is_taken_at_its_instant_and_a_smooth_way_leads_from_row_to_row() -> None:
    rows = np.array([[0.0, 1.0], [0.5, 0.0], [0.7, 0.0], [0.4, 0.3]])
    made = chunk(rows)
    for k, row in enumerate(rows):
        assert position_at(made, made.t_first_ns + k * STEP) == pytest.approx(row)
    half_way = position_at(made, made.t_first_ns + STEP + STEP // 2)
    assert half_way is not None
    assert 0.6 < half_way[0] < 0.7  # it turns round at the next row
    assert -0.15 < half_way[1] < 0.0  # and here between these two


def test_rows_of_a_parabola_are_read_as_the_parabola() -> None:
    t_s = np.linspace(0.0, 0.35, 8)[:, None]
    made = chunk(np.hstack([0.3 + 0.5 * t_s - 2.0 * t_s**2, 1.0 * t_s]))
    follows = follower(blend_ns=0)
    follows.adopt(made, anchor(made.t_first_ns, 0.0))
    for t_ms in range(0, 350, 7):
        motion = follows.motion(made.t_first_ns + t_ms * MS)
        assert motion is not None
        t = t_ms * 1e-3
        np.testing.assert_allclose(motion.position_rad, [0.3 + 0.5 * t - 2.0 * t * t, t], atol=1e-12)
        np.testing.assert_allclose(motion.velocity_rad_s, [0.5 - 4.0 * t, 1.0], atol=1e-9)
        np.testing.assert_allclose(motion.acceleration_rad_s2, [-4.0, 0.0], atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.floats(-1.5, 1.5), min_size=2, max_size=16))
def test_the_way_through_any_rows_is_smooth_and_stays_near_them(rows: list[float]) -> None:
    made = chunk(np.repeat(np.array(rows)[:, None], 2, axis=1))
    follows = follower(blend_ns=0, age_max_ns=900 * MS)
    follows.adopt(made, anchor(made.t_first_ns, 0.0))
    jump = float(np.abs(np.diff(rows)).max())
    for k in range(len(rows) - 1):
        before, after = (follows.motion(made.t_first_ns + k * STEP + aside) for aside in (-1, 1))
        within = follows.motion(made.t_first_ns + k * STEP + STEP // 3)
        assert before is not None
        assert after is not None
        assert within is not None
        between = min(rows[k], rows[k + 1]) - 0.25 * jump, max(rows[k], rows[k + 1]) + 0.25 * jump
        assert between[0] - 1e-9 <= within.position_rad[0] <= between[1] + 1e-9
        if k > 0:
            np.testing.assert_allclose(before.position_rad, after.position_rad, atol=1e-6)
            np.testing.assert_allclose(before.velocity_rad_s, after.velocity_rad_s, atol=1e-4)
            np.testing.assert_allclose(before.acceleration_rad_s2, after.acceleration_rad_s2, atol=1e-2)


def test_where_rows_jump_the_way_overshoots_by_a_twelfth_at_most() -> None:
    made = chunk(np.repeat(np.array([[0.0]] * 4 + [[1.0]] * 4), 2, axis=1))
    path = np.array([position_at(made, made.t_first_ns + t_ms * MS) for t_ms in range(350)])
    assert 1.0 < path.max() <= 1.0 + 1 / 12
    assert -1 / 12 <= path.min() < 0.0


def test_a_row_changes_nothing_three_rows_away() -> None:
    rows = ramp(0.0, 1.0)
    other = rows.copy()
    other[10] += 0.5
    for t_ms in range(0, 400, 9):
        t_ns = T0 + STEP + t_ms * MS
        np.testing.assert_array_equal(position_at(chunk(rows), t_ns), position_at(chunk(other), t_ns))


def test_before_the_first_and_after_the_last_row_a_chunk_says_nothing() -> None:
    made = chunk(ramp(0.0, 1.0))
    assert position_at(made, made.t_first_ns - 1) is None
    assert position_at(made, made.t_last_ns + 1) is None
    assert position_at(made, made.t_last_ns) is not None


def test_a_long_way_to_row_0_leads_smoothly_from_how_the_arm_moves_to_how_the_rows_do() -> None:
    follows = follower()
    made = chunk(ramp(1.0, 0.5), first_ns=200 * MS)
    follows.adopt(made, anchor(T0, 0.2, velocity_rad_s=1.5))
    path = np.array([wanted(follows, T0 + t_ms * MS) for t_ms in range(201)])
    np.testing.assert_allclose(path[0], 0.2)
    np.testing.assert_allclose(path[1] - path[0], 1.5e-3, atol=1e-5)
    np.testing.assert_allclose(path[-1], 1.0)
    np.testing.assert_allclose(path[-1] - path[-2], 0.5e-3, atol=1e-5)
    assert (np.diff(path, axis=0) > 0).all()


def test_a_seam_keeps_the_acceleration_too() -> None:
    follows = follower()
    sent = Anchor(
        t_ns=T0, position_rad=np.full(2, 0.3), velocity_rad_s=np.full(2, 2.0), acceleration_rad_s2=np.full(2, -7.0)
    )
    follows.adopt(chunk(ramp(0.0, 0.0), first_ns=0), sent)
    motion = follows.motion(T0)
    assert motion is not None
    np.testing.assert_allclose(motion.velocity_rad_s, 2.0)
    np.testing.assert_allclose(motion.acceleration_rad_s2, -7.0)


def test_looking_ahead_past_the_last_row_the_arm_stands_there() -> None:
    follows = follower(blend_ns=0)
    made = chunk(ramp(0.0, 1.0, n_rows=3), first_ns=0)
    follows.adopt(made, anchor(T0, 0.0))
    ahead = follows.motion(T0 + 90 * MS, 20 * MS)
    assert ahead is not None
    np.testing.assert_allclose(ahead.position_rad, 0.1)
    assert not ahead.velocity_rad_s.any()
    assert follows.motion(T0 + 110 * MS) is None


def test_the_seam_keeps_position_and_speed_and_then_fades() -> None:
    follows = follower()
    follows.adopt(chunk(ramp(0.0, 0.0), first_ns=0), anchor(T0, 0.3, velocity_rad_s=2.0))
    h = MS // 10
    start, just_after = wanted(follows, T0), wanted(follows, T0 + h)
    np.testing.assert_allclose(start, 0.3)
    np.testing.assert_allclose((just_after - start) / (h * 1e-9), 2.0, atol=0.1)
    np.testing.assert_allclose(wanted(follows, T0 + 60 * MS), 0.0)
    before_end = (wanted(follows, T0 + 60 * MS) - wanted(follows, T0 + 60 * MS - h)) / (h * 1e-9)
    np.testing.assert_allclose(before_end, 0.0, atol=0.1)


def test_on_a_short_way_to_row_0_the_gap_fades_just_as_elsewhere() -> None:
    follows = follower()
    follows.adopt(chunk(ramp(0.05, 1.0), first_ns=50 * MS), anchor(T0, 0.3, velocity_rad_s=1.0))
    for t_ms, gap_rad in ((0, 0.3), (30, 0.15), (60, 0.0)):
        np.testing.assert_allclose(wanted(follows, T0 + t_ms * MS), t_ms * 1e-3 + gap_rad, atol=1e-9)


def test_chunks_that_agree_are_followed_as_if_they_were_one() -> None:
    follows = follower(latency_ns=10 * MS)
    follows.adopt(chunk(ramp(0.05, 1.0)), anchor(T0 + 10 * MS, 0.01, velocity_rad_s=1.0))
    for k in range(60):
        t_ns = T0 + k * 10 * MS
        if k % 3 == 2:  # a new one, from a newer joint state, arrives 20 ms after it
            t_state_ns = t_ns - 20 * MS
            begins_at = (t_state_ns - T0) * 1e-9
            sent = anchor(t_ns, (t_ns - T0) * 1e-9, velocity_rad_s=1.0)
            follows.adopt(chunk(ramp(begins_at + 0.05, 1.0), sequence=k, t_state_ns=t_state_ns), sent)
        np.testing.assert_allclose(wanted(follows, t_ns), (t_ns - T0) * 1e-9 + 0.01, atol=1e-12)


def test_a_late_chunk_skips_what_has_passed() -> None:
    follows = follower(blend_ns=0)
    made = chunk(ramp(0.0, 1.0))
    follows.adopt(made, anchor(T0 + 300 * MS, 0.2))
    np.testing.assert_allclose(wanted(follows, T0 + 300 * MS), 0.25)


def test_rows_are_taken_ahead_by_the_latency_of_actuation() -> None:
    follows = follower(latency_ns=40 * MS, blend_ns=0)
    follows.adopt(chunk(ramp(0.0, 1.0), first_ns=0), anchor(T0, 0.0))
    np.testing.assert_allclose(wanted(follows, T0 + 100 * MS), 0.14)


def test_the_newest_wins_and_older_ones_are_ignored() -> None:
    follows = follower(blend_ns=0)
    newer = chunk(ramp(1.0, 0.0), sequence=8, t_state_ns=T0 + 10 * MS)
    follows.adopt(newer, anchor(T0, 0.0))
    follows.adopt(chunk(ramp(2.0, 0.0), sequence=9), anchor(T0, 0.0))
    follows.adopt(chunk(ramp(2.0, 0.0), sequence=7, t_state_ns=T0 + 10 * MS), anchor(T0, 0.0))
    assert follows.chunk is newer
    restarted = chunk(ramp(3.0, 0.0), sequence=1, t_state_ns=T0 + 20 * MS)  # a new policy counts from 1 again
    follows.adopt(restarted, anchor(T0, 0.0))
    assert follows.chunk is restarted


@pytest.mark.parametrize(
    ("after_ms", "why"), [(251, "251 ms old, limit 250 ms"), (250, None), (96, "past its last row"), (95, None)]
)
def test_a_chunk_goes_stale_by_age_and_by_its_end(after_ms: int, why: str | None) -> None:
    follows = follower(latency_ns=5 * MS, age_max_ns=250 * MS)
    follows.adopt(chunk(ramp(0.0, 0.0, n_rows=2 if after_ms < 200 else 16)), anchor(T0, 0.0))
    said = follows.why_stale(T0 + after_ms * MS)
    assert (said is None) == (why is None)
    assert why is None or (said is not None and why in said)
    assert (follows.wanted(T0 + after_ms * MS) is None) == (why is not None)


@settings(max_examples=100, deadline=None)
@given(
    first_ms=st.integers(-200, 300),
    gap_rad=st.floats(-1.0, 1.0),
    speed_rad_s=st.floats(-3.0, 3.0),
    blend_ms=st.integers(1, 150),
)
def test_no_seam_is_a_step(first_ms: int, gap_rad: float, speed_rad_s: float, blend_ms: int) -> None:
    follows = follower(blend_ns=blend_ms * MS)
    follows.adopt(chunk(ramp(0.0, 1.0), first_ns=first_ms * MS), anchor(T0, gap_rad, speed_rad_s))
    path = np.array([wanted(follows, T0 + k * MS // 50) for k in range(blend_ms * 50)])
    np.testing.assert_allclose(path[0], gap_rad, atol=1e-9)
    # A gap fades at 1.5 times its mean rate at most, and the speed of before adds to that.
    fastest_rad_s = 1.5 * (abs(gap_rad) + 0.4) / (blend_ms * 1e-3) + abs(speed_rad_s) + 2.0
    assert np.abs(np.diff(path, axis=0)).max(initial=0.0) <= 1.05 * fastest_rad_s * 20e-6
