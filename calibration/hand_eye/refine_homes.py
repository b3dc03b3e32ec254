"""What hand-eye calibration found out about the joints themselves, put into their record: better homes than a sweep by hand gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibration.geometry.chain import Chain
from calibration.geometry.transforms import Array
from calibration.hand_eye.refine import Refined
from calibration.records.header import new_header
from calibration.session.workplace import Workplace
from interfaces.arm_config import AnyArmConfig
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.record import Check

SIGNIFICANT_SIGMAS = 3.0
SIGNIFICANT_RAD = np.radians(0.1)
COUNTS_PER_TURN = {"feetech": 4096.0, "dynamixel": 4096.0}  # of home_ticks
SIGMA_MAX_DEG = 0.15  # of an offset that is worth keeping


def significant(refined: Refined) -> Array:
    """Return which links' offsets (link,) are more than chance and more than nothing."""
    sigma_rad = refined.offset_sigma_rad
    offset_rad = np.abs(refined.guess.offset_rad)
    return np.isfinite(sigma_rad) & (offset_rad > SIGNIFICANT_SIGMAS * sigma_rad) & (offset_rad > SIGNIFICANT_RAD)


def refined_record(workplace: Workplace, before: JointsRecord, chain: Chain, refined: Refined) -> JointsRecord:
    """Return the joints record with homes moved by all offsets that were estimated."""
    arm = workplace.robot.arm
    offset_rad = np.zeros(len(arm.joints))
    offset_rad[list(chain.joint_indices)] = refined.guess.offset_rad
    per_rad = counts_per_rad(arm)
    joints = tuple(
        replace(
            joint,
            home=joint.home - joint.direction * float(offset * per),
            range_min_rad=joint.range_min_rad + float(offset),
            range_max_rad=joint.range_max_rad + float(offset),
        )
        for joint, offset, per in zip(before.joints, offset_rad, per_rad, strict=True)
    )
    sigma_deg = float(np.degrees(np.nanmax(refined.offset_sigma_rad)))
    worst = Check(name="homes by hand-eye, 1 sigma of the worst", value=sigma_deg, limit=SIGMA_MAX_DEG, unit="deg")
    header = new_header(workplace, [*before.header.checks, worst], note="homes refined by hand-eye calibration")
    return replace(before, header=replace(header, temperature_degc=before.header.temperature_degc), joints=joints)


def counts_per_rad(arm: AnyArmConfig) -> Array:
    """Return by how much the robot file's home changes a radian of each joint (joint,)."""
    if arm.driver in COUNTS_PER_TURN:
        return np.full(len(arm.joints), COUNTS_PER_TURN[arm.driver] / (2 * np.pi))
    per_turn = {"odrive": "turns_per_turn", "cia402": "counts_per_turn"}.get(arm.driver)
    return arm.vector(per_turn) / (2 * np.pi) if per_turn else np.ones(len(arm.joints))
