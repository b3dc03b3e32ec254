"""Clutter lies on the table, out of everybody's way, where the camera sees it, and hides nothing that the task is about."""

import numpy as np
import pytest

from sim.camera.renderer import CameraRenderer
from sim.shifts.clutter import CLEAR_OF_WAY_M, THINGS, Clutter
from sim.shifts.task_objects import objects_m
from sim.tasks import TASKS
from sim.world import World


@pytest.fixture(scope="module")
def seen() -> World:
    return World(add_last=Clutter().add_to)


def on_table(world: World) -> list[str]:
    return [name for name in THINGS if np.linalg.norm(world.data.body(name).xpos[:2]) < 1.0]


@pytest.mark.parametrize("task", list(TASKS))
def test_things_lie_clear_of_the_task_and_of_each_other(seen: World, task: str) -> None:
    for seed in range(12):
        seen.reset(task, seed)
        Clutter().dress(seen, seed)
        laid = on_table(seen)
        assert 3 <= len(laid) <= 6
        places_m = {name: seen.data.body(name).xpos.copy() for name in laid}
        keep_clear_m = [*objects_m(seen), seen.state.object_state.goal_m, seen.tip_position_m()]
        for name, place_m in places_m.items():
            half_width_m, half_height_m, _ = THINGS[name]
            assert place_m[2] == pytest.approx(half_height_m)
            for there_m in keep_clear_m:
                assert np.linalg.norm(place_m[:2] - there_m[:2]) > CLEAR_OF_WAY_M + half_width_m
            for other, there_m in places_m.items():
                if other != name:
                    assert np.linalg.norm(place_m[:2] - there_m[:2]) > half_width_m + THINGS[other][0]


def test_nothing_of_the_task_is_hidden_and_every_thing_is_seen(seen: World) -> None:
    plain = World()
    renderer, plain_renderer = CameraRenderer(seen.model), CameraRenderer(plain.model)
    for task in TASKS:
        for seed in range(4):
            for world in (plain, seen):
                world.reset(task, seed)
            Clutter().dress(seen, seed)
            depth_mm, plain_mm = renderer.render(seen.data)[1].astype(int), plain_renderer.render(plain.data)[1]
            for name in on_table(seen):
                column, row = np.rint(seen.project_px(seen.data.body(name).xpos[None])[0]).astype(int)
                if 2 <= row < 238:
                    assert plain_mm[row, column] - depth_mm[row, column] > 5, name
            points_m = np.array([*objects_m(seen), seen.state.object_state.goal_m])
            for column, row in np.rint(seen.project_px(points_m)).astype(int):
                assert abs(depth_mm[row, column] - int(plain_mm[row, column])) <= 1, (task, seed)
    renderer.close()
    plain_renderer.close()


def test_the_arm_goes_through_it(seen: World) -> None:
    """What does not collide can be in nobody's way, wherever it lies."""
    assert all(seen.model.geom(name).contype == 0 and seen.model.geom(name).conaffinity == 0 for name in THINGS)
