"""The states of the command process, as a table: events in, state out.

    BOOT --armed--> READY --chunk_fresh--> FOLLOWING <--> HOLDING
      any of these --bus_lost, limit_exceeded, clock_wrong--> FAULT --cleared--> READY   (latched: only a person clears it)
      anything     --estop-->                                 ESTOP --cleared--> READY   (latched, too)

In every state but BOOT, and while the bus is lost, the motors are commanded each period; only in FOLLOWING do they follow a
chunk, in all others the arm decelerates to rest and holds. A bus that comes back is read and holds the arm again, and the fault
stays until it is cleared: whoever mended the cable knows whether the arm may move.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from interfaces.messages import CommandState


class Event(Enum):
    """What can happen to the command process."""

    ARMED = "armed"  # the bus is open, the pose is measured, torque holds it
    CHUNK_FRESH = "chunk_fresh"  # a chunk arrived that may be followed
    CHUNK_STALE = "chunk_stale"  # the newest chunk is too old, or past its last row
    CHUNK_INVALID = "chunk_invalid"  # a chunk arrived that must not be followed: not finite, foresight too old, ...
    POLICY_GONE = "policy_gone"  # end of file on the socket, or we were asked to stop
    JOINTS_STALE = "joints_stale"  # the arm was not measured for too long, although the bus is not lost yet
    STALLED = "stalled"  # this very loop stood still: suspended, stopped, starved
    CLOCK_WRONG = "clock_wrong"  # the monotonic clock ran backwards: nothing that is timed can be trusted
    LIMIT_EXCEEDED = (
        "limit_exceeded"  # a motor too hot, pushing too hard or with too low a supply, for longer than a moment
    )
    BUS_LOST = "bus_lost"
    ESTOP = "estop"
    CLEARED = "cleared"  # a person says that going on is safe, and its cause is gone


_BOOT, _READY, _FOLLOWING = CommandState.BOOT, CommandState.READY, CommandState.FOLLOWING
_HOLDING, _FAULT, _ESTOP = CommandState.HOLDING, CommandState.FAULT, CommandState.ESTOP

_LATCHING = {Event.LIMIT_EXCEEDED: _FAULT, Event.BUS_LOST: _FAULT, Event.CLOCK_WRONG: _FAULT, Event.ESTOP: _ESTOP}

# A pair that is not here leaves the state as it is.
TRANSITIONS: Mapping[tuple[CommandState, Event], CommandState] = {
    (_BOOT, Event.ARMED): _READY,
    (_BOOT, Event.ESTOP): _ESTOP,
    #
    (_READY, Event.CHUNK_FRESH): _FOLLOWING,
    (_READY, Event.CHUNK_INVALID): _HOLDING,
    #
    (_FOLLOWING, Event.CHUNK_STALE): _HOLDING,
    (_FOLLOWING, Event.CHUNK_INVALID): _HOLDING,
    (_FOLLOWING, Event.POLICY_GONE): _HOLDING,
    (_FOLLOWING, Event.JOINTS_STALE): _HOLDING,
    (_FOLLOWING, Event.STALLED): _HOLDING,
    #
    (_HOLDING, Event.CHUNK_FRESH): _FOLLOWING,
    #
    **{(state, event): after for state in (_READY, _FOLLOWING, _HOLDING) for event, after in _LATCHING.items()},
    #
    (_FAULT, Event.CLEARED): _READY,
    (_FAULT, Event.ESTOP): _ESTOP,
    #
    (_ESTOP, Event.CLEARED): _READY,
}


def next_state(state: CommandState, event: Event) -> CommandState:
    """Return the state after `event`; an event that means nothing in `state` leaves it as it is."""
    return TRANSITIONS.get((state, event), state)
