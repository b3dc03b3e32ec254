"""The simulated table: seeds, physics, success, and the arm as its package describes it."""

import numpy as np
import pytest

from sim.mujoco_headless import mujoco
from sim.robot_model import JOINT_NAMES, package_model_path
from sim.tasks import TASKS
from sim.world import STEP_NS, World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.mark.parametrize("task_name", list(TASKS))
def test_a_seed_gives_the_same_episode_twice(world: World, task_name: str) -> None:
    def play() -> list[np.ndarray]:
        world.reset(task_name, 7)
        world.set_targets(world.joint_positions_rad + 0.1)
        world.step(200)
        return [world.data.qpos.copy(), world.model.geom_rgba.copy(), world.model.body_pos.copy()]

    first = play()
    world.reset("push", 3)  # another episode between must leave no trace
    for a, b in zip(first, play(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_seeds_differ(world: World) -> None:
    world.reset("lift", 1)
    first_m = world.state.object_state.position_m
    world.reset("lift", 2)
    assert np.linalg.norm(world.state.object_state.position_m - first_m) > 1e-3


@pytest.mark.parametrize("task_name", list(TASKS))
def test_only_the_objects_of_the_task_are_on_the_table(world: World, task_name: str) -> None:
    world.reset(task_name, 0)
    objects = ["reach_ball", "push_cube", "push_zone", "press_base", "lift_cylinder", "choose_left", "choose_right"]
    on_table = {name for name in objects if np.linalg.norm(world.data.body(name).xpos[:2]) < 0.5}
    assert {name.split("_")[0] for name in on_table} == {task_name}


def test_new_objects_leave_arm_and_time_alone(world: World) -> None:
    world.reset("reach", 0)
    world.set_targets(np.array([0.4, -0.5, 0.4, 1.2, 0.1, 0.3]))
    world.step(500)
    time_ns, joints_rad = world.time_ns, world.joint_positions_rad
    world.reset_objects("push", 5)
    objects_m = world.state.object_state.position_m
    assert world.time_ns == time_ns == 500 * STEP_NS
    np.testing.assert_array_equal(world.joint_positions_rad, joints_rad)
    world.reset("push", 5)
    np.testing.assert_array_equal(world.state.object_state.position_m, objects_m)


def test_success_of_reach_is_the_distance_of_the_tip(world: World) -> None:
    world.reset("reach", 0)
    assert not world.succeeded()
    world.model.body("reach_ball").pos[:] = world.tip_position_m() + np.array([0, 0, 0.019])
    mujoco.mj_forward(world.model, world.data)
    assert world.succeeded()
    world.model.body("reach_ball").pos[2] += 0.002
    mujoco.mj_forward(world.model, world.data)
    assert not world.succeeded()


def test_success_of_push_is_the_distance_of_the_cube(world: World) -> None:
    world.reset("push", 0)
    assert not world.succeeded()
    zone_m = world.state.object_state.goal_m
    world.data.joint("push_cube").qpos[:2] = zone_m[:2] + np.array([0.034, 0.0])
    mujoco.mj_forward(world.model, world.data)
    assert world.succeeded()
    world.data.joint("push_cube").qpos[0] += 0.002
    mujoco.mj_forward(world.model, world.data)
    assert not world.succeeded()


def test_the_button_springs_back(world: World) -> None:
    world.reset("press", 0)
    world.data.joint("press_cap").qpos[0] = 0.012
    mujoco.mj_forward(world.model, world.data)
    assert world.succeeded()
    world.step(250)
    assert not world.succeeded()
    assert abs(world.data.joint("press_cap").qpos[0]) < 0.001


def test_success_of_lift_is_height(world: World) -> None:
    world.reset("lift", 0)
    assert not world.succeeded()
    world.data.joint("lift_cylinder").qpos[2] = 0.061
    mujoco.mj_forward(world.model, world.data)
    assert world.succeeded()
    world.step(250)  # nobody holds it
    assert not world.succeeded()


def test_arm_goes_where_it_is_told_and_falls_without_torque(world: World) -> None:
    world.reset("reach", 0)
    targets_rad = np.array([0.4, -0.5, 0.4, 1.2, 0.1, 0.3])
    world.set_targets(targets_rad)
    world.step(1000)
    np.testing.assert_allclose(world.joint_positions_rad, targets_rad, atol=0.01)
    np.testing.assert_allclose(world.joint_velocities_rad_s, 0.0, atol=0.01)
    height_m = world.tip_position_m()[2]
    world.set_torque_enabled(np.zeros(6, bool))
    world.step(500)
    np.testing.assert_array_equal(world.joint_torques_nm, 0.0)
    assert world.tip_position_m()[2] < height_m - 0.01


def test_arm_is_the_package_s_arm(world: World) -> None:
    """Lighter meshes must not touch what moves the arm."""
    world.reset("reach", 0)
    package = mujoco.MjModel.from_xml_path(str(package_model_path()))
    for name in ("base", "shoulder", "upper_arm", "lower_arm", "wrist", "gripper", "moving_jaw_so101_v1"):
        for field in ("mass", "inertia", "ipos", "iquat", "pos", "quat"):
            ours, theirs = getattr(world.model.body(name), field), getattr(package.body(name), field)
            np.testing.assert_allclose(ours, theirs, atol=1e-12, err_msg=f"{name} {field}")
    for name in JOINT_NAMES:
        np.testing.assert_array_equal(world.model.joint(name).range, package.joint(name).range)
        for table in ("dof_damping", "dof_armature", "dof_frictionloss"):
            ours = getattr(world.model, table)[world.model.joint(name).dofadr]
            np.testing.assert_array_equal(ours, getattr(package, table)[package.joint(name).dofadr], err_msg=table)
        for field in ("gainprm", "biasprm", "ctrlrange", "forcerange"):
            ours, theirs = getattr(world.model.actuator(name), field), getattr(package.actuator(name), field)
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{name} {field}")
