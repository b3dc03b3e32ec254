"""The action pacer: at once on a foresight, at the rate without one, and in step with the foresights."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.policy.action_pacer import ActionPacer

MS = 1_000_000
NEVER_NS = 0


def test_without_foresight_the_schedule_is_absolute() -> None:
    pacer = ActionPacer(50.0)
    pacer.begin(1000 * MS, fresh=False)
    assert pacer.wait_ns(1000 * MS, NEVER_NS) == 20 * MS
    pacer.begin(1023 * MS, fresh=False)  # 3 ms late
    assert pacer.wait_ns(1023 * MS, NEVER_NS) == 17 * MS


def test_missed_turns_are_not_made_up_for() -> None:
    pacer = ActionPacer(50.0)
    pacer.begin(1000 * MS, fresh=False)
    pacer.begin(1500 * MS, fresh=False)
    assert pacer.wait_ns(1500 * MS, NEVER_NS) == 20 * MS


def test_the_rate_goes_on_from_a_foresight() -> None:
    pacer = ActionPacer(50.0)
    pacer.begin(1000 * MS, fresh=False)
    pacer.begin(1007 * MS, fresh=True)
    assert pacer.wait_ns(1007 * MS, NEVER_NS) == 20 * MS


def test_a_turn_waits_for_a_foresight_that_is_all_but_done_and_not_for_ever() -> None:
    pacer = ActionPacer(50.0)
    pacer.begin(1000 * MS, fresh=True)  # due again at 1020
    assert pacer.wait_ns(1020 * MS, 1026 * MS) == 0
    assert pacer.wait_ns(1020 * MS, 1024 * MS) == 10 * MS
    assert pacer.wait_ns(1020 * MS, 1016 * MS) == 10 * MS
    assert pacer.wait_ns(1030 * MS, 1024 * MS) == 0


@given(latencies_ns=st.lists(st.integers(2 * MS, 6 * MS), min_size=20, max_size=60))
def test_foresights_at_half_the_rate_leave_the_rate_as_it_is(latencies_ns: list[int]) -> None:
    """Run action at 30 Hz beside foresight at 15 Hz whose latency varies; each turn must be every 33 ms, not more often."""
    pacer, frame_ns, t_now_ns, turns = ActionPacer(30.0), round(1e9 / 15), 10**12, list[bool]()
    t_foresights_ns = [10**12 + k * frame_ns + latency_ns for k, latency_ns in enumerate(latencies_ns)]
    for k, t_foresight_ns in enumerate(t_foresights_ns):
        expected_ns = 10**12 + k * frame_ns + 4 * MS
        while (wait_ns := pacer.wait_ns(t_now_ns, expected_ns)) + t_now_ns < t_foresight_ns:
            t_now_ns += wait_ns
            pacer.begin(t_now_ns, fresh=False)
            turns.append(False)
        t_now_ns = t_foresight_ns
        pacer.begin(t_now_ns, fresh=True)
        turns.append(True)
    first = turns.index(True)
    assert turns[first + 1 :] == [False, True] * (len(t_foresights_ns) - 1)
