"""The scripted expert: from what can be observed now to the joint targets one tick later.

A pure function without phases. Each task names a point for the tip, and ramps instead of switches lead from above the
object down to it: a policy that sees only the present can imitate that, a hidden phase it cannot.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sim.expert.inverse_kinematics import FINGERS_DOWN_RAD, joints_for_tip
from sim.kinematics import Array, TipPose, so101_kinematics
from sim.tasks.lift import RADIUS_M as CYLINDER_RADIUS_M
from sim.tasks.push import CUBE_HALF_M
from sim.world import Observation

FREE_SPEED_M_S = 0.22
CONTACT_SPEED_M_S = 0.14
SLOWING_GAIN_1_S = 6.0  # the last centimetres are covered ever more slowly, down to this share of the gap a second
JOINT_SPEED_RAD_S = 2.5
HAND_SPEED_RAD_S = 1.5
GRIPPER_SPEED_RAD_S = 2.0
CLOSED_RAD = 0.0
# Pushing with the fingers apart keeps the cube from turning away; their middle is this far from the tip.
FORK_RAD = 0.22
FORK_OFFSET_M = 0.016
CONTACT_M = -(CUBE_HALF_M + 0.006)  # where the fork touches the cube, along the way; fingers are 11 mm thick
WAIT_BEHIND_M = -0.044
LYING_SINE = 0.7  # a cylinder that leans further than this has toppled; the fingers then close across its axis


Amount = TypeVar("Amount", float, Array)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Where one task wants the hand to go from here."""

    tip_m: Array  # (3,)
    roll_rad: float = 0.0
    gripper_rad: float = CLOSED_RAD
    speed_m_s: float = FREE_SPEED_M_S


def expert_target(task_name: str, observation: Observation, tick_s: float) -> Array:
    """Joint targets (6,) in rad for the end of a tick that starts with this observation."""
    kinematics = so101_kinematics()
    joints_rad = observation.joints_rad
    tip = kinematics.tip_pose(joints_rad)
    aim = AIMS[task_name](observation, tip)
    gap_m = aim.tip_m - tip.position_m
    gap_length_m = _length(gap_m)
    length_m = min(gap_length_m, tick_s * min(aim.speed_m_s, 0.01 + SLOWING_GAIN_1_S * gap_length_m))
    next_tip_m = tip.position_m + gap_m * (length_m / max(gap_length_m, 1e-9))
    pitch_rad = float(joints_rad[1:4].sum())
    wanted_rad = joints_for_tip(
        kinematics,
        joints_rad,
        next_tip_m,
        pitch_rad + _turn(FINGERS_DOWN_RAD - pitch_rad, HAND_SPEED_RAD_S, tick_s),
        joints_rad[4] + _turn(aim.roll_rad - joints_rad[4], HAND_SPEED_RAD_S, tick_s),
    )
    change_rad = wanted_rad - joints_rad
    target_rad = joints_rad + change_rad * min(1.0, JOINT_SPEED_RAD_S * tick_s / max(np.abs(change_rad).max(), 1e-12))
    target_rad[5] = joints_rad[5] + _turn(aim.gripper_rad - joints_rad[5], GRIPPER_SPEED_RAD_S, tick_s)
    return np.clip(target_rad, *kinematics.limits_rad.T)


def _aim_reach(observation: Observation, tip: TipPose) -> Aim:
    """Onto the upper side of the ball."""
    ball_m = observation.object_state.position_m
    near = _ramp(_length(ball_m - tip.position_m), 0.06, 0.03)
    return Aim(tip_m=ball_m + np.array([0, 0, 0.010]), speed_m_s=_mix(FREE_SPEED_M_S, CONTACT_SPEED_M_S, near))


def _aim_press(observation: Observation, tip: TipPose) -> Aim:
    """Over the cap, then all the way down on it; the finger ends 7 mm below the tip."""
    rest_m = observation.object_state.goal_m
    above = _ramp(_length(rest_m[:2] - tip.position_m[:2]), 0.022, 0.008)
    height_m = _mix(0.030, -0.013, above)
    return Aim(tip_m=rest_m + np.array([0, 0, height_m]), speed_m_s=_mix(FREE_SPEED_M_S, CONTACT_SPEED_M_S, above))


def _aim_push(observation: Observation, tip: TipPose) -> Aim:
    """Behind the cube as seen from the zone, down, and through it towards the zone, with two fingers side by side."""
    cube_m, zone_m = observation.object_state.position_m, observation.object_state.goal_m
    way_m = zone_m[:2] - cube_m[:2]
    left_m = _length(way_m)
    forward = way_m / max(left_m, 1e-6)
    to_fork_m = _towards_jaw(tip) * FORK_OFFSET_M
    from_cube_m = tip.position_m[:2] + to_fork_m - cube_m[:2]
    ahead_m = float(from_cube_m @ forward)
    sideways = np.array([-forward[1], forward[0]])
    aside_m = float(from_cube_m @ sideways)
    roll_rad = _roll_across(forward, tip, observation)
    astray_rad = abs(roll_rad - observation.joints_rad[4])
    # On the line behind the cube, low and turned across the way, the aim runs ahead into the cube; else it waits behind.
    on_line = _ramp(abs(aside_m), 0.014, 0.007) * _ramp(ahead_m, 0.0, -0.010) * _ramp(tip.position_m[2], 0.035, 0.025)
    ready = on_line * _ramp(astray_rad, 0.30, 0.15)
    # In touch the hand does not move sideways: it would drag the cube along, and the way would turn the more.
    touching = _ramp(ahead_m, CONTACT_M - 0.014, CONTACT_M - 0.008) * _ramp(tip.position_m[2], 0.045, 0.035)
    aim_xy_m = (
        cube_m[:2] - to_fork_m
        + forward * _mix(WAIT_BEHIND_M, CONTACT_M + 0.018, ready)
        + sideways * aside_m * touching
    )  # fmt: skip
    # High above the cube unless the fork is at the waiting point, or between that and the cube.
    before_m = min(0.0, ahead_m - WAIT_BEHIND_M)
    past_m = max(0.0, ahead_m - CONTACT_M - 0.006)
    low = _ramp(astray_rad, 0.5, 0.25) * _ramp(_length(np.array([before_m + past_m, aside_m])), 0.030, 0.014)
    aim_m = np.append(aim_xy_m, _mix(0.075, 0.014, low))
    arrived = _ramp(left_m, 0.024, 0.012)  # well inside the zone the hand stays where it is
    return Aim(
        tip_m=_mix(aim_m, tip.position_m, arrived),
        roll_rad=roll_rad,
        gripper_rad=FORK_RAD,
        speed_m_s=_mix(FREE_SPEED_M_S, CONTACT_SPEED_M_S, _ramp(_length(from_cube_m), 0.08, 0.05)),
    )


def _roll_across(forward: Array, tip: TipPose, observation: Observation) -> float:
    """Wrist roll that sets the fingers side by side across a direction (2,); of the two, the one with the jaw outwards."""
    across = np.array([-forward[1], forward[0]])
    across = across * np.sign(across @ observation.object_state.position_m[:2])
    jaw = _towards_jaw(tip)
    turn_rad = np.arctan2(jaw[0] * across[1] - jaw[1] * across[0], jaw @ across)
    return float(observation.joints_rad[4] + turn_rad)


def _aim_lift(observation: Observation, tip: TipPose) -> Aim:
    """Fingers open over the cylinder, down around it, close, and up as far as it is held."""
    joints_rad, cylinder_m = observation.joints_rad, observation.object_state.position_m
    open_gap_m = 0.007  # between the fixed finger and the cylinder on the way down
    lying = observation.object_state.axis[:2]
    roll_rad = _roll_across(lying / _length(lying), tip, observation) if _length(lying) > LYING_SINE else 0.0
    held = _ramp(joints_rad[5], 0.33, 0.25)
    grasp_xy_m = cylinder_m[:2] - _towards_jaw(tip) * (CYLINDER_RADIUS_M + _mix(open_gap_m, 0.0, held))
    astray_m = _length(grasp_xy_m - tip.position_m[:2])
    too_high_m = tip.position_m[2] - cylinder_m[2]
    around = _ramp(astray_m, 0.016, 0.008)
    grasp = around * _ramp(too_high_m, 0.012, 0.004)
    rise_m = held * grasp
    height_m = _mix(_mix(0.085, cylinder_m[2] - 0.003, around), 0.095, rise_m)
    return Aim(
        tip_m=np.append(grasp_xy_m, height_m),
        roll_rad=roll_rad,
        gripper_rad=_mix(0.62, 0.19, grasp),
        speed_m_s=_mix(FREE_SPEED_M_S, CONTACT_SPEED_M_S, _ramp(_length(cylinder_m - tip.position_m), 0.09, 0.06)),
    )


AIMS = {"reach": _aim_reach, "push": _aim_push, "press": _aim_press, "lift": _aim_lift, "choose": _aim_reach}


def _towards_jaw(tip: TipPose) -> Array:
    """Horizontal direction (2,) from the fixed finger to the moving jaw."""
    return tip.base_from_hand[:2, 0] / _length(tip.base_from_hand[:2, 0])


def _length(vector: Array) -> float:
    return float(np.linalg.norm(vector))


def _ramp(value: float, zero_at: float, one_at: float) -> float:
    """0 on one side, 1 on the other, straight in between."""
    return float(np.clip((value - zero_at) / (one_at - zero_at), 0.0, 1.0))


def _mix(at_zero: Amount, at_one: Amount, share: float) -> Amount:
    return at_zero + (at_one - at_zero) * share


def _turn(gap_rad: float, speed_rad_s: float, tick_s: float) -> float:
    """Part of an angular gap to cover in one tick: a share that keeps still when observations come late, and no faster."""
    return float(np.clip(gap_rad * min(1.0, SLOWING_GAIN_1_S * tick_s), -speed_rad_s * tick_s, speed_rad_s * tick_s))
