"""One suite for every arm driver, on its emulated motors: what the runtime relies on while all is well.

A driver passes it by a rig in bench/arm_rigs/, on a virtual clock. What it must do when something breaks: test_conformance_faults.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from bench.arm_rigs.rig import ArmRig
from bench.arm_rigs.trial import SETTLED_CYCLES, assert_true, exchange, pose_rad
from drivers.open_devices import bus_budget
from interfaces.errors import DeviceLostError, RefusedError


def test_opening_moves_nothing_and_leaves_torque_as_it_was(rig: ArmRig) -> None:
    for index, angle in enumerate(pose_rad(rig, 0.4)):
        rig.place(index, float(angle))
    placed = rig.angles_rad()
    state = rig.arm.open()
    assert state.position_rad == pytest.approx(placed, abs=rig.resolution_rad)
    assert rig.angles_rad() == pytest.approx(placed)
    assert not any(rig.torque())


def test_opening_an_arm_that_holds_lets_it_hold(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.3))
    held.arm.close()
    held.arm.open()
    assert all(held.torque())
    assert held.angles_rad() == pytest.approx(pose_rad(held, 0.3), abs=held.resolution_rad)
    assert_true(held, held.arm.hold())
    assert held.angles_rad() == pytest.approx(pose_rad(held, 0.3), abs=2 * held.resolution_rad)


def test_holding_starts_from_the_measured_pose(rig: ArmRig) -> None:
    rig.arm.open()
    for index, angle in enumerate(pose_rad(rig, 0.6)):  # moved by hand after opening
        rig.place(index, float(angle))
    placed = rig.angles_rad()
    state = rig.arm.hold()
    assert all(rig.torque())
    assert state.position_rad == pytest.approx(placed, abs=rig.resolution_rad)
    assert rig.angles_rad() == pytest.approx(placed, abs=rig.resolution_rad)


def test_targets_arrive_and_are_measured(held: ArmRig) -> None:
    for share in (0.2, 0.5, 0.8):
        state = [exchange(held, pose_rad(held, share)) for _ in range(3)][-1]
        assert held.angles_rad() == pytest.approx(pose_rad(held, share), abs=held.resolution_rad)
        assert_true(held, state)
        assert abs(state.t_measured_ns - held.now_ns()) < held.config.period_ns


def test_a_state_is_whole(held: ArmRig) -> None:
    state = exchange(held, pose_rad(held, 0.5))
    n_joints = len(held.config.joints)
    for vector in (state.position_rad, state.velocity_rad_s, state.effort_ratio):
        assert vector.shape == (n_joints,)
        assert np.isfinite(vector).all()
    told = {"voltage_v": held.voltage_told, "temperature_degc": held.temperature_told}
    for key, is_told in told.items():
        vector = getattr(state, key)
        assert vector.shape == (n_joints,)
        assert np.isfinite(vector).all() if is_told else np.isnan(vector).all()


def test_heat_is_told(held: ArmRig) -> None:
    if not held.temperature_told:
        return
    held.heat(1, 47.0)
    state = [exchange(held, pose_rad(held, 0.5)) for _ in range(SETTLED_CYCLES)][-1]
    assert state.temperature_degc[1] == pytest.approx(47, abs=1)
    assert state.temperature_degc[0] < 40


def test_each_joint_moves_alone_and_its_own_way(held: ArmRig) -> None:
    middle = pose_rad(held, 0.5)
    for index in range(len(middle)):
        target = middle.copy()
        target[index] += 0.1
        exchange(held, target)
        exchange(held, target)
        assert held.angles_rad() == pytest.approx(target, abs=held.resolution_rad)


@pytest.mark.parametrize("wrong", ["nan", "inf", "short", "long"])
def test_targets_that_are_none_are_refused_and_not_sent(held: ArmRig, wrong: str) -> None:
    exchange(held, pose_rad(held, 0.5))
    good = held.angles_rad()
    bad = pose_rad(held, 0.3)
    if wrong in {"nan", "inf"}:
        bad[1] = float(wrong)
    targets = {"short": bad[:-1], "long": np.append(bad, 0.0)}.get(wrong, bad)
    with pytest.raises(RefusedError):
        exchange(held, targets)
    assert held.angles_rad() == pytest.approx(good, abs=2 * held.resolution_rad)


def test_targets_before_holding_are_refused(rig: ArmRig) -> None:
    rig.arm.open()
    before = rig.angles_rad()
    with pytest.raises(RefusedError):
        exchange(rig, pose_rad(rig, 0.7))
    assert rig.angles_rad() == pytest.approx(before)


def test_a_released_arm_is_limp_and_refuses_targets(held: ArmRig) -> None:
    held.arm.release()
    assert not any(held.torque())
    with pytest.raises(RefusedError):
        exchange(held, pose_rad(held, 0.7))
    assert held.arm.hold().position_rad == pytest.approx(held.angles_rad(), abs=held.resolution_rad)
    assert all(held.torque())


def test_closing_keeps_torque_and_ends_the_use(held: ArmRig) -> None:
    held.arm.close()
    held.arm.close()
    assert all(held.torque())
    for call in (held.arm.read, held.arm.hold, held.arm.release):
        with pytest.raises(DeviceLostError):
            call()


def test_reading_tells_nothing_to_the_motors(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.4))
    held.wait(held.config.period_ns)
    assert_true(held, held.arm.read())
    assert held.angles_rad() == pytest.approx(pose_rad(held, 0.4), abs=held.resolution_rad)


def test_a_rate_that_the_wire_cannot_carry_is_refused_with_a_reason(rig: ArmRig) -> None:
    too_fast_hz = 1.1 * bus_budget(rig.config).rate_max_hz
    if too_fast_hz <= 1000:
        with pytest.raises(RefusedError, match=r"on the wire .* lower arm\.rate_hz"):
            rig.arm_with(rate_hz=too_fast_hz).open()
    rig.arm.open()


def test_an_arm_that_is_not_open_has_no_identity_and_no_torque(rig: ArmRig) -> None:
    for ask in (rig.arm.identity, rig.arm.torque):
        with pytest.raises(DeviceLostError):
            ask()


def test_identity_tells_each_motor_once_and_stays(rig: ArmRig) -> None:
    rig.arm.open()
    told = rig.arm.identity()
    assert [motor.joint for motor in told] == [joint.name for joint in rig.config.joints]
    assert len({motor.motor_id for motor in told}) == len(told)
    assert len({motor.serial for motor in told}) in {1, len(told)}  # none has one, or each has its own
    assert all(motor.model and motor.joint for motor in told)
    rig.arm.hold()
    exchange(rig, pose_rad(rig, 0.4))
    assert rig.arm.identity() == told
    rig.arm.release()
    rig.arm.close()
    rig.arm.open()
    assert rig.arm.identity() == told


def test_another_motor_is_told_apart(rig: ArmRig) -> None:
    rig.arm.open()
    before = rig.arm.identity()
    rig.arm.close()
    rig.exchange_motor(1)
    rig.arm.open()
    after = rig.arm.identity()
    assert [a == b for a, b in zip(before, after, strict=True)] == [i != 1 for i in range(len(before))]
    assert (after[1].joint, after[1].motor_id, after[1].model) == (before[1].joint, before[1].motor_id, before[1].model)


def test_torque_is_told_and_asking_changes_nothing(rig: ArmRig) -> None:
    rig.arm.open()
    for index, angle in enumerate(pose_rad(rig, 0.4)):
        rig.place(index, float(angle))
    assert not any(rig.arm.torque())
    rig.arm.hold()
    target = pose_rad(rig, 0.6)
    exchange(rig, target)
    stands = rig.angles_rad()
    for _ in range(3):
        assert all(rig.arm.torque())
        assert all(rig.torque())
    assert rig.angles_rad() == pytest.approx(stands)
    assert_true(rig, [exchange(rig, target) for _ in range(2)][-1])  # and the arm goes on
    rig.arm.release()
    assert list(rig.arm.torque()) == rig.torque() == [False] * len(target)
    rig.place(0, float(pose_rad(rig, 0.3)[0]))
    placed = rig.angles_rad()
    assert not any(rig.arm.torque())
    assert rig.angles_rad() == pytest.approx(placed)


def test_torque_is_asked_of_an_arm_that_another_left_holding(held: ArmRig) -> None:
    held.arm.close()
    other = held.arm_with()
    other.open()
    assert all(other.torque())
    assert all(held.torque())
