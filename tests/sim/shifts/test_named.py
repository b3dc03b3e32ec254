"""Every shift: the same for the same seed whatever was played before, another for another seed, and none is none."""

import numpy as np
import pytest

from forerun.defaults import SHIFTS as OFFERED
from sim.camera.renderer import CameraRenderer
from sim.shifts.named import SHIFTS
from sim.tasks import TASKS
from sim.world import World

VISIBLE = ("camera", "looks", "clutter")


def test_the_command_offers_them_all() -> None:
    assert tuple(SHIFTS) == OFFERED


def test_none_changes_nothing() -> None:
    shift, plain = SHIFTS["none"](), World()
    seen = World(add_last=shift.add_to)
    for each in (plain, seen):
        each.reset("push", 2)
    shift.begin(seen, 2)
    shift.dress(seen, 2)
    shift.during(seen, 10**9)
    np.testing.assert_array_equal(seen.physics_state(), plain.physics_state())
    for field in ("geom_rgba", "mat_rgba", "body_pos", "cam_pos", "cam_quat", "light_dir", "light_diffuse"):
        np.testing.assert_array_equal(getattr(seen.model, field), getattr(plain.model, field))


@pytest.mark.parametrize("name", VISIBLE)
def test_an_episode_looks_the_same_whatever_was_played_before(name: str) -> None:
    shift, plain = SHIFTS[name](), World()
    seen = World(add_last=shift.add_to)
    renderer, plain_renderer = CameraRenderer(seen.model), CameraRenderer(plain.model)

    def picture(task: str, seed: int) -> np.ndarray:
        seen.reset(task, seed)
        shift.dress(seen, seed)
        return renderer.render(seen.data)[0]

    plain.reset("lift", 5)
    first = picture("lift", 5)
    assert np.abs(first.astype(int) - plain_renderer.render(plain.data)[0]).mean() > 1.0
    others = [picture("lift", 6), *(picture(task, 5) for task in TASKS if task != "lift")]
    assert all(np.any(first != other) for other in others)
    np.testing.assert_array_equal(picture("lift", 5), first)
    renderer.close()
    plain_renderer.close()
