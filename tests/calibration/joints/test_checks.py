"""What fails, and what is said to do about it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from calibration.joints.checks import Evidence, checks_of, motion_check, remedy
from calibration.joints.stops import Stop, Travel
from calibration.joints.zero import JointMeasured, stops_of, went_all_around, zero_by_pose, zero_by_stops
from interfaces.arm_config import JointConfig

RAD_PER_TICK = 2 * math.pi / 4096
JOINT = JointConfig(
    name="elbow",
    direction=-1,
    position_min_rad=-1.0,
    position_max_rad=2.0,
    velocity_max_rad_s=2.0,
    acceleration_max_rad_s2=20.0,
    jerk_max_rad_s3=500.0,
    effort_max_ratio=1.0,
    effort_fault_ratio=0.9,
    rest_rad=0.1,
    stops_rad=(-1.1, 2.1),
)
NAN = math.nan


def travel(low: float, high: float, spread_rad: float = NAN) -> Travel:
    """Return a travel between two counts."""
    low_stop, high_stop = (Stop(at_counts=at, n_visits=2, spread_rad=spread_rad) for at in (low, high))
    return Travel(low=low_stop, high=high_stop)


def measured(joint: JointConfig = JOINT, *, short_rad: float = 0.0, spread_rad: float = 0.001) -> JointMeasured:
    """Return a joint with its zero at 1000 ticks, by its stops, its travel so much too short at the upper count."""
    low, high = 1000 - 2.1 / RAD_PER_TICK, 1000 + (1.1 - short_rad) / RAD_PER_TICK
    found = travel(low, high, spread_rad)
    stops = stops_of(joint, turns_freely=False)
    zero = 1000.0 if stops is None else zero_by_stops(joint, found, stops, RAD_PER_TICK)
    return JointMeasured(joint=joint, rad_per_count=RAD_PER_TICK, travel=found, stops_rad=stops, zero_counts=zero)


def evidence(joint: JointMeasured, **changes: object) -> Evidence:
    """Return what a good calibration of one joint tells, with some of it changed."""
    good = Evidence(measured=[joint], directions=[-1], margins_rad=[0.5], wandered_rad=[NAN], by_pose=False)
    return replace(good, **changes)


def failed(found: Evidence) -> list[str]:
    """Return the names of the checks that failed, and check that each has a remedy."""
    names = [check.name for check in checks_of(found) if not check.passed]
    assert all(remedy(check) for check in checks_of(found))
    return names


def test_a_joint_as_drawn_passes_and_its_angles_are_right() -> None:
    joint = measured()
    assert failed(evidence(joint)) == []
    assert joint.zero_counts == pytest.approx(1000)
    assert joint.range_rad == pytest.approx((-1.1, 2.1))
    assert joint.angle_rad(1000 - 2.0 / RAD_PER_TICK) == pytest.approx(2.0)
    assert joint.counts(joint.angle_rad(123.0)) == pytest.approx(123.0)


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (evidence(measured(), directions=[1]), ["joints that count the other way (elbow)"]),
        (evidence(measured(short_rad=0.06)), ["width between the stops, off (elbow)"]),
        (evidence(measured(replace(JOINT, position_max_rad=2.2))), ["limits beyond the stops (elbow)"]),
        (evidence(measured(spread_rad=0.02)), ["stops repeat within (elbow)"]),
        (evidence(measured(), margins_rad=[0.01]), ["room to the encoder's seam, short by (elbow)"]),
        (evidence(measured(), wandered_rad=[0.05]), ["pose held still within (elbow)"]),
        (evidence(replace(measured(), zero_counts=1200.0), by_pose=True), ["pose against the stops (elbow)"]),
    ],
)
def test_what_is_wrong_is_named(found: Evidence, names: list[str]) -> None:
    assert set(names) <= set(failed(found))


def test_stops_that_nobody_drew_are_no_measure_of_a_pose() -> None:
    joint = measured(replace(JOINT, stops_rad=None, position_min_rad=-0.5, position_max_rad=1.0, rest_rad=0.0))
    assert failed(evidence(joint)) == ["width between the stops, off (elbow)"]
    assert failed(evidence(replace(joint, zero_counts=1000.0), by_pose=True)) == []


def test_a_joint_without_stops_has_the_robot_files_range() -> None:
    joint = measured(replace(JOINT, stops_rad=()))
    assert joint.stops_rad is None
    assert joint.range_rad == (-1.0, 2.0)
    assert failed(evidence(joint, wandered_rad=[0.001])) == []


def test_motion_that_is_off_or_unknown_fails() -> None:
    assert motion_check(["a", "b"], [0.001, 0.02]).passed
    assert not motion_check(["a", "b"], [0.001, 0.03]).passed
    assert motion_check(["a", "b"], [0.001, 0.03]).name == "commanded motion, off (b)"


def test_a_zero_by_pose_is_the_mean_of_what_was_read() -> None:
    counts = np.array([1499.0, 1500.0, 1502.0])
    zero = zero_by_pose(JOINT, counts, 0.5, RAD_PER_TICK)
    assert zero == pytest.approx(counts.mean() + 0.5 / RAD_PER_TICK)


def test_who_went_all_around_has_no_stops() -> None:
    assert went_all_around(travel(0, 4050), RAD_PER_TICK)
    assert not went_all_around(travel(0, 3900), RAD_PER_TICK)
