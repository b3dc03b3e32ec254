"""Absolute targets and the actions that lead there: how far, how fast, and the way back from an expert's action."""

import numpy as np
import pytest

from sim.metaworld.target_noise import CLIP_SIGMAS, HELD_STEPS, SIGMAS_M, TargetNoise
from sim.metaworld.targets import ACTION_M, LEAD_M, action_towards, from_here
from sim.metaworld.tasks import TASKS, environment_class, expert_class


def test_a_near_target_is_reached_in_one_step() -> None:
    point_m = np.array([0.1, 0.6, 0.2])
    action = action_towards(np.array([0.105, 0.596, 0.2, 1.0]), point_m)
    np.testing.assert_allclose(point_m + ACTION_M * action[:3], [0.105, 0.596, 0.2])
    assert action[3] == -1.0  # open


def test_a_far_target_is_approached_as_fast_as_an_action_can() -> None:
    assert action_towards(np.array([0.4, -0.4, 0.0, 0.0]), np.zeros(3)).tolist() == [1.0, -1.0, 0.0, 1.0]


def test_an_opening_beyond_its_range_is_the_range() -> None:
    assert action_towards(np.array([0, 0, 0, 1.7]), np.zeros(3))[3] == -1.0
    assert action_towards(np.array([0, 0, 0, -0.7]), np.zeros(3))[3] == 1.0


def test_an_experts_target_lies_a_lead_ahead_at_most() -> None:
    target = from_here(np.array([0.0, 0.6, 0.2]), np.array([30.0, -0.5, 0.0, 1.0]))
    np.testing.assert_allclose(target, [LEAD_M, 0.6 - LEAD_M / 2, 0.2, 0.0])


@pytest.mark.parametrize("task", TASKS)
def test_fingers_do_what_the_expert_wants(task: str) -> None:
    for effort in (-1.0, 0.0, 1.0):
        target = from_here(np.zeros(3), np.array([0.0, 0.0, 0.0, effort]))
        assert action_towards(target, np.zeros(3))[3] == effort
    assert environment_class(task) == f"{task}-v3"
    assert expert_class(task).startswith("Sawyer")


def test_noise_holds_for_a_while_and_spares_the_fingers() -> None:
    drawn: set[float] = set()
    for seed in range(40):
        noise = TargetNoise(np.random.default_rng(seed))
        offsets = np.array([noise.offset(step) for step in range(64)])
        assert (offsets[:, 3] == 0.0).all()
        assert np.abs(offsets).max() <= CLIP_SIGMAS * max(SIGMAS_M) + 1e-12
        parts = offsets.reshape(-1, HELD_STEPS, 4)
        assert (parts == parts[:, :1]).all()
        drawn.add(float(np.abs(offsets).max()) > 0.0)
    assert drawn == {True, False}  # some episodes are clean
