"""What RobStride motors are told, and what their errors say; all else is in the conformance suite."""

from __future__ import annotations

import numpy as np
import pytest

from bench.arm_rigs.robstride import RobstrideRig
from bench.arm_rigs.trial import exchange, hold, pose_rad
from drivers.can.port import CanFrame
from drivers.robstride.protocol import Kind, Mode, Parameter
from interfaces.errors import BusTimeoutError, DeviceError


@pytest.fixture
def rig() -> RobstrideRig:
    return RobstrideRig()


def test_time_out_and_torque_limit_are_written_before_anything_moves(rig: RobstrideRig) -> None:
    rig.arm.open()
    for joint, node in zip(rig.config.joints, rig.nodes, strict=True):
        assert node.parameters[Parameter.TIMEOUT] * 50e-3 == rig.config.motor_timeout_ms
        limit_nm = joint.effort_max_ratio * node.span.torque_max_nm
        assert node.parameters[Parameter.TORQUE_LIMIT_NM] == pytest.approx(limit_nm)


def test_each_joint_is_held_by_its_own_spring_and_damper(rig: RobstrideRig) -> None:
    hold(rig)
    for joint, node, command in zip(rig.config.joints, rig.nodes, rig.motors.commands, strict=True):
        assert command is not None
        assert command.stiffness_nm_rad == pytest.approx(
            joint.stiffness_nm_rad, abs=node.span.stiffness_max_nm_rad / 65535
        )
        assert command.damping_nm_s_rad == pytest.approx(
            joint.damping_nm_s_rad, abs=node.span.damping_max_nm_s_rad / 65535
        )
        assert command.velocity_rad_s == pytest.approx(0.0, abs=1e-3)
        assert command.torque_nm == pytest.approx(0.0, abs=2e-3)


def test_efforts_are_shares_of_the_models_torque_in_the_joints_direction(rig: RobstrideRig) -> None:
    hold(rig)
    rig.motors.torques_nm[:] = [6.0] * len(rig.nodes)
    state = exchange(rig, pose_rad(rig, 0.5))
    shares = 6.0 / np.array([node.span.torque_max_nm for node in rig.nodes])
    np.testing.assert_allclose(state.effort_ratio, rig.config.vector("direction") * shares, atol=1e-4)


def test_the_supply_of_every_motor_is_told_within_a_round(rig: RobstrideRig) -> None:
    hold(rig)
    for i, node in enumerate(rig.nodes):
        node.supply_v = 40.0 + i
    states = [exchange(rig, pose_rad(rig, 0.5)) for _ in range(len(rig.nodes) + 1)]
    np.testing.assert_allclose(states[-1].voltage_v, 40.0 + np.arange(len(rig.nodes)))


def test_a_fault_is_named_until_it_is_over_and_the_arm_is_held_again(rig: RobstrideRig) -> None:
    hold(rig)
    rig.heat(2, 150.0)
    for _ in range(3):
        with pytest.raises(DeviceError, match=r"motor 3 \(elbow_pitch\) on can0 reports overheat .*150 degC"):
            exchange(rig, pose_rad(rig, 0.5))
    with pytest.raises(DeviceError, match="overheat"):
        rig.arm.hold()
    rig.heat(2, 60.0)
    hold(rig)
    assert all(rig.torque())


def test_a_motor_that_let_go_by_itself_is_noticed(rig: RobstrideRig) -> None:
    hold(rig)
    rig.wait(round(2e6 * rig.config.motor_timeout_ms))
    assert not any(rig.torque())
    with pytest.raises(DeviceError, match=r"motor 1 \(base_yaw\) on can0 hangs limp.*time-out"):
        exchange(rig, pose_rad(rig, 0.5))


def test_motors_left_in_another_mode_are_brought_back_to_control(rig: RobstrideRig) -> None:
    rig.nodes[0].parameters[Parameter.RUN_MODE] = 2
    hold(rig)
    assert all(node.parameters[Parameter.RUN_MODE] == 0 for node in rig.nodes)
    assert all(node.mode is Mode.RUN for node in rig.nodes)


def test_a_motor_that_already_runs_in_another_mode_is_refused(rig: RobstrideRig) -> None:
    hold(rig)
    rig.nodes[4].parameters[Parameter.RUN_MODE] = 1
    with pytest.raises(DeviceError, match=r"motor 5 .* runs in mode 1"):
        rig.arm.hold()


def test_a_motor_is_known_by_the_number_of_its_processor(rig: RobstrideRig) -> None:
    rig.nodes[1].serial = 0x0807_0605_0403_0201
    rig.arm.open()
    told = rig.arm.identity()[1]
    joint = rig.config.joints[1]
    assert (told.motor_id, told.model, told.serial) == (joint.motor_id, joint.model, "0102030405060708")


def test_a_motor_that_does_not_say_who_it_is_is_named(rig: RobstrideRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def hear(frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        return [] if frame.can_id >> 24 == Kind.IDENTITY else answer(frame, t_now_ns)

    answer = rig.nodes[1].hear
    monkeypatch.setattr(rig.nodes[1], "hear", hear)
    with pytest.raises(BusTimeoutError, match=rf"{rig.config.joints[1].name}.*who it is"):
        rig.arm.open()
