"""The table of states: every pair of state and event is decided here, one by one."""

from __future__ import annotations

from itertools import product

import pytest

from interfaces.messages import CommandState
from runtime.command.state_machine import TRANSITIONS, Event, next_state

# A second writing of the table, read by people: B(oot) R(eady) F(ollowing) H(olding) X (fault) E(stop), in this order.
DECISIONS = {
    #                      B R F H X E
    Event.ARMED:          "R R F H X E",
    Event.CHUNK_FRESH:    "B F F F X E",
    Event.CHUNK_STALE:    "B R H H X E",
    Event.CHUNK_INVALID:  "B H H H X E",
    Event.POLICY_GONE:    "B R H H X E",
    Event.JOINTS_STALE:   "B R H H X E",
    Event.STALLED:        "B R H H X E",
    Event.CLOCK_WRONG:    "B X X X X E",
    Event.LIMIT_EXCEEDED: "B X X X X E",
    Event.BUS_LOST:       "B X X X X E",
    Event.ESTOP:          "E E E E E E",
    Event.CLEARED:        "B R F H R R",
}  # fmt: skip
LETTERS = dict(zip("BRFHXE", CommandState, strict=True))


@pytest.mark.parametrize(("state", "event"), list(product(CommandState, Event)))
def test_every_pair_is_decided(state: CommandState, event: Event) -> None:
    assert next_state(state, event) is LETTERS[DECISIONS[event].split()[state]]


def test_the_table_has_no_entry_that_changes_nothing() -> None:
    assert all(state is not after for (state, _), after in TRANSITIONS.items())


def test_only_a_fresh_chunk_leads_to_following() -> None:
    assert {event for (_, event), after in TRANSITIONS.items() if after is CommandState.FOLLOWING} == {
        Event.CHUNK_FRESH
    }


def test_fault_and_estop_are_left_only_by_a_person() -> None:
    assert [event for (state, event) in TRANSITIONS if state is CommandState.ESTOP] == [Event.CLEARED]
    assert [event for (state, event) in TRANSITIONS if state is CommandState.FAULT] == [Event.CLEARED, Event.ESTOP]
