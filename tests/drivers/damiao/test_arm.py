"""The driver against emulated motors in lockstep: what it tells them, what it refuses, and what it says about faults."""

from dataclasses import replace

import numpy as np
import pytest

from bench.arm_rigs.damiao import ROBOT_FILE
from drivers.damiao import protocol
from drivers.damiao.arm import DamiaoArm, bus_budget
from drivers.damiao.protocol import MotorState, Register
from interfaces.arm_config import DamiaoConfig
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, RefusedError
from interfaces.messages import JointState, JointVector
from interfaces.robot_config import load_robot
from sim.can.bus import CanBus
from sim.can.lockstep import LockstepCan
from sim.motors.springs import RigidMitMotors
from sim.yam.arm import yam_nodes

ARM = load_robot(ROBOT_FILE).arm
assert isinstance(ARM, DamiaoConfig)
CONFIG: DamiaoConfig = ARM
PERIOD_NS = CONFIG.period_ns
STEP_RAD = 25 / 65535
START_RAD = np.array([0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0])
POSE_RAD = START_RAD + np.array([4, -4, 3, -3, 2, 4, -4]) * 1e-3  # near enough for the limit of torque


class Bench:
    """The YAM's motors on a virtual clock."""

    def __init__(self) -> None:
        self.motors = RigidMitMotors(7)
        self.motors.positions_rad[:] = [*START_RAD[:6], -START_RAD[6]]  # the gripper's motor turns the other way
        self.nodes = yam_nodes(self.motors)
        self.can = CanBus(self.nodes)
        self.t_ns = 10**9
        self.port = LockstepCan(self.can, lambda: self.t_ns)
        self.arm = DamiaoArm(CONFIG, self.port.open_port)

    def wait(self, duration_ns: int) -> None:
        self.t_ns = self.port.now_ns() + duration_ns
        self.port.catch_up()

    def exchange(self, position_rad: JointVector) -> JointState:
        self.wait(PERIOD_NS)
        return self.arm.exchange(position_rad)

    def set_joint(self, index: int, **changes: object) -> None:
        joints = list(CONFIG.joints)
        joints[index] = replace(joints[index], **changes)
        self.arm = DamiaoArm(replace(CONFIG, joints=tuple(joints)), self.port.open_port)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def held(bench: Bench) -> Bench:
    bench.arm.open()
    bench.arm.hold()
    return bench


def test_the_state_is_in_si_units(held: Bench) -> None:
    held.motors.torques_nm[1] = -14.0
    held.motors.torques_nm[6] = 2.5
    held.nodes[0].bridge_degc, held.nodes[0].rotor_degc = 41.0, 38.0
    state = held.exchange(POSE_RAD)
    assert state.position_rad == pytest.approx(POSE_RAD, abs=STEP_RAD)
    assert state.effort_ratio == pytest.approx([0, -0.5, 0, 0, 0, 0, -0.25], abs=5e-4)
    assert state.temperature_degc == pytest.approx([41, 25, 25, 25, 25, 25, 25])
    assert np.isnan(state.voltage_v).all()


def test_motors_are_told_gains_and_velocity(held: Bench) -> None:
    held.exchange(START_RAD)
    held.exchange(START_RAD + 0.004)
    first, gripper = held.motors.commands[0], held.motors.commands[6]
    assert first is not None
    assert gripper is not None
    assert (first.stiffness_nm_rad, first.damping_nm_s_rad) == pytest.approx((80, 5), abs=0.1)
    assert (first.velocity_rad_s, gripper.velocity_rad_s) == pytest.approx((1.0, -1.0), abs=0.02)
    held.exchange(START_RAD + 0.004)
    stopped = held.motors.commands[0]
    assert stopped is not None
    assert stopped.velocity_rad_s == pytest.approx(0, abs=0.005)


def test_a_command_never_asks_for_more_than_the_limit_of_torque(held: Bench) -> None:
    held.exchange(START_RAD + 1.0)
    moved_rad = held.motors.positions_rad[0] - START_RAD[0]
    # 0.8 of 28 Nm, less what the damper adds at the joint's 3 rad/s, over 80 Nm/rad.
    assert moved_rad == pytest.approx((22.4 - 5.0 * 3.0) / 80, abs=0.001)
    assert held.motors.positions_rad[4] == pytest.approx(START_RAD[4], abs=0.001)  # 1.5 * 6 is more than 0.7 of 10


def test_mode_and_time_out_are_set_in_working_memory_only(bench: Bench) -> None:
    bench.nodes[3].put(Register.CONTROL_MODE, 2, saved=True)
    bench.arm.open()
    assert [node.get(Register.TIMEOUT) for node in bench.nodes] == [8000] * 7  # 400 ms
    assert bench.nodes[3].get(Register.CONTROL_MODE) == protocol.MIT_MODE
    bench.can.power_cycle()
    assert bench.nodes[3].get(Register.CONTROL_MODE) == 2
    assert bench.nodes[3].get(Register.TIMEOUT) == 0


def test_after_a_loss_of_power_holding_sets_them_anew(held: Bench) -> None:
    held.can.power_cycle()
    with pytest.raises(DeviceError, match=r"motor 1 \(joint1\) on can0 hangs limp, its torque is off"):
        held.exchange(START_RAD)
    assert not any(held.motors.driven)
    held.arm.hold()
    assert [node.get(Register.TIMEOUT) for node in held.nodes] == [8000] * 7
    assert all(held.motors.driven)


def test_a_motor_in_another_mode_that_drives_is_left_alone(bench: Bench) -> None:
    bench.nodes[2].put(Register.CONTROL_MODE, 2)
    bench.nodes[2].state = MotorState.ENABLED
    with pytest.raises(DeviceError, match=r"motor 3 \(joint3\) on can0 drives in control mode 2; expected 1, MIT"):
        bench.arm.open()
    assert bench.nodes[2].get(Register.CONTROL_MODE) == 2


@pytest.mark.parametrize(
    ("register", "value", "said"),
    [
        (Register.POSITION_MAX, 12.566, "position max of 12.566; expected 12.5, that of a DM4310"),
        (Register.VELOCITY_MAX, 10.0, "velocity max of 10; expected 30"),
        (Register.TORQUE_MAX, 28.0, "torque max of 28; expected 10"),
    ],
)
def test_a_motor_with_other_ranges_than_its_models_is_refused(
    bench: Bench, register: Register, value: float, said: str
) -> None:
    bench.nodes[4].put(register, value)
    with pytest.raises(DeviceError, match=rf"motor 5 \(joint5\) on can0 has a {said}"):
        bench.arm.open()


def test_missing_motors_are_named(bench: Bench) -> None:
    bench.can.faults.silent |= {1, 5}
    with pytest.raises(BusTimeoutError, match=r"motor 2 \(joint2\).*motor 6 \(joint6\).*5 of 7 motors answer"):
        bench.arm.open()


def test_a_motor_that_answers_with_another_id_is_told_apart_from_a_silent_one(bench: Bench) -> None:
    bench.nodes[2].put(Register.FEEDBACK_ID, 0)
    with pytest.raises(
        DeviceError, match=r"motor 3 \(joint3\) on can0 answers with id 0x0; expected 0x13, feedback_id"
    ):
        bench.arm.open()


@pytest.mark.parametrize("turns", [-1, 0, 1])
def test_whole_turns_are_found_from_the_joints_travel(bench: Bench, turns: int) -> None:
    bench.set_joint(1, zero_rad=0.3 + turns * 2 * np.pi)
    bench.motors.positions_rad[1] = 0.3 + 3.5  # beyond half a turn
    bench.can.power_cycle()
    state = bench.arm.open()
    assert state.position_rad[1] == pytest.approx(3.5, abs=STEP_RAD)
    bench.arm.hold()
    assert bench.motors.positions_rad[1] == pytest.approx(3.8, abs=STEP_RAD)
    bench.exchange(state.position_rad - 0.01)
    assert bench.motors.positions_rad[1] == pytest.approx(3.79, abs=STEP_RAD)


def test_travel_that_a_motor_cannot_tell_is_refused(bench: Bench) -> None:
    bench.set_joint(0, zero_rad=9.0, position_min_rad=-3.2, position_max_rad=4.0)
    with pytest.raises(DeviceError, match=r"motor 1 .* its travel, 5\.80\.\.13\.00 rad of the motor.*-12\.5\.\.12\.5"):
        bench.arm.open()


def test_a_held_pose_does_not_creep(held: Bench) -> None:
    before = list(held.motors.positions_rad)
    for _ in range(50):
        pose = held.arm.read().position_rad
        held.exchange(pose)
        held.arm.hold()
    assert held.motors.positions_rad == pytest.approx(before, abs=STEP_RAD / 2)


def test_holding_while_it_drives_keeps_the_torque_that_holds(held: Bench) -> None:
    held.motors.torques_nm[1] = 6.0
    held.arm.hold()
    command = held.motors.commands[1]
    assert command is not None
    assert command.torque_nm == pytest.approx(6.0, abs=0.02)
    assert command.position_rad == pytest.approx(START_RAD[1], abs=STEP_RAD)


def test_motors_that_nobody_commands_let_go_and_hold_again_when_asked(held: Bench) -> None:
    held.exchange(START_RAD)
    held.wait(401_000_000)
    assert not any(held.motors.driven)
    with pytest.raises(
        DeviceError, match=r"motor 1 .* let go because it was not commanded for longer than its time-out"
    ):
        held.exchange(START_RAD)
    with pytest.raises(DeviceError, match="hangs limp"):  # until somebody makes it hold again
        held.exchange(START_RAD)
    held.arm.hold()
    assert all(held.motors.driven)
    held.exchange(START_RAD)


def test_reading_does_not_keep_motors_from_their_time_out(held: Bench) -> None:
    for _ in range(4):
        held.wait(90_000_000)
        assert held.arm.read().position_rad == pytest.approx(START_RAD, abs=STEP_RAD)
    held.wait(90_000_000)
    assert not any(held.motors.driven)
    with pytest.raises(DeviceError, match="let go"):
        held.arm.read()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (MotorState.OVER_VOLTAGE, "over voltage"),
        (MotorState.UNDER_VOLTAGE, "under voltage"),
        (MotorState.OVER_CURRENT, "over current"),
        (MotorState.BRIDGE_OVERHEAT, "bridge overheat"),
        (MotorState.ROTOR_OVERHEAT, "rotor overheat"),
        (MotorState.OVERLOAD, "overload"),
    ],
)
def test_faults_are_named_with_joint_and_values_and_not_cleared(held: Bench, state: MotorState, said: str) -> None:
    held.nodes[4].rotor_degc = 90.0
    held.nodes[4].fail(state)
    reason = rf"motor 5 \(joint5\) on can0 reports {said} \(0\.0 Nm, bridge 25 degC, rotor 90 degC\)"
    for call in (lambda: held.exchange(START_RAD), held.arm.hold, held.arm.open):
        with pytest.raises(DeviceError, match=reason):
            call()
    assert held.nodes[4].state is state


def test_two_faults_are_both_told(held: Bench) -> None:
    held.nodes[1].fail(MotorState.OVERLOAD)
    held.nodes[2].fail(MotorState.OVER_CURRENT)
    with pytest.raises(DeviceError, match=r"joint2.* overload .*; motor 3 \(joint3\).* over current"):
        held.exchange(START_RAD)


def test_release_names_those_it_could_not_reach(held: Bench) -> None:
    held.can.faults.silent.add(5)
    with pytest.raises(BusTimeoutError, match=r"^motor 6 \(joint6\) on can0: torque could not be disabled"):
        held.arm.release()
    assert held.motors.driven == [False] * 5 + [True] + [False]
    held.can.faults.silent.clear()
    held.arm.release()
    assert not any(held.motors.driven)


def test_an_answer_lost_at_release_is_asked_for_again(held: Bench) -> None:
    held.can.faults.n_drop = 12
    held.arm.release()
    assert not any(held.motors.driven)


def test_a_bus_that_is_off_is_lost(held: Bench) -> None:
    held.can.faults.bus_off = True
    with pytest.raises(DeviceLostError, match="can0 is off the bus"):
        held.exchange(START_RAD)


def test_frames_destroyed_on_the_wire_cost_only_time(held: Bench) -> None:
    held.can.faults.n_error_frames = 3
    assert held.exchange(POSE_RAD).position_rad == pytest.approx(POSE_RAD, abs=STEP_RAD)


def test_the_bits_of_a_cycle_by_hand_and_the_highest_rate() -> None:
    # 44 bits around 8 bytes, 3 between frames, 24 stuff bits at most: 135 us at 1 Mbit/s; 7 commands and 7 answers.
    budget = bus_budget(CONFIG)
    assert budget.busy_ns == 14 * 135_000
    assert budget.rate_max_hz == pytest.approx(370, abs=1)
    arm = DamiaoArm(replace(CONFIG, rate_hz=500.0), Bench().port.open_port)
    with pytest.raises(RefusedError, match=r"can0: one cycle takes 1\.89 ms.* 94% of the 2\.00 ms .*to 370 or less"):
        arm.open()
