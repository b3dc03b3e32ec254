"""The command stage on a virtual clock: what it follows, what makes it hold, and that nothing ever jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.stage_rig import MS, PERIOD_NS, POSE, ROBOT, Trial, measured, poisoned
from interfaces.errors import RefusedError
from interfaces.messages import (
    ActionChunk,
    CommandState,
    JointVector,
)
from runtime.command.stage import CommandStage


def test_nothing_is_commanded_before_the_pose_was_measured() -> None:
    with pytest.raises(RefusedError, match="before the pose is measured"):
        CommandStage(ROBOT).command(measured(POSE), 0)


def test_the_first_command_is_the_measured_pose(trial: Trial) -> None:
    trial.stage.adopt(trial.chunk(POSE + 0.5), trial.t_ns)
    np.testing.assert_array_equal(trial.period().position_rad, POSE)


def test_without_a_policy_the_arm_is_ready_and_holds(trial: Trial) -> None:
    command = trial.run(50)
    assert command.state is CommandState.READY
    assert command.frame_age_ns == -1
    np.testing.assert_array_equal(command.position_rad, POSE)


def test_chunks_are_followed_and_their_age_is_told(trial: Trial) -> None:
    goal = POSE.copy()
    goal[[0, 4, 5]] += 0.4
    command = trial.run(60, towards=goal)
    assert command.state is CommandState.FOLLOWING
    assert command.chunk_sequence == trial.sequence
    assert 60 * MS <= command.frame_age_ns <= 100 * MS
    trial.run(60, towards=goal)
    np.testing.assert_allclose(trial.sent[-1].position_rad, goal, atol=0.05)


def test_chunks_that_agree_are_followed_without_lag_at_their_seams(trial: Trial) -> None:
    def on_the_way(t_ns: int) -> JointVector:
        return POSE + np.array([0.8, 0, 0, 0, -0.5, 0.3]) * (t_ns - 10_000 * MS) * 1e-9

    for k in range(60):
        chunk = trial.chunk(POSE)
        rows = [on_the_way(chunk.t_first_ns + row * chunk.step_ns) for row in range(16)]
        if k % 3 == 0:
            t_received_ns = trial.t_ns + PERIOD_NS  # as in the process: at the beginning of the next period
            trial.stage.adopt(replace(chunk, position_rad=np.array(rows)), t_received_ns)
        trial.period()
        if k > 30:
            sent = trial.sent[-1].position_rad
            np.testing.assert_allclose(sent, on_the_way(trial.t_ns + 10 * MS), atol=1e-4)  # 10 ms ahead: actuation


def test_going_to_rest_has_no_frame_behind_it_and_needs_no_foresight(trial: Trial) -> None:
    trial.stage.adopt(replace(trial.chunk(POSE), t_capture_ns=0, foresight_age_ns=10**12), trial.t_ns)
    command = trial.period()
    assert command.state is CommandState.FOLLOWING
    assert command.frame_age_ns == -1


def test_a_chunk_that_is_not_replaced_goes_stale_and_the_arm_comes_to_rest(moving: Trial) -> None:
    moving.stage.adopt(last := moving.chunk(POSE + 0.5), moving.t_ns)
    while moving.period().state is CommandState.FOLLOWING:
        assert moving.t_ns - last.t_state_ns <= 250 * MS
    assert moving.t_ns - last.t_state_ns <= 250 * MS + PERIOD_NS
    assert "old, limit 250 ms" in moving.stage.why
    assert moving.run(8).state is CommandState.HOLDING
    assert moving.stage.at_rest


def test_past_the_last_row_the_arm_holds(moving: Trial) -> None:
    moving.stage.adopt(moving.chunk(POSE + 0.5, n_rows=2), moving.t_ns)
    moving.run(8)
    assert moving.stage.state is CommandState.HOLDING
    assert "past its last row" in moving.stage.why


INVALID: list[tuple[str, Callable[[ActionChunk], ActionChunk], str]] = [
    ("nan", lambda chunk: poisoned(chunk, np.nan), "is not finite"),
    ("inf", lambda chunk: poisoned(chunk, np.inf), "is not finite"),
    ("joints", lambda chunk: replace(chunk, position_rad=chunk.position_rad[:, :5]), "moves 5 joints, the arm has 6"),
    ("foresight", lambda chunk: replace(chunk, foresight_age_ns=401 * MS), "foresight 401 ms old, limit 400 ms"),
    ("future", lambda chunk: replace(chunk, t_state_ns=chunk.t_state_ns + 1000 * MS), "in the future"),
]


@pytest.mark.parametrize(("spoil", "why"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID])
def test_an_invalid_chunk_makes_the_arm_hold_and_a_good_one_move_again(
    moving: Trial, spoil: Callable[[ActionChunk], ActionChunk], why: str
) -> None:
    moving.stage.adopt(spoil(moving.chunk(POSE + 0.5)), moving.t_ns)
    assert moving.period().state is CommandState.HOLDING
    assert why in moving.stage.why
    moving.run(10)
    assert moving.stage.at_rest
    moving.run(10, towards=POSE - 0.3)
    assert moving.stage.state is CommandState.FOLLOWING


def test_a_dead_policy_makes_the_arm_hold_at_once_and_a_new_one_takes_over_without_a_jump(moving: Trial) -> None:
    moving.stage.policy_gone()
    moving.run(10)
    assert moving.stage.state is CommandState.HOLDING
    assert moving.stage.at_rest
    moving.sequence = 0  # a new policy counts from the beginning
    assert moving.run(30, towards=POSE).state is CommandState.FOLLOWING


def test_older_chunks_change_nothing(moving: Trial) -> None:
    before = moving.stage.chunk
    assert before is not None
    moving.stage.adopt(replace(before, sequence=10**6, t_state_ns=before.t_state_ns - MS), moving.t_ns)
    moving.stage.adopt(poisoned(replace(before, t_state_ns=before.t_state_ns - MS), np.nan), moving.t_ns)
    assert moving.stage.chunk is before
