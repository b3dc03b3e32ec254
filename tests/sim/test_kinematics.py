"""Our kinematics against MuJoCo's, and the inverse against the forward."""

import numpy as np
import pytest

from sim.expert.inverse_kinematics import FINGERS_DOWN_RAD, joints_for_tip
from sim.kinematics import so101_kinematics
from sim.world import REST_RAD, World


def test_tip_path_agrees_with_the_physics_and_leaves_it_alone() -> None:
    world = World()
    world.reset("reach", 0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        world.set_targets(rng.uniform([-1, -1, 0, 0.5, -1, 0], [1, 0.2, 1.2, 1.5, 1, 1]))
        world.step(400)
        before = world.data.qpos.copy()
        tips_m = world.tip_path_m(np.stack([world.joint_positions_rad, np.zeros(6)]))
        np.testing.assert_array_equal(world.data.qpos, before)
        # The world's own value is that of the start of its last step.
        np.testing.assert_allclose(tips_m[0], world.tip_position_m(), atol=1e-3)


def test_jacobian_is_the_slope_of_the_tip() -> None:
    kinematics = so101_kinematics()
    joints_rad = np.array(REST_RAD) + 0.1
    pose = kinematics.tip_pose(joints_rad)
    for i_joint in range(5):
        nudge = np.zeros(6)
        nudge[i_joint] = 1e-6
        both_m = kinematics.tip_path(np.stack([joints_rad - nudge, joints_rad + nudge]))
        np.testing.assert_allclose((both_m[1] - both_m[0]) / 2e-6, pose.jacobian_m[:, i_joint], atol=1e-6)


@pytest.mark.parametrize("radius_m", [0.15, 0.2, 0.24])
@pytest.mark.parametrize("angle_rad", [-0.5, 0.0, 0.4])
def test_inverse_puts_the_tip_there_with_fingers_down(radius_m: float, angle_rad: float) -> None:
    kinematics = so101_kinematics()
    tip_m = np.array([radius_m * np.cos(angle_rad), radius_m * np.sin(angle_rad), 0.015])
    joints_rad = joints_for_tip(kinematics, np.array(REST_RAD), tip_m, FINGERS_DOWN_RAD, 0.0)
    np.testing.assert_allclose(kinematics.tip_path(joints_rad[None])[0], tip_m, atol=0.001)
    assert joints_rad[1:4].sum() == pytest.approx(FINGERS_DOWN_RAD, abs=0.02)
    assert np.all(joints_rad >= kinematics.limits_rad[:, 0])
    assert np.all(joints_rad <= kinematics.limits_rad[:, 1])


def test_out_of_reach_the_joints_stay_in_their_limits() -> None:
    kinematics = so101_kinematics()
    joints_rad = joints_for_tip(kinematics, np.array(REST_RAD), np.array([0.6, 0.3, 0.5]), FINGERS_DOWN_RAD, 0.0)
    assert np.all(np.isfinite(joints_rad))
    assert np.all((joints_rad >= kinematics.limits_rad[:, 0]) & (joints_rad <= kinematics.limits_rad[:, 1]))
