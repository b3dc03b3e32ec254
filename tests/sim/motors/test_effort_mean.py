"""The mean does not depend on where in a period it is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from sim.motors.effort_mean import EffortMean

MS = 1_000_000


@pytest.mark.parametrize("phase_ms", range(10))
def test_a_blow_each_period_counts_the_same_at_every_phase(phase_ms: int) -> None:
    mean, told = EffortMean(0.020, 1, 0), np.zeros(1)
    for t_ms in range(1, 101 + phase_ms):
        blow = 1.0 if t_ms % 10 < 3 else -0.1
        told = mean.add(np.array([blow]), t_ms * MS)
    assert told[0] == pytest.approx((3 * 1.0 - 7 * 0.1) / 10)


def test_uneven_steps_weigh_as_long_as_they_last() -> None:
    mean, t_ns, told = EffortMean(0.020, 1, 0), 0, np.zeros(1)
    for step_ns in (7 * MS, 300_000, 1_700_000, 6 * MS, 5 * MS, 2 * MS):
        t_ns += step_ns
        told = mean.add(np.array([1.0 if t_ns <= 9 * MS else 0.0]), t_ns)
    assert t_ns == 22 * MS
    assert told[0] == pytest.approx(7 / 20)


def test_at_the_beginning_there_is_only_what_there_was() -> None:
    mean = EffortMean(0.020, 2, 5 * MS)
    np.testing.assert_allclose(mean.add(np.array([0.5, -1.0]), 6 * MS), [0.5, -1.0])
    np.testing.assert_allclose(mean.add(np.array([0.5, -1.0]), 6 * MS), [0.5, -1.0])
