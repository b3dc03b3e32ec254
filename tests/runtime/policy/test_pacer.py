"""The pacer: an absolute schedule without drift and without bursts."""

from runtime.policy.pacer import Pacer

MS = 1_000_000


def test_late_turns_do_not_shift_the_schedule() -> None:
    pacer = Pacer(100.0)
    assert pacer.wait_ns(5 * MS) == 0
    pacer.begin(5 * MS)
    pacer.begin(18 * MS)  # 3 ms late
    assert pacer.wait_ns(18 * MS) == 7 * MS


def test_turns_taken_early_do_not_raise_the_rate() -> None:
    pacer = Pacer(100.0)
    pacer.begin(0)
    pacer.begin(6 * MS)
    assert pacer.wait_ns(6 * MS) == 14 * MS


def test_missed_turns_are_not_made_up_for() -> None:
    pacer = Pacer(100.0)
    pacer.begin(0)
    pacer.begin(95 * MS)
    assert pacer.wait_ns(95 * MS) == 10 * MS
