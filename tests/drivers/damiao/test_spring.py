"""From targets to commands: velocity, the limit of torque, and the torque that is learnt."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.arm_rigs.damiao import ROBOT_FILE
from drivers.damiao.protocol import RANGES
from drivers.damiao.spring import Springs
from interfaces.arm_config import DamiaoConfig
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot

ARM = load_robot(ROBOT_FILE).arm
assert isinstance(ARM, DamiaoConfig)
CONFIG: DamiaoConfig = ARM
N = len(CONFIG.joints)
ZERO = np.zeros(N)
TORQUE_MAX_NM = np.array([RANGES[joint.model].torque_max_nm for joint in CONFIG.joints])
LIMIT_NM = CONFIG.vector("effort_max_ratio") * TORQUE_MAX_NM
PERIOD_S = CONFIG.period_ns * 1e-9
VECTORS = st.lists(st.floats(-3.0, 3.0), min_size=N, max_size=N).map(np.array)


def springs(*, integral_time_s: float | None = None) -> Springs:
    joints = tuple(replace(joint, integral_time_s=integral_time_s) for joint in CONFIG.joints)
    made = Springs(replace(CONFIG, joints=joints))
    made.start(ZERO, ZERO)
    return made


def push_nm(
    made: Springs, sent: tuple[JointVector, JointVector, JointVector], at: JointVector, speed: JointVector
) -> JointVector:
    """What the motors make of a command, by the maker's formula."""
    position, velocity, torque = sent
    return made.stiffness_nm_rad * (position - at) + made.damping_nm_s_rad * (velocity - speed) + torque


def test_a_small_step_is_sent_as_it_is_with_its_velocity() -> None:
    position, velocity, torque = springs().toward(np.full(N, 0.004), ZERO, ZERO, 1)
    assert position == pytest.approx(0.004)
    assert velocity == pytest.approx(0.004 / PERIOD_S)
    assert torque == pytest.approx(ZERO)


def test_after_lost_cycles_the_velocity_is_that_of_the_whole_time() -> None:
    _, velocity, _ = springs().toward(np.full(N, 0.004), ZERO, ZERO, 4)
    assert velocity == pytest.approx(0.001 / PERIOD_S)


def test_the_velocity_is_held_to_the_joints_limit_and_zero_where_nothing_moves() -> None:
    made = springs()
    fastest = CONFIG.vector("velocity_max_rad_s")
    _, velocity, _ = made.toward(np.full(N, 0.5), ZERO, fastest, 1)
    assert velocity == pytest.approx(fastest)
    _, velocity, _ = made.toward(np.full(N, 0.5), ZERO, ZERO, 1)
    assert velocity == pytest.approx(ZERO)


@settings(deadline=None)
@given(VECTORS, VECTORS, VECTORS, VECTORS)
def test_no_command_pushes_harder_than_the_limit(
    target: JointVector, at: JointVector, speed: JointVector, torque: JointVector
) -> None:
    made = springs(integral_time_s=0.5)
    made.start(at, torque * 100)
    sent = made.toward(target, at, speed, 1)
    assert (np.abs(push_nm(made, sent, at, speed)) <= LIMIT_NM + 1e-9).all()


def test_damping_beyond_the_limit_is_cut_and_leaves_the_spring_nothing() -> None:
    position, velocity, _ = springs().toward(np.full(N, 0.5), ZERO, ZERO, 1)
    wrist = 4  # 1.5 Nm s/rad * 6 rad/s is more than 7 Nm
    assert velocity[wrist] == pytest.approx(7.0 / 1.5)
    assert position[wrist] == pytest.approx(0)


def test_a_push_within_the_limit_is_left_alone() -> None:
    made = springs()
    target = 0.9 * LIMIT_NM / made.stiffness_nm_rad
    made.toward(target, ZERO, ZERO, 1)
    position, _, _ = made.toward(target, ZERO, ZERO, 1)  # it stands, and so without velocity
    assert position == pytest.approx(target)


def test_without_an_integral_time_nothing_is_learnt() -> None:
    made = springs()
    made.start(ZERO, np.full(N, 1.0))
    for _ in range(100):
        made.toward(ZERO, ZERO, ZERO, 1)
        made.learn(np.full(N, -0.1))
    assert made.toward(ZERO, ZERO, ZERO, 1)[2] == pytest.approx(ZERO)


def test_a_sag_of_one_integral_time_doubles_the_push() -> None:
    made = springs(integral_time_s=0.5)
    sag = np.full(N, -0.01)
    for _ in range(round(0.5 / PERIOD_S)):
        made.toward(ZERO, sag, ZERO, 1)
        made.learn(sag)
    assert made.toward(ZERO, sag, ZERO, 1)[2] == pytest.approx(0.01 * made.stiffness_nm_rad)


def test_the_error_is_told_against_the_target_that_the_joints_had_time_to_reach() -> None:
    made = springs(integral_time_s=0.5)
    for cycle in range(1, 50):  # each joint is always exactly where it was sent one cycle before
        made.toward(np.full(N, 0.01 * cycle), np.full(N, 0.01 * (cycle - 2)), ZERO, 1)
        made.learn(np.full(N, 0.01 * (cycle - 1)))
    assert made.toward(ZERO, ZERO, ZERO, 1)[2] == pytest.approx(ZERO)


def test_errors_below_a_step_of_the_encoding_are_not_collected_and_the_torque_stays_within_the_limit() -> None:
    made = springs(integral_time_s=0.5)
    for _ in range(1000):
        made.toward(ZERO, ZERO, ZERO, 1)
        made.learn(np.full(N, 0.0003))
    assert made.toward(ZERO, ZERO, ZERO, 1)[2] == pytest.approx(ZERO)
    for _ in range(10_000):
        made.toward(ZERO, ZERO, ZERO, 1)
        made.learn(np.full(N, -1.0))
    assert made.toward(ZERO, ZERO, ZERO, 1)[2] == pytest.approx(LIMIT_NM)


def test_a_torque_that_held_the_pose_is_kept() -> None:
    made = springs(integral_time_s=0.5)
    made.start(ZERO, np.full(N, 1.2))
    assert made.toward(ZERO, ZERO, ZERO, 1)[2] == pytest.approx(np.minimum(1.2, LIMIT_NM))
