"""The action stage: rows at absolute times from the newest foresight and joints, and no chunk rather than a wrong one."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.messages import Foresight, Frame, JointState
from interfaces.robot_config import RobotConfig
from runtime.command.chunk import position_at
from runtime.policy.action_stage import ActionStage
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage

MS = 1_000_000


@pytest.fixture
def foresight(tiny_bundle: LoadedBundle, make_frame: Callable[..., Frame]) -> Foresight:
    """Foresight of a frame captured at 1 s."""
    return ForesightStage(tiny_bundle).foresee((make_frame(t_capture_ns=1000 * MS),), "push", 1050 * MS)


@pytest.fixture
def stage(tiny_bundle: LoadedBundle, robot: RobotConfig) -> ActionStage:
    """The stage at work."""
    return ActionStage(tiny_bundle, robot.policy)


def test_a_chunk_starts_at_its_joint_state(
    stage: ActionStage, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    chunk = stage.act(foresight, make_joints(1200 * MS, 0.5), "push", 1205 * MS)
    assert chunk is not None
    assert (chunk.sequence, chunk.t_capture_ns, chunk.t_state_ns) == (1, 1000 * MS, 1200 * MS)
    assert (chunk.t_first_ns, chunk.step_ns, chunk.t_last_ns) == (1250 * MS, 50 * MS, 2000 * MS)
    assert chunk.foresight_age_ns == 200 * MS
    assert chunk.position_rad.shape == (16, 6)
    assert chunk.position_rad.dtype == np.float64
    np.testing.assert_allclose(chunk.position_rad[0], 0.5, atol=0.01)  # the tiny graph starts at the joints


def test_the_network_is_told_the_age_in_seconds(
    stage: ActionStage, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    young = stage.act(foresight, make_joints(1000 * MS), "push", 1000 * MS)
    old = stage.act(foresight, make_joints(1320 * MS), "push", 1320 * MS)
    assert young is not None
    assert old is not None
    # The tiny graph adds ramp * age; ramp is 15/16 in the last row; 0.01 is ten times its noise.
    np.testing.assert_allclose((old.position_rad - young.position_rad)[-1], 0.32 * 15 / 16, atol=0.01)


def test_a_frame_after_the_joint_state_has_no_negative_age(
    stage: ActionStage, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    chunk = stage.act(foresight, make_joints(990 * MS), "push", 1000 * MS)
    assert chunk is not None
    assert chunk.foresight_age_ns == 0


def test_foresight_beyond_its_age_makes_no_chunk(
    stage: ActionStage, robot: RobotConfig, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    limit_ns = 1000 * MS + round(robot.policy.foresight_age_max_ms * MS)
    assert stage.act(foresight, make_joints(limit_ns), "push", limit_ns) is not None
    assert stage.act(foresight, make_joints(limit_ns), "push", limit_ns + 1) is None
    assert stage.refusals == {"foresight too old": 1}


def test_foresight_of_another_instruction_makes_no_chunk(
    stage: ActionStage, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    assert stage.act(foresight, make_joints(1000 * MS), "lift", 1000 * MS) is None
    assert stage.refusals == {"foresight of another instruction": 1}


def test_what_is_not_finite_makes_no_chunk(
    stage: ActionStage, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    joints = make_joints(1000 * MS)
    broken = replace(foresight, tokens=np.where(foresight.tokens == 1, np.float32(np.nan), foresight.tokens))
    assert stage.act(broken, joints, "push", 1000 * MS) is None
    assert stage.act(foresight, replace(joints, position_rad=joints.position_rad + np.nan), "push", 1000 * MS) is None
    assert stage.refusals == {"not finite": 2}


def test_the_same_seed_gives_the_same_chunks(
    tiny_bundle: LoadedBundle, robot: RobotConfig, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    def rows(seed: int) -> list[np.ndarray]:
        stage = ActionStage(tiny_bundle, robot.policy, seed=seed)
        chunks = [stage.act(foresight, make_joints(1000 * MS), "push", 1000 * MS) for _ in range(2)]
        return [chunk.position_rad for chunk in chunks if chunk is not None]

    first, second = rows(3)
    assert not np.array_equal(first, second)  # fresh noise for every chunk
    assert all(np.array_equal(a, b) for a, b in zip(rows(3), (first, second), strict=True))
    assert not np.array_equal(rows(4)[0], first)


def test_makers_of_chunks_share_one_numbering(
    tiny_bundle: LoadedBundle, robot: RobotConfig, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    sequence = itertools.count(41)
    stage = ActionStage(tiny_bundle, robot.policy, sequence=sequence)
    chunk = stage.act(foresight, make_joints(1000 * MS), "push", 1000 * MS)
    assert chunk is not None
    assert (chunk.sequence, next(sequence)) == (41, 42)


@pytest.fixture
def prefix_stage(prefix_bundle: LoadedBundle, robot: RobotConfig) -> ActionStage:
    """A stage whose policy takes a committed prefix, and whose inference takes 200 ms; rows are 50 ms apart."""
    stage = ActionStage(prefix_bundle, robot.policy)
    for latency_ms in (9000, 200, 200):
        stage.latency.add(latency_ms * MS)
    return stage


def test_a_new_chunk_goes_on_along_the_one_before_until_it_can_be_there(
    prefix_stage: ActionStage, foresight: Foresight, make_joints: Callable[..., JointState]
) -> None:
    first = prefix_stage.act(foresight, make_joints(1000 * MS, 0.3), "push", 1000 * MS)
    second = prefix_stage.act(foresight, make_joints(1030 * MS, 0.5), "push", 1035 * MS)
    assert first is not None
    assert second is not None
    # Rows at 1080, 1130, 1180 and 1230 come before 1035 + 200 of inference + 10 of the arm, and are those of the first chunk.
    for row in range(4):
        expected = position_at(first, second.t_first_ns + row * second.step_ns)
        assert expected is not None
        np.testing.assert_allclose(second.position_rad[row], expected, atol=1e-5)
    np.testing.assert_allclose(second.position_rad[4:, 0] - first.position_rad[4:, 0], 0.2, atol=0.05)


@pytest.mark.parametrize("why", ["forgotten", "another instruction", "too old", "first"])
def test_nothing_is_committed_of_a_chunk_that_is_not_followed(
    prefix_stage: ActionStage, foresight: Foresight, make_joints: Callable[..., JointState], why: str
) -> None:
    t_ns = 1300 * MS if why == "too old" else 1030 * MS
    if why != "first":
        other = replace(foresight, instruction="lift") if why == "another instruction" else foresight
        assert prefix_stage.act(other, make_joints(1000 * MS, 0.3), other.instruction, 1000 * MS) is not None
    if why == "forgotten":
        prefix_stage.forget()
    chunk = prefix_stage.act(foresight, make_joints(t_ns, 0.5), "push", t_ns)
    assert chunk is not None
    np.testing.assert_allclose(chunk.position_rad[0], 0.5, atol=0.01)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    age_ns=st.integers(-500 * MS, 900 * MS),
    late_ns=st.integers(0, 500 * MS),
    followed=st.sampled_from(["push", "lift", "rest"]),
)
def test_whatever_the_times_a_chunk_is_whole_and_young_or_not_made(
    tiny_bundle: LoadedBundle,
    robot: RobotConfig,
    make_joints: Callable[..., JointState],
    age_ns: int,
    late_ns: int,
    followed: str,
) -> None:
    stage = ActionStage(tiny_bundle, robot.policy)
    tokens = np.zeros((2, 4), np.float32)
    foresight = Foresight(sequence=1, instruction="push", t_capture_ns=10**12, t_done_ns=10**12, tokens=tokens)
    joints = make_joints(10**12 + age_ns)
    chunk = stage.act(foresight, joints, followed, joints.t_measured_ns + late_ns)
    assert (chunk is None) == (followed != "push" or age_ns + late_ns > robot.policy.foresight_age_max_ms * MS)
    assert sum(stage.refusals.values()) == 1 if chunk is None else np.isfinite(chunk.position_rad).all()
