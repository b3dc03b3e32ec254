"""Going to rest: one smooth path, in chunks that agree with each other, within a fraction of the limits."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from interfaces.arm_config import ArmConfig
from interfaces.bundle_manifest import ChunkSpec
from interfaces.messages import JointState
from interfaces.robot_config import RobotConfig
from runtime.policy.rest_stage import RestStage

MS = 1_000_000
CHUNK = ChunkSpec(horizon=16, step_ms=50.0, first_ms=50.0)
T0_NS = 5_000 * MS


@pytest.fixture
def arm(robot: RobotConfig) -> ArmConfig:
    """The arm that goes to rest."""
    return robot.arm


def follow(
    stage: RestStage, make_joints: Callable[..., JointState], start_rad: NDArray[np.float64], turns: int
) -> NDArray[np.float64]:
    """Take turns every 50 ms with an arm that does as commanded; return the poses, (turn, joint)."""
    poses = [start_rad]
    for turn in range(turns):
        chunk = stage.lead(make_joints(T0_NS + turn * 50 * MS), poses[-1])
        poses.append(chunk.position_rad[0])  # row 0 is due one turn later
    return np.array(poses)


def test_the_chunk_has_the_layout_of_the_policy(arm: ArmConfig, make_joints: Callable[..., JointState]) -> None:
    chunk = RestStage(arm, CHUNK).lead(make_joints(T0_NS), np.zeros(6))
    assert chunk.position_rad.shape == (16, 6)
    assert (chunk.t_capture_ns, chunk.foresight_age_ns) == (0, -1)  # no frame stands behind it
    assert (chunk.t_state_ns, chunk.t_first_ns, chunk.step_ns) == (T0_NS, T0_NS + 50 * MS, 50 * MS)


def test_it_arrives_at_the_rest_pose_and_stays(arm: ArmConfig, make_joints: Callable[..., JointState]) -> None:
    start_rad = arm.vector("position_max_rad")
    poses = follow(RestStage(arm, CHUNK), make_joints, start_rad, turns=300)
    np.testing.assert_allclose(poses[-1], arm.vector("rest_rad"))
    np.testing.assert_allclose(poses[-20:], poses[-1:].repeat(20, 0))
    way_rad = np.abs(poses - arm.vector("rest_rad"))
    assert (np.diff(way_rad, axis=0) <= 1e-12).all()  # never away from it


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ratios=st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6))
def test_speed_and_acceleration_stay_far_below_the_limits(
    arm: ArmConfig, make_joints: Callable[..., JointState], ratios: list[float]
) -> None:
    low, high = arm.vector("position_min_rad"), arm.vector("position_max_rad")
    start_rad = low + np.array(ratios) * (high - low)
    poses = follow(RestStage(arm, CHUNK), make_joints, start_rad, turns=200)
    velocity = np.diff(poses, axis=0) / 0.05
    assert (np.abs(velocity) <= 0.26 * arm.vector("velocity_max_rad_s")).all()
    assert (np.abs(np.diff(velocity, axis=0) / 0.05) <= 0.26 * arm.vector("acceleration_max_rad_s2")).all()
    assert (np.abs(velocity[0]) <= 0.05).all()  # starts gently


def test_chunks_of_one_path_agree(arm: ArmConfig, make_joints: Callable[..., JointState]) -> None:
    stage = RestStage(arm, CHUNK)
    first = stage.lead(make_joints(T0_NS), np.zeros(6))
    second = stage.lead(make_joints(T0_NS + 50 * MS), first.position_rad[0])
    np.testing.assert_allclose(second.position_rad[:-1], first.position_rad[1:])
    assert second.sequence == first.sequence + 1


def test_an_arm_that_was_held_starts_anew_from_where_it_is(
    arm: ArmConfig, make_joints: Callable[..., JointState]
) -> None:
    stage, held_rad = RestStage(arm, CHUNK), np.zeros(6)
    stage.lead(make_joints(T0_NS), held_rad)
    later = stage.lead(make_joints(T0_NS + 2_000 * MS), held_rad)  # the path is far ahead by now
    np.testing.assert_allclose(later.position_rad[0], held_rad, atol=0.01)


def test_reset_forgets_the_path(arm: ArmConfig, make_joints: Callable[..., JointState]) -> None:
    stage = RestStage(arm, CHUNK)
    first = stage.lead(make_joints(T0_NS), np.zeros(6))
    stage.reset()
    again = stage.lead(make_joints(T0_NS + 100 * MS), np.zeros(6))
    np.testing.assert_allclose(again.position_rad, first.position_rad)


def test_an_arm_at_rest_stays_there(arm: ArmConfig, make_joints: Callable[..., JointState]) -> None:
    rest_rad = arm.vector("rest_rad")
    chunk = RestStage(arm, CHUNK).lead(make_joints(T0_NS), rest_rad)
    np.testing.assert_allclose(chunk.position_rad, rest_rad[None].repeat(16, 0))
