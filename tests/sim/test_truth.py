"""Each truth is really there, and the neutral one is the world as it was without."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from interfaces.errors import ConfigError
from sim.camera.renderer import CameraRenderer
from sim.camera.true_camera import TrueCamera
from sim.motors.servo_world import ServoWorld
from sim.rigid import Array, inverse
from sim.truth import AS_DESIGNED, BoardPlace, Truth, load_truth
from sim.world import STEP_NS, World

OFFSET_RAD = (0.02, -0.03, 0.05, 0.01, -0.04, 0.1)
SMALL = np.array([0.1, -0.2, 0.1, 0.1, 0.3, 0.2])


def driven(world: World, servos: ServoWorld, targets_rad: Array, n_steps: int) -> None:
    for i, target_rad in enumerate(targets_rad):
        servos.set_target_rad(i, float(target_rad))
        servos.set_torque(i, enabled=True)
    for _ in range(n_steps):
        servos.write_to(world)
        world.step(1)
        servos.read_from(world)


def fingerprint(world: World, camera: TrueCamera | CameraRenderer) -> str:
    """Return a hash of what an episode's start does and shows."""
    total = hashlib.sha256()
    for task in ("reach", "lift"):
        world.reset(task, 5)
        servos = ServoWorld(world)
        driven(world, servos, world.joint_positions_rad + SMALL, 100)
        picture = camera.take() if isinstance(camera, TrueCamera) else camera.render(world.data)
        for part in (world.data.qpos, world.data.qvel, *picture, world.model.mat_rgba, world.model.geom_rgba):
            total.update(np.ascontiguousarray(part).tobytes())
    return total.hexdigest()


def test_the_neutral_truth_is_the_world_without_one() -> None:
    plain, neutral = World(), World(Truth())
    camera = TrueCamera(neutral, 424, 240)
    renderer = CameraRenderer(plain.model)
    assert fingerprint(neutral, camera) == fingerprint(plain, renderer)
    camera.close()
    renderer.close()


def test_landmarks_leave_the_looks_of_all_else_alone() -> None:
    plain, marked = World(), World(Truth(landmarks=True))
    for world in (plain, marked):
        world.reset("push", 3)
    n_geoms, n_materials = plain.model.ngeom, plain.model.nmat
    np.testing.assert_array_equal(marked.model.geom_rgba[:n_geoms], plain.model.geom_rgba)
    np.testing.assert_array_equal(marked.model.mat_rgba[:n_materials], plain.model.mat_rgba)
    assert marked.model.ngeom > n_geoms


def test_joints_are_off_by_the_offset() -> None:
    world = World(Truth(joint_offset_rad=OFFSET_RAD))
    servos = ServoWorld(world)
    told_rad = np.array([servos.position_rad(i) for i in range(6)])
    np.testing.assert_allclose(world.joint_positions_rad, told_rad + OFFSET_RAD, atol=1e-12)
    driven(world, servos, told_rad - 0.04, 400)
    told_rad = np.array([servos.position_rad(i) for i in range(6)])
    np.testing.assert_allclose(world.joint_positions_rad, told_rad + OFFSET_RAD, atol=1e-12)
    np.testing.assert_allclose(told_rad, World().joint_positions_rad - 0.04 - OFFSET_RAD, atol=2e-3)


@pytest.mark.parametrize("delay_ms", [8, 40])
def test_orders_act_late_by_the_delay(delay_ms: int) -> None:
    def first_motion_ns(delay: float) -> int:
        world = World(Truth(command_delay_ms=delay))
        servos = ServoWorld(world)
        driven(world, servos, world.joint_positions_rad, 100)
        start_rad, t_start_ns = world.joint_positions_rad, world.time_ns
        servos.set_target_rad(0, float(start_rad[0]) + 0.05)
        while abs(world.joint_positions_rad[0] - start_rad[0]) < 1e-3:
            driven_once(world, servos)
        return world.time_ns - t_start_ns

    def driven_once(world: World, servos: ServoWorld) -> None:
        servos.write_to(world)
        world.step(1)
        servos.read_from(world)

    assert first_motion_ns(delay_ms) - first_motion_ns(0.0) == delay_ms * 1_000_000


def test_a_reversal_is_lost_in_the_play() -> None:
    play_rad = 0.02
    world = World(Truth(backlash_rad=(play_rad, 0, 0, 0, 0, 0)))
    servos = ServoWorld(world)
    start_rad = world.joint_positions_rad
    ends_rad = []
    for way_rad in (0.1, 0.2, 0.1):  # there, farther, and back to where it was once before
        driven(world, servos, start_rad + np.array([way_rad, 0, 0, 0, 0, 0]), 300)
        ends_rad.append(servos.position_rad(0))
    assert ends_rad[1] - ends_rad[0] == pytest.approx(0.1, abs=1e-3)
    assert ends_rad[2] - ends_rad[0] == pytest.approx(play_rad, abs=1e-3)


def test_friction_brakes_a_limp_joint() -> None:
    def swings_rad(friction_nm: float) -> float:
        world = World(Truth(friction_nm=(friction_nm,) * 6))
        world.set_torque_enabled(np.zeros(6, bool))
        world.data.qpos[:6] = (0, -0.5, 0.0, 0.0, 0.0, 0.3)
        before_rad = world.joint_positions_rad
        world.step(100)
        return float(np.abs(world.joint_positions_rad - before_rad).max())

    assert swings_rad(3.0) < 0.005 < 0.05 < swings_rad(0.0)


def test_softer_servos_lag_more_and_say_how_hard_they_push() -> None:
    def lag_and_effort(truth: Truth) -> tuple[float, float]:
        world = World(truth)
        servos = ServoWorld(world, effort_over_s=0.02)
        goal_rad = world.joint_positions_rad
        for _ in range(100):
            goal_rad[0] += 0.005
            driven(world, servos, goal_rad, 5)
        return float(goal_rad[0]) - servos.position_rad(0), servos.effort_ratio(0) * 3.35

    stiff_rad, _ = lag_and_effort(Truth())
    soft_rad, soft_nm = lag_and_effort(Truth(stiffness_ratio=0.02))
    rubbing_rad, rubbing_nm = lag_and_effort(Truth(stiffness_ratio=0.02, friction_nm=(0.3,) * 6))
    assert stiff_rad < 0.01 < soft_rad < rubbing_rad
    assert rubbing_nm - soft_nm == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("mount", ["front", "wrist"])
def test_the_camera_is_moved_in_its_own_frame(mount: str) -> None:
    truth = Truth(camera_mount="wrist" if mount == "wrist" else "front")
    moved = dataclasses.replace(truth, camera_translation_m=(0.01, -0.02, 0.03), camera_rotation_deg=(0.0, 0.0, 5.0))
    designed, true = World(truth), World(moved)
    then_from_now = inverse(designed.base_from_camera()) @ true.base_from_camera()
    np.testing.assert_allclose(then_from_now[:3, 3], (0.01, -0.02, 0.03), atol=1e-9)
    angle_rad = np.arctan2(then_from_now[1, 0], then_from_now[0, 0])
    assert np.degrees(angle_rad) == pytest.approx(5.0, abs=1e-6)


def test_a_camera_on_the_wrist_goes_with_the_hand() -> None:
    world = World(Truth(camera_mount="wrist"))
    fixed = world.hand_from_camera()
    before = world.base_from_camera()
    world.set_targets(world.joint_positions_rad + SMALL)
    world.step(300)
    twin = world.twin()
    np.testing.assert_allclose(twin.hand_from_camera(), fixed, atol=1e-9)
    assert np.linalg.norm(twin.base_from_camera()[:3, 3] - before[:3, 3]) > 0.02


def test_steps_may_be_short() -> None:
    world, other = World(), World()
    for each in (world, other):
        each.reset("push", 2)
        each.set_targets(each.joint_positions_rad + 0.2)
    for t_ns in (700_001, 1_400_000, 3_000_000, 50 * STEP_NS):
        world.step_until(t_ns)
        assert world.time_ns == t_ns
    other.step(50)
    assert world.model.opt.timestep == other.model.opt.timestep
    np.testing.assert_allclose(world.joint_positions_rad, other.joint_positions_rad, atol=2e-3)


TRUTH_TOML = """
joint_offset_rad = [0.01, 0.0, 0.0, 0.0, 0.0, 0.0]
camera_mount = "wrist"
image_noise = 2.0
[board]
width_m = 0.27
height_m = 0.18
fixed_to = "table"
translation_m = [0.2, 0.1, 0.001]
rotation_wxyz = [0.0, 1.0, 0.0, 0.0]
picture = "board.png"
"""


def test_a_truth_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "truth.toml"
    file.write_text(TRUTH_TOML)
    truth = load_truth(file)
    assert (truth.joint_offset_rad[0], truth.camera_mount, truth.image_noise) == (0.01, "wrist", 2.0)
    assert truth.board is not None
    assert truth.board.picture == "board.png"
    assert truth.focal_ratio == AS_DESIGNED.focal_ratio


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("joint_offset_rad = [1.0]", "joint_offset_rad"),
        ("image_noise = -1.0", "image_noise"),
        ("wobble = 1.0", "wobble"),
    ],
)
def test_a_truth_that_cannot_be_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "truth.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=wrong):
        load_truth(file)


def test_a_board_needs_a_size() -> None:
    with pytest.raises(ValueError, match="width_m"):
        BoardPlace(width_m=0.0, height_m=1.0, fixed_to="hand", translation_m=(0, 0, 0), rotation_wxyz=(1, 0, 0, 0))
