"""A pulse tells which loop ends no turn any more, and blames nobody when the process as a whole stood still."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.service.pulse import Pulse, Turns

MS = 1_000_000
S = 1000 * MS


def test_a_loop_that_ends_no_turn_hangs_after_its_patience_and_no_other() -> None:
    pulse, slow, quick = Pulse(), Turns(), Turns()
    pulse.watch("camera", slow, 10 * S)
    pulse.watch("foresight", quick, 4 * S)
    hanging: dict[str, int] = {}
    for t_ms in range(0, 20_000, 200):
        if t_ms < 5000:
            slow.ended()
            quick.ended()
        hanging = pulse.look(t_ms * MS)
        # It was last seen to go on at the look at 4.8 s.
        assert ("foresight" in hanging) == (t_ms > 8800)
        assert ("camera" in hanging) == (t_ms > 14_800)
    assert hanging["foresight"] == (19_800 - 4800) * MS


def test_one_turn_and_it_goes_on_again() -> None:
    pulse, turns = Pulse(), Turns()
    pulse.watch("action", turns, S)
    seen = [bool(pulse.look(t_ms * MS)) for t_ms in range(0, 3000, 200)]
    assert seen[-1]
    turns.ended()
    assert pulse.look(3000 * MS) == {}


def test_a_process_that_was_stopped_as_a_whole_does_not_hang() -> None:
    pulse, turns = Pulse(), Turns()
    pulse.watch("foresight", turns, 4 * S)
    turns.ended()
    pulse.look(0)
    assert pulse.look(3600 * S) == {}  # an hour of sleep: the loops did not run either
    turns.ended()
    assert pulse.look(3600 * S + 200 * MS) == {}


@given(st.lists(st.tuples(st.integers(1, 3000), st.booleans()), max_size=60))
def test_it_hangs_exactly_when_looks_without_a_turn_cover_its_patience(looks: list[tuple[int, bool]]) -> None:
    pulse, turns, silent_ns, t_ns = Pulse(), Turns(), 0, 0
    pulse.watch("loop", turns, 2 * S)
    pulse.look(0)
    for passed_ms, progressed in looks:
        t_ns += passed_ms * MS
        if progressed:
            turns.ended()
        silent_ns = 0 if progressed else silent_ns + min(passed_ms * MS, S)
        assert pulse.look(t_ns) == ({"loop": silent_ns} if silent_ns > 2 * S else {})
