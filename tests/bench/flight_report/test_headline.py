"""The figures at the top: what was missed, late, lost, and how often things came."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.flight_report.headline import headline_of, spread
from bench.flight_report.series import series_of
from bench.flight_report.tracking import tracking_of
from bench.flight_rig import Flight, Script, fly
from interfaces.robot_config import RobotConfig
from runtime.flight.record import FlightRecord


def test_missed_and_late_periods_are_where_they_were(
    robot: RobotConfig, make_record: Callable[..., FlightRecord]
) -> None:
    flight = fly(robot, Script(periods=200, missed={120: 3}, late_ns={150: 700_000}))
    record = make_record(flight)
    series = series_of(record)
    headline = headline_of(record, series, tracking_of(series))
    assert headline.missed == 3
    assert dict(headline.facts)["periods missed"] == "3"
    error_ms = {int(series.sequence[k]): series.period_error_ms[k] for k in range(len(series.sequence))}
    assert error_ms[120] == pytest.approx(30.0)
    assert error_ms[150] == pytest.approx(0.7)
    assert error_ms[151] == pytest.approx(-0.7)
    assert np.isnan(error_ms[1])
    timing = {one.name: one for one in headline.timing}
    assert timing["|period error|"].quantiles[3] == pytest.approx(30.0)
    assert timing["|period error|"].quantiles[0] == 0.0
    assert timing["command after its beat"].quantiles[3] == pytest.approx(0.7)
    assert timing["bus cycle"].quantiles[0] == pytest.approx(1.0)


def test_rates_duration_and_beginning(record_of: Callable[[Script], FlightRecord]) -> None:
    record = record_of(Script(periods=400))
    series = series_of(record)
    headline = headline_of(record, series, tracking_of(series))
    assert headline.duration_s == pytest.approx(3.9915)
    facts = dict(headline.facts)
    assert facts["commands"] == "399, 100.0 Hz"
    assert facts["chunks taken"] == "100, 25.1 Hz"
    assert headline.began == "2023-11-14 22:13:25 UTC"


def test_a_gap_of_the_record_is_no_period_error_and_is_counted(
    robot: RobotConfig, make_record: Callable[..., FlightRecord]
) -> None:
    flight = fly(robot, Script(periods=100))
    kept = tuple(cycle for cycle in flight.cycles if not 40 <= cycle.sequence < 50)
    record = make_record(Flight(cycles=kept, chunks=()))
    series = series_of(record)
    assert np.nanmax(np.abs(series.period_error_ms)) < 1e-6
    headline = headline_of(record, series, tracking_of(series))
    assert headline.lost == (("cycles", 10),)
    assert headline.duration_s - headline.covered_s == pytest.approx(0.11, abs=0.01)
    assert dict(headline.facts)["commands"].startswith("89, 10")


def test_a_spread_of_nothing_is_nan_and_of_something_its_percentiles() -> None:
    assert np.isnan(spread("x", np.array([np.nan])).quantiles).all()
    known = spread("x", np.append(np.arange(1001.0), np.nan))
    assert known.quantiles == pytest.approx([500.0, 990.0, 999.0, 1000.0])
