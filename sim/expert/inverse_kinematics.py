"""Joint angles that put the tip at a point with a given pitch of the hand, as far as the joints allow."""

import numpy as np

from sim.kinematics import Array, Kinematics

# Lift, elbow and wrist turn about parallel axes: their sum is the hand's pitch, and this pitch points the fingers down.
FINGERS_DOWN_RAD = np.pi / 2
# A radian of tilt weighs as much as 10 mm of position: where a joint stops the hand tilts, and the tip stays true.
TILT_WEIGHT_M = 0.01
DAMPING_M = 0.003
N_ITERATIONS = 12
# Inside the model's own limits; below -0.35 rad the elbow flips over beyond a radius of 0.24 m.
ELBOW_MIN_RAD = -0.35
MARGIN_RAD = 0.02


def joints_for_tip(kinematics: Kinematics, joints_rad: Array, tip_m: Array, pitch_rad: float, roll_rad: float) -> Array:
    """Joints (6,) near the given ones with the tip at `tip_m` (3,), by damped least squares (Levenberg, 1944).

    The gripper is left alone. Out of reach, the tip comes as near as the limits let it.
    """
    low_rad = kinematics.limits_rad[:, 0] + MARGIN_RAD
    high_rad = kinematics.limits_rad[:, 1] - MARGIN_RAD
    low_rad[2] = ELBOW_MIN_RAD
    solution_rad = np.clip(joints_rad, low_rad, high_rad)
    solution_rad[4] = np.clip(roll_rad, low_rad[4], high_rad[4])
    for _ in range(N_ITERATIONS):
        pose = kinematics.tip_pose(solution_rad)
        tilt_rad = pitch_rad - solution_rad[1:4].sum()
        error_m = np.append(tip_m - pose.position_m, TILT_WEIGHT_M * tilt_rad)
        jacobian_m = np.vstack([pose.jacobian_m[:, :4], TILT_WEIGHT_M * np.array([0.0, 1.0, 1.0, 1.0])])
        step_rad = _damped_step(jacobian_m, error_m)
        wanted_rad = solution_rad[:4] + step_rad
        stopped = (wanted_rad < low_rad[:4]) | (wanted_rad > high_rad[:4])
        if stopped.any():
            # A joint at its stop takes no part; the others make up for it.
            pinned_rad = np.where(stopped, np.clip(wanted_rad, low_rad[:4], high_rad[:4]) - solution_rad[:4], 0.0)
            rest_m = error_m - jacobian_m @ pinned_rad
            step_rad = pinned_rad + _damped_step(jacobian_m * ~stopped, rest_m)
        solution_rad[:4] = np.clip(solution_rad[:4] + step_rad, low_rad[:4], high_rad[:4])
        if np.abs(step_rad).max() < 1e-4:
            break
    solution_rad[5] = joints_rad[5]
    return solution_rad


def _damped_step(jacobian_m: Array, error_m: Array) -> Array:
    square = jacobian_m @ jacobian_m.T + DAMPING_M**2 * np.eye(len(error_m)) * 0.01
    return jacobian_m.T @ np.linalg.solve(square, error_m)
