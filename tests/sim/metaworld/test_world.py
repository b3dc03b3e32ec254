"""The world around a task: on a stand-in for Meta-World's package always, and on the package itself where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interfaces.errors import RefusedError
from sim.metaworld import package
from sim.metaworld.expert import Experts
from sim.metaworld.package import INSTALL, open_environment
from sim.metaworld.target_noise import TargetNoise
from sim.metaworld.targets import Vector
from sim.metaworld.tasks import STEPS_MAX, TASKS
from sim.metaworld.world import MetaworldWorld
from tests.sim.metaworld.fake_task import FakeTask, fake_package

needs_metaworld = pytest.mark.skipif(
    importlib.util.find_spec("metaworld") is None, reason="the package metaworld is not installed here"
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in in the package's place."""
    monkeypatch.setattr(package, "_module", fake_package)


def play(
    world: MetaworldWorld, task: str, seed: int, choose: Callable[[MetaworldWorld], Vector | None]
) -> list[Vector]:
    """Return what the hand did."""
    world.reset(task, seed)
    went: list[Vector] = []
    while not (world.is_over or world.succeeded):
        world.step(choose(world))
        went.append(world.joints)
    return went


@pytest.mark.usefixtures("fake")
def test_the_expert_gets_there_and_only_by_allowed_actions() -> None:
    world, experts = MetaworldWorld(), Experts()
    went = play(world, "door-open", 3, lambda seen: experts.target("door-open", seen.observation))
    assert world.succeeded
    assert 5 < len(went) == world.n_steps < 100
    assert world.time_ns == 12_500_000 * world.n_steps
    assert np.isfinite(world.observation).all()  # what the expert wrote into its copy


@pytest.mark.usefixtures("fake")
def test_an_episode_is_a_function_of_task_and_seed() -> None:
    experts, fresh, used = Experts(), MetaworldWorld(), MetaworldWorld()

    def choose(seen: MetaworldWorld) -> Vector:
        return experts.target("drawer-close", seen.observation)

    play(used, "drawer-close", 7, choose)
    play(used, "door-open", 1, choose)
    np.testing.assert_array_equal(play(fresh, "drawer-close", 8, choose), play(used, "drawer-close", 8, choose))
    assert fresh.points_m[1].tolist() != play_first_thing(fresh, 9)


def play_first_thing(world: MetaworldWorld, seed: int) -> list[float]:
    world.reset("drawer-close", seed)
    return world.points_m[1].tolist()


@pytest.mark.usefixtures("fake")
def test_without_a_target_the_hand_stays() -> None:
    world = MetaworldWorld()
    world.reset("door-open", 0)
    before = world.point_m
    world.step(np.array([0.0, 0.7, 0.2, 0.0]))
    moved = world.point_m
    world.step(None)
    np.testing.assert_array_equal(world.point_m, moved)
    assert not np.array_equal(before, moved)
    task: Any = vars(world)["_environment"]
    assert isinstance(task, FakeTask)
    assert [float(action[3]) for action in task.actions[-2:]] == [1.0, 1.0]  # the fingers stay closed


@pytest.mark.usefixtures("fake")
def test_an_episode_ends() -> None:
    world = MetaworldWorld()
    assert len(play(world, "door-open", 0, lambda _: None)) == STEPS_MAX
    with pytest.raises(RefusedError, match="door-open: an episode has 500 steps"):
        world.step(None)


@pytest.mark.usefixtures("fake")
def test_the_camera_sees_the_hand_and_how_far_it_is() -> None:
    world = MetaworldWorld()
    world.reset("door-open", 0)
    rgb, depth_mm = world.render()
    red = (rgb[..., 0] > 2.0 * rgb[..., 1]) & (rgb[..., 0] > 60)
    assert 50 < red.sum() < 2000
    assert (
        1060 < np.median(depth_mm[red]) < 1120
    )  # by the camera's place: 1118 mm to the ball's middle, whose radius is 40
    world.close()


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(RefusedError, match="task 'dance'; expected one of drawer-close"):
        MetaworldWorld().reset("dance", 0)


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "metaworld.env_dict", None)
    with pytest.raises(RefusedError) as refused:
        open_environment("door-open")
    assert "Meta-World cannot be imported" in str(refused.value)
    assert INSTALL in str(refused.value)


@needs_metaworld
@pytest.mark.parametrize("task", TASKS)
def test_the_packages_experts_succeed_with_noise_on_new_seeds(task: str) -> None:
    world, experts = MetaworldWorld(), Experts()
    for seed in (50_000, 50_001):
        noise = TargetNoise(np.random.default_rng(seed))
        play(world, task, seed, lambda seen, of=noise: experts.target(task, seen.observation) + of.offset(seen.n_steps))
        assert world.succeeded


@needs_metaworld
def test_the_packages_episodes_do_not_depend_on_those_before() -> None:
    experts, fresh, used = Experts(), MetaworldWorld(), MetaworldWorld()
    for task in ("faucet-open", "drawer-open"):

        def choose(seen: MetaworldWorld, task: str = task) -> Vector:
            return experts.target(task, seen.observation)

        for seed in (1, 2):
            play(used, task, seed, choose)
        np.testing.assert_array_equal(play(fresh, task, 3, choose), play(used, task, 3, choose))


@needs_metaworld
def test_the_packages_objects_are_seen_where_they_are_from_the_first_picture_on() -> None:
    world = MetaworldWorld()
    world.reset("button-press-topdown", 5)
    first, place_m = world.render()[0], world.points_m[1]
    world.step(None)
    np.testing.assert_allclose(world.points_m[1], place_m, atol=0.002)
    assert np.abs(first.astype(int) - world.render()[0]).max(axis=2).mean() < 2.0
    world.close()
