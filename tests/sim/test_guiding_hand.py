"""A hand leads the limp arm where it wants, stops where the arm does, and yields to what is stronger."""

from __future__ import annotations

import numpy as np
import pytest

from sim.truth import Truth
from sim.world import World

AWAY_RAD = np.array([0.0, -1.3, 0.9, 0.0, 0.0, 0.3])


@pytest.fixture
def limp() -> World:
    world = World(Truth(friction_nm=(0.1,) * 6, hard_stops=True))
    world.set_torque_enabled(np.zeros(6, bool))
    return world


def test_it_leads_the_arm_and_holds_it_there(limp: World) -> None:
    limp.hand.guide(AWAY_RAD)
    limp.step(1000)
    assert limp.hand.is_there
    np.testing.assert_allclose(limp.joint_positions_rad, AWAY_RAD, atol=1e-3)


def test_it_moves_no_faster_than_it_wants(limp: World) -> None:
    limp.hand.guide(AWAY_RAD, speed_rad_s=0.5)
    fastest = 0.0
    for _ in range(500):
        limp.step(1)
        fastest = max(fastest, float(np.abs(limp.joint_velocities_rad_s).max()))
    assert 0.3 < fastest < 1.0


def test_joints_that_are_let_go_fall(limp: World) -> None:
    limp.hand.guide(AWAY_RAD)
    limp.step(1000)
    limp.hand.guide(np.array([np.nan, AWAY_RAD[1], np.nan, np.nan, np.nan, np.nan]))
    limp.step(500)
    assert abs(limp.joint_positions_rad[1] - AWAY_RAD[1]) < 0.02
    assert np.abs(limp.joint_positions_rad - AWAY_RAD)[2:].max() > 0.05
    limp.hand.let_go()
    limp.step(1)
    assert limp.hand.is_idle
    np.testing.assert_array_equal(limp.data.qfrc_applied[:6], np.zeros(6))


def test_it_pushes_against_stops_and_they_hold(limp: World) -> None:
    low_rad, high_rad = limp.model.jnt_range[0]
    for beyond_rad, stop_rad in ((low_rad - 0.3, low_rad), (high_rad + 0.3, high_rad)):
        goal_rad = AWAY_RAD.copy()
        goal_rad[0] = beyond_rad
        limp.hand.guide(goal_rad, speed_rad_s=3.0)
        limp.step(1500)
        assert limp.joint_positions_rad[0] == pytest.approx(stop_rad, abs=1e-3)


def test_motors_are_stronger() -> None:
    world = World()
    here_rad = world.joint_positions_rad
    world.hand.guide(here_rad + 0.5)
    world.step(1000)
    np.testing.assert_allclose(world.joint_positions_rad, here_rad, atol=5e-3)
