"""What a seed means stays what it was: looks and objects to the last digit that is written here."""

import numpy as np
import pytest

from sim.mujoco_headless import mujoco
from sim.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_looks_of_a_seed_are_what_they_were(world: World) -> None:
    world.reset("press", 7)
    lamp = world.model.light("lamp")
    np.testing.assert_allclose(world.model.geom("press_cap").rgba, [0.94489634, 0.44919252, 0.13606313, 1.0], atol=1e-7)
    np.testing.assert_allclose(world.model.geom("table").rgba, [0.84837145, 0.7599091, 0.7133293, 1.0], atol=1e-7)
    np.testing.assert_allclose(world.model.mat_rgba[0], [0.9907079, 0.8473625, 0.1131369, 1.0], atol=1e-7)
    np.testing.assert_allclose(lamp.dir, [-0.4021899, 0.41333338, -0.8169448], atol=1e-7)
    np.testing.assert_allclose(lamp.diffuse, [0.5404655, 0.5291566, 0.5178477], atol=1e-7)
    np.testing.assert_allclose(world.model.body("press_base").pos, [0.17594278, 0.05870917, 0.0], atol=1e-7)


def test_what_is_added_last_changes_nothing_before_it(world: World) -> None:
    def add(spec: mujoco.MjSpec) -> None:
        spec.worldbody.add_body(name="guest").add_geom(name="guest", size=[0.01, 0, 0], rgba=[1, 0, 1, 1])

    larger = World(add_last=add)
    for each in (world, larger):
        each.reset("push", 4)
        each.step(20)
    n_bodies, n_geoms = world.model.nbody, world.model.ngeom
    np.testing.assert_array_equal(larger.model.body_pos[:n_bodies], world.model.body_pos)
    np.testing.assert_array_equal(larger.model.geom_rgba[:n_geoms], world.model.geom_rgba)
    np.testing.assert_array_equal(larger.physics_state(), world.physics_state())
    np.testing.assert_array_equal(larger.model.geom("guest").rgba, [1, 0, 1, 1])
