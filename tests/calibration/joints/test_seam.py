"""Where the seam is put: for any travel and any mounting it is off the travel, or the offset is refused."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from calibration.joints.seam import SeamRule, Span, best_offset, margin_ticks

TURN = 4096
FEETECH = SeamRule(ticks_per_turn=TURN, offset_max_ticks=2047, moves_seam=True)
DYNAMIXEL = SeamRule(ticks_per_turn=TURN, offset_max_ticks=1024, moves_seam=False)

lows = st.floats(-9000, 9000)
widths = st.floats(1, TURN - 2)


def feetech_positions(span: Span, offset: int) -> np.ndarray:
    """Return what a Feetech servo tells along the travel."""
    return (np.linspace(span.low_ticks, span.high_ticks, 500) - offset) % TURN


def dynamixel_positions(span: Span, offset: int) -> np.ndarray:
    """Return what a Dynamixel servo tells along the travel once its torque is on."""
    return np.linspace(span.low_ticks, span.high_ticks, 500) % TURN + offset


@given(low=lows, width=widths)
def test_a_feetech_seam_is_put_opposite_the_travel_for_any_mounting(low: float, width: float) -> None:
    span = Span(low, low + width)
    offset = best_offset(span, FEETECH)
    assert abs(offset) <= 2047
    margin = margin_ticks(span, offset, FEETECH)
    assert margin >= (TURN - 1 - width) / 2 - 1.5  # as even as whole ticks allow, one more where -2048 would be best
    if margin >= 0:
        positions = feetech_positions(span, offset)
        assert (np.diff(positions) >= 0).all()  # no jump on the way
        assert positions.min() >= margin - 1e-6
        assert positions.max() <= TURN - 1 - margin + 1e-6


@given(low=lows, width=widths, offset=st.integers(-2047, 2047))
def test_no_feetech_offset_leaves_more_room_than_the_one_chosen(low: float, width: float, offset: int) -> None:
    span = Span(low, low + width)
    chosen = margin_ticks(span, best_offset(span, FEETECH), FEETECH)
    assert margin_ticks(span, offset, FEETECH) <= chosen + 1e-6


@given(low=lows, width=widths, offset=st.integers(-2047, 2047))
def test_a_margin_is_what_a_servo_would_show(low: float, width: float, offset: int) -> None:
    span = Span(low, low + width)
    positions = feetech_positions(span, offset)
    jumps = bool((np.abs(np.diff(positions)) > TURN / 2).any())
    if jumps:
        assert margin_ticks(span, offset, FEETECH) < 0
    elif positions.max() <= TURN - 1:
        assert margin_ticks(span, offset, FEETECH) >= -1e-6


@given(low=lows, width=widths, largest=st.integers(0, 2047))
@example(low=-3e-292, width=4094.0, largest=2)  # its middle is half a tick off, and its end all but on the seam
def test_an_offset_is_never_larger_than_the_servo_heeds(low: float, width: float, largest: int) -> None:
    rule = SeamRule(ticks_per_turn=TURN, offset_max_ticks=largest, moves_seam=True)
    span = Span(low, low + width)
    offset = best_offset(span, rule)
    assert abs(offset) <= largest
    every = [margin_ticks(span, other, rule) for other in range(-largest, largest + 1, max(1, largest // 40))]
    assert margin_ticks(span, offset, rule) >= max(every) - 1e-6


@given(low=lows, width=widths, offset=st.integers(-1024, 1024))
@example(
    low=-1.5, width=1.0, offset=-1
)  # beyond the last count, though not yet at the seam: what the offset makes of it is no matter
def test_a_dynamixel_offset_never_helps_and_a_crossing_is_seen(low: float, width: float, offset: int) -> None:
    span = Span(low, low + width)
    assert best_offset(span, DYNAMIXEL) == 0
    # By how much the position is less than the count: minus the offset.
    assert margin_ticks(span, -offset, DYNAMIXEL) <= margin_ticks(span, 0, DYNAMIXEL)
    shown = [dynamixel_positions(span, 0), dynamixel_positions(span, offset)]  # bare, and with the offset
    ordinary = all(
        (np.abs(np.diff(each)) < TURN / 2).all() and each.min() >= 0 and each.max() <= TURN - 1 for each in shown
    )
    assert bool(ordinary) == (margin_ticks(span, -offset, DYNAMIXEL) >= 0)
