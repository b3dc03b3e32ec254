"""The frame pacer: which frames are taken, whatever the two rates and however they drift."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.policy.frame_pacer import FramePacer

MS = 1_000_000
T0_NS = 10**12


def taken(pacer: FramePacer, t_arrivals_ns: list[int]) -> list[int]:
    """Return the arrivals of the frames taken."""
    return [t_ns for t_ns in t_arrivals_ns if pacer.take(t_ns)]


def arrivals(period_ns: float, count: int, jitter_ns: list[int] | None = None) -> list[int]:
    """Return when frames arrive."""
    return [T0_NS + round(k * period_ns) + (jitter_ns[k % len(jitter_ns)] if jitter_ns else 0) for k in range(count)]


@given(
    drift_ppm=st.floats(-2000, 2000),
    jitter_ns=st.lists(st.integers(0, 6 * MS), min_size=1, max_size=200),
)
def test_half_the_rate_is_every_second_frame_though_clocks_drift(drift_ppm: float, jitter_ns: list[int]) -> None:
    t_arrivals_ns = arrivals(1e9 / 30 * (1 + drift_ppm * 1e-6), 2000, jitter_ns)
    assert taken(FramePacer(15.0, 30.0), t_arrivals_ns) == t_arrivals_ns[::2]


@pytest.mark.parametrize(
    ("rate_hz", "fraction"), [(30.0, 1.0), (20.0, 2 / 3), (10.0, 1 / 3), (7.0, 7 / 30), (50.0, 1.0)]
)
def test_any_rate_comes_out_on_average(rate_hz: float, fraction: float) -> None:
    assert len(taken(FramePacer(rate_hz, 30.0), arrivals(1e9 / 30, 3000))) == pytest.approx(3000 * fraction, rel=0.01)


def test_after_a_pause_the_first_frame_is_taken_and_nothing_is_made_up_for() -> None:
    pacer = FramePacer(15.0, 30.0)
    taken(pacer, arrivals(1e9 / 30, 10))
    later_ns = [t_ns + 10**10 for t_ns in arrivals(1e9 / 30, 10)]
    assert taken(pacer, later_ns) == later_ns[::2]


@given(gaps_ns=st.lists(st.integers(1, 200 * MS), min_size=1, max_size=200))
def test_frames_are_never_taken_faster_than_the_rate_allows(gaps_ns: list[int]) -> None:
    t_arrivals_ns = list(itertools.accumulate(gaps_ns, initial=T0_NS))
    kept_ns = taken(FramePacer(15.0, 30.0), t_arrivals_ns)
    assert kept_ns[0] == T0_NS
    # A frame taken early shortens the schedule by an eighth of that, at most 2 ms.
    assert len(kept_ns) <= 1 + (t_arrivals_ns[-1] - T0_NS + 17 * MS) / (1e9 / 15 - 3 * MS)
