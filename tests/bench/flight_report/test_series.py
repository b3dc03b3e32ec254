"""Cycles as arrays: ages, and period errors where they were."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.flight_report.series import series_of
from bench.flight_rig import Script
from runtime.flight.record import FlightRecord


def test_ages_are_those_of_the_cycles(record_of: Callable[[Script], FlightRecord]) -> None:
    record = record_of(Script(periods=200))
    series = series_of(record)
    assert np.isnan(series.frame_age_ms[:3]).all()  # nothing followed yet
    # The swinging policy says 30 ms from its frame to the joint state, which is a period older than the command.
    assert series.frame_age_ms[3] == pytest.approx(40.0)
    assert series.frame_age_ms[4] == pytest.approx(50.0)
    assert np.nanmax(series.foresight_age_ms) == pytest.approx(30.0)
