"""Where an encoder's seam is to lie, and the homing offset that puts it there. Pure.

An encoder counts one turn, 0 to 4095, and begins anew: a joint whose travel crosses that seam would seem to jump by a turn. A
homing offset takes the present position to be so much less than the bare count:

    Feetech     position = (count - offset) modulo 4096: the seam moves with the offset, and can be put opposite the travel
    Dynamixel   position = count + offset, and not modulo anything: the seam stays where the bare encoder has it, and all
                that an offset does is to use up part of 0..4095, outside which there are no goals. Only the horn moves it.

ROBOTIS' own forum shows the latter: in position mode, offset -512, a joint at count 116 reads -396 once its torque is on.
"""

from __future__ import annotations

from dataclasses import dataclass

MARGIN_RAD = 0.035  # 2 degrees of clear space beyond each end: a joint that is pushed, or overshoots, does not cross


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamRule:
    """What a family of servos lets a homing offset do."""

    ticks_per_turn: int
    offset_max_ticks: int
    moves_seam: bool


@dataclass(frozen=True, slots=True)
class Span:
    """What must be free of the seam, in continuous bare counts."""

    low_ticks: float
    high_ticks: float

    @property
    def width(self) -> float:
        """Return its width."""
        return self.high_ticks - self.low_ticks


def best_offset(span: Span, rule: SeamRule) -> int:
    """Return the homing offset with the most room on the tighter side of `span`; whether that is enough, `margin_ticks` tells."""
    if not rule.moves_seam:
        return 0
    turn, largest = rule.ticks_per_turn, rule.offset_max_ticks
    middle = (turn - 1) / 2
    wanted = round((span.low_ticks + span.high_ticks) / 2 - middle)
    wrapped = (wanted + turn // 2) % turn - turn // 2
    # Its neighbours, too: half a tick may be rounded to where an end lies on the seam itself.
    inside = [offset for offset in (wrapped, wrapped - 1, wrapped + 1, largest, -largest) if abs(offset) <= largest]
    return max(inside, key=lambda offset: (margin_ticks(span, offset, rule), -abs(offset)))


def margin_ticks(span: Span, shift: int, rule: SeamRule) -> float:
    """Return how much room there is between `span` and what ends a servo's count, on the tighter side; negative inside.

    `shift` is by how much the present position is less than the bare count.
    """
    last = rule.ticks_per_turn - 1
    if rule.moves_seam:
        low = (span.low_ticks - shift) % rule.ticks_per_turn
        return min(low, last - (low + span.width))
    bare = span.low_ticks % rule.ticks_per_turn
    positions = bare - shift
    return min(bare, last - (bare + span.width), positions, last - (positions + span.width))
