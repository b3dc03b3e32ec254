"""Two clocks read one after the other, on clocks that stand still or run on in between."""

from __future__ import annotations

import pytest

from drivers.realsense import stamp as realsense_stamp
from drivers.realsense.stamp import epoch_from_monotonic_ns

OFFSET_NS = 1_795_000_000_000_000_000


class Clocks:
    """Two clocks that go on by so much with each reading: a thread that is kept waiting between two readings."""

    CLOCK_REALTIME = 0

    def __init__(self, waits_ns: list[int]) -> None:
        self._t_ns, self._waits_ns = 1_000_000_000, waits_ns

    def monotonic_ns(self) -> int:
        """Return one, after a wait."""
        self._t_ns += self._waits_ns.pop(0) if self._waits_ns else 500
        return self._t_ns

    def clock_gettime_ns(self, clock: int) -> int:
        """Return the other, after a wait."""
        del clock
        return self.monotonic_ns() + OFFSET_NS


@pytest.mark.parametrize(
    "waits_ns",
    [
        [],
        [0, 100_000_000, 0],  # kept waiting between the first two readings
        [0, 0, 100_000_000],
        [0, 100_000_000, 100_000_000, 0, 90_000_000, 0],
    ],
)
def test_a_thread_that_was_kept_waiting_does_not_shift_the_clocks(
    waits_ns: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realsense_stamp, "time", Clocks(list(waits_ns)))
    assert abs(epoch_from_monotonic_ns() - OFFSET_NS) < 10_000


def test_where_every_reading_is_slow_the_quickest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_ns = [0, 8_000_000, 8_000_000] + [0, 1_000_000, 1_000_000] + [0, 9_000_000, 9_000_000] * 3
    monkeypatch.setattr(realsense_stamp, "time", Clocks(slow_ns))
    assert abs(epoch_from_monotonic_ns() - OFFSET_NS) <= 1_000_000
