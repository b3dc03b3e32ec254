"""Lag and tracking of arms whose lag is known."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from bench.flight_report.headline import headline_of
from bench.flight_report.series import series_of
from bench.flight_report.tracking import tracking_of
from bench.flight_rig import Flight, Script, fly
from interfaces.flight import CommandCycle
from interfaces.robot_config import RobotConfig
from runtime.flight.record import FlightRecord


@pytest.mark.parametrize("lag_periods", [0, 1, 4, 9])
def test_a_known_lag_is_found(record_of: Callable[[Script], FlightRecord], lag_periods: int) -> None:
    series = series_of(record_of(Script(periods=400, lag_periods=lag_periods)))
    tracking = tracking_of(series)
    assert tracking.lag_s == pytest.approx(lag_periods * 0.01, abs=1e-3)
    assert tracking.joint_lag_s[0] == pytest.approx(lag_periods * 0.01, abs=1e-3)
    settled = tracking.left_rad[100:]
    assert np.nanmax(np.abs(settled)) < 2e-3
    if lag_periods == 9:
        assert np.nanmax(np.abs(tracking.error_rad[100:])) > 0.05


def test_a_joint_that_sags_lags_no_more_for_it(robot: RobotConfig, make_record: Callable[..., FlightRecord]) -> None:
    flight = fly(robot, Script(periods=400))
    sagging: list[CommandCycle] = []
    for cycle in flight.cycles:
        assert cycle.joints is not None
        joints = dataclasses.replace(cycle.joints, position_rad=cycle.joints.position_rad - 0.1)
        sagging.append(dataclasses.replace(cycle, joints=joints))
    tracking = tracking_of(series_of(make_record(Flight(cycles=tuple(sagging), chunks=()))))
    assert tracking.lag_s == pytest.approx(0.04, abs=1e-3)


def test_an_arm_that_stands_tells_no_lag(record_of: Callable[[Script], FlightRecord]) -> None:
    record = record_of(Script(periods=300, chunk_until=0))
    tracking = tracking_of(series_of(record))
    assert np.isnan(tracking.lag_s)
    facts = dict(headline_of(record, series_of(record), tracking).facts)
    assert facts["actuation latency"] == "the arm moved too little to tell"
