"""The simulated YAM against the numbers it is made of, worked out by hand: frames, masses, and what gravity does to the joints."""

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.damiao.protocol import MitCommand
from sim.yam.links import FINGER_MASS_KG, FINGER_QUATERNION, FINGER_STROKE_M, FINGERS, HOME_RAD, LINKS
from sim.yam.motors import YamMotors

Matrix = NDArray[np.float64]
MS = 1_000_000
GRAVITY = 9.81
OUTSTRETCHED_RAD = (0.0, 2.2, 2.2, 0.0, 0.0, 0.0, 0.0)
STIFFNESS = (80.0, 80.0, 80.0, 40.0, 10.0, 10.0, 20.0)
DAMPING = (5.0, 5.0, 5.0, 1.5, 1.5, 1.5, 0.5)


def frame(position: tuple[float, ...], quaternion: tuple[float, ...]) -> Matrix:
    """A pose as a matrix, from a quaternion of any length."""
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = position
    return matrix


def turn(angle_rad: float) -> Matrix:
    return frame((0, 0, 0), (np.cos(angle_rad / 2), 0, 0, np.sin(angle_rad / 2)))


def weights(joints_rad: NDArray[np.float64]) -> tuple[list[Matrix], list[tuple[int, Matrix, float]]]:
    """Frames of the joints, and of every mass: the joint it hangs on, where it is, how heavy."""
    pose = np.eye(4)
    frames: list[Matrix] = []
    masses: list[tuple[int, Matrix, float]] = []
    for i, (link, angle) in enumerate(zip(LINKS, joints_rad, strict=False)):
        pose = pose @ frame(link.position_m, link.quaternion) @ turn(float(angle))
        frames.append(pose)
        masses.append((i, pose[:3, :3] @ link.centre_m + pose[:3, 3], link.mass_kg))
    for finger in FINGERS:
        hand = pose @ frame(finger.position_m, FINGER_QUATERNION)
        masses.append((5, hand[:3, :3] @ finger.centre_m + hand[:3, 3], FINGER_MASS_KG))
    return frames, masses


def torques_of_gravity_nm(joints_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """What gravity turns every joint with: the weight of all that hangs on it, times its lever about the joint's axis."""
    frames, masses = weights(joints_rad)
    torques = np.zeros(len(LINKS))
    for i, pose in enumerate(frames):
        for j, centre, mass in masses:
            if j >= i:
                torques[i] += pose[:3, 2] @ np.cross(centre - pose[:3, 3], [0, 0, -mass * GRAVITY])
    return torques


def hold(motors: YamMotors, pose_rad: tuple[float, ...], seconds: float) -> NDArray[np.float64]:
    """Let all springs hold a pose, and return where the joints come to stand."""
    for i in range(motors.n_motors):
        motors.drive(i, MitCommand(pose_rad[i], 0.0, STIFFNESS[i], DAMPING[i], 0.0))
    motors.advance(0)
    for t_ms in range(0, round(seconds * 1000), 10):
        motors.advance(t_ms * MS)
    return motors.positions_rad


def test_the_arm_weighs_what_its_parts_weigh() -> None:
    motors = YamMotors()
    total_kg = sum(link.mass_kg for link in LINKS) + len(FINGERS) * FINGER_MASS_KG
    assert float(motors.model.body_mass.sum()) == pytest.approx(total_kg)
    assert total_kg == pytest.approx(3.64, abs=0.01)


@pytest.mark.parametrize("pose_rad", [HOME_RAD, OUTSTRETCHED_RAD, (0.7, 1.2, 2.0, -0.5, 0.4, 0.3, 0.0)])
def test_gravity_on_every_joint_is_that_of_levers_and_weights(pose_rad: tuple[float, ...]) -> None:
    motors = YamMotors(pose_rad)
    by_hand = torques_of_gravity_nm(np.array(pose_rad[:6]))
    assert -motors.data.qfrc_bias[:6] == pytest.approx(by_hand, abs=0.02)  # at rest: gravity alone


@pytest.mark.parametrize("pose_rad", [HOME_RAD, OUTSTRETCHED_RAD])
def test_springs_give_way_by_torque_over_stiffness(pose_rad: tuple[float, ...]) -> None:
    stands_rad = hold(YamMotors(pose_rad), pose_rad, seconds=4.0)
    sag_rad = (stands_rad - np.array(pose_rad))[:6]
    by_hand = torques_of_gravity_nm(stands_rad[:6]) / np.array(STIFFNESS[:6])
    friction = 0.1 / np.array(STIFFNESS[:6])  # may keep a joint from going all the way
    assert (np.abs(sag_rad - by_hand) < friction + 1e-3).all()
    assert np.abs(sag_rad).max() > 0.05  # and it is no small thing


def test_a_spring_without_load_pulls_to_its_target() -> None:
    target = (0.5, *HOME_RAD[1:])
    assert hold(YamMotors(), target, seconds=3.0)[0] == pytest.approx(0.5, abs=0.003)


def test_the_gripper_opens_both_fingers_by_the_stroke() -> None:
    motors = YamMotors()
    stands_rad = hold(motors, (*HOME_RAD[:6], -2.7), seconds=4.0)
    left_m, right_m = motors.data.qpos[6:]
    assert stands_rad[6] == pytest.approx(-2.7, abs=0.02)
    assert (left_m, right_m) == pytest.approx((-FINGER_STROKE_M, FINGER_STROKE_M), abs=5e-4)


def test_limp_it_falls_and_is_caught_by_the_table_or_its_stops() -> None:
    motors = YamMotors()
    motors.advance(0)
    for t_ms in range(0, 5000, 50):
        motors.advance(t_ms * MS)
    assert np.isfinite(motors.positions_rad).all()
    assert np.abs(motors.data.qvel).max() < 0.1
    low, high = motors.model.jnt_range.T
    assert ((motors.data.qpos > low - 0.1) & (motors.data.qpos < high + 0.1)).all()


def test_physics_runs_up_to_now_and_lets_a_long_pause_go() -> None:
    motors = YamMotors()
    motors.advance(10**9)
    motors.advance(10**9 + 5 * MS + 400_000)
    assert float(motors.data.time) == pytest.approx(0.005)
    motors.advance(10**9 + 6 * MS)
    assert float(motors.data.time) == pytest.approx(0.006)
    motors.advance(60 * 10**9)
    assert float(motors.data.time) == pytest.approx(0.006)
