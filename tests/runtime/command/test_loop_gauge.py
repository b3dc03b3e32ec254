"""Rate and lateness of the last second, by a clock of our own."""

from runtime.command.loop_gauge import LoopGauge

MS = 1_000_000
S = 1_000 * MS


def test_before_the_first_command_there_is_nothing() -> None:
    gauge = LoopGauge(10 * MS)
    assert (gauge.rate_hz(5 * S), gauge.late_p99_ns(5 * S), gauge.missed) == (0.0, -1, 0)


def test_it_counts_the_last_second_only() -> None:
    gauge = LoopGauge(10 * MS)
    for k in range(1000):
        gauge.sent(S + k * 10 * MS, S + k * 10 * MS + k)
    t_last_ns = S + 999 * 10 * MS + 999
    assert gauge.rate_hz(t_last_ns) == 100.0
    assert gauge.rate_hz(t_last_ns + 500 * MS) == 50.0
    assert gauge.rate_hz(t_last_ns + 2 * S) == 0.0


def test_one_late_command_in_a_hundred_is_seen_and_in_two_hundred_is_not() -> None:
    for late_every, seen in ((100, True), (200, False)):
        gauge = LoopGauge(5 * MS)
        for k in range(600):
            late_ns = 3 * MS if k % late_every == late_every - 1 else 20_000
            gauge.sent(S + k * 5 * MS, S + k * 5 * MS + late_ns)
        assert (gauge.late_p99_ns(S + 599 * 5 * MS + 20_000) == 3 * MS) == seen


def test_a_rate_lower_than_one_a_second_is_one_that_is_late() -> None:
    gauge = LoopGauge(5 * S)
    gauge.sent(S, S + 7)
    assert gauge.rate_hz(S + 100) == 1.0
    assert gauge.late_p99_ns(S + 100) == 7
