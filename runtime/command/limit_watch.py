"""Watches what the motors report of themselves: heat, supply and push; beyond a limit for longer than a moment is a fault. Pure."""

from __future__ import annotations

import numpy as np

from interfaces.arm_config import ArmConfig
from interfaces.messages import JointState


class LimitWatch:
    """Says which limit of the robot file has been exceeded for longer than its patience; a dip in between starts anew."""

    def __init__(self, arm: ArmConfig) -> None:
        self._arm = arm
        self._effort_fault_ratio = arm.vector("effort_fault_ratio")
        self._patience_ns = round(arm.limit_patience_ms * 1e6)
        self._t_within_ns: int | None = None

    def restart(self, t_now_ns: int) -> None:
        """Give the motors their patience anew, from now on."""
        self._t_within_ns = t_now_ns

    def exceeded(self, joints: JointState, t_now_ns: int) -> str | None:
        """Return what is wrong and has been for too long, naming joint, value and limit; None while all is well."""
        wrong = self._wrong(joints)
        if wrong is None or self._t_within_ns is None:
            self._t_within_ns = t_now_ns
        elif t_now_ns - self._t_within_ns > self._patience_ns:
            return wrong
        return None

    def _wrong(self, joints: JointState) -> str | None:
        arm, names = self._arm, self._arm.joint_names
        # What a motor does not tell is NaN, and no comparison holds for it.
        k = int(np.nan_to_num(joints.temperature_degc, nan=-np.inf).argmax())
        if joints.temperature_degc[k] > arm.temperature_max_degc:
            return f"{names[k]} is at {joints.temperature_degc[k]:.0f} degC, limit {arm.temperature_max_degc:.0f} degC"
        k = int(np.nan_to_num(joints.voltage_v, nan=np.inf).argmin())
        if joints.voltage_v[k] < arm.voltage_min_v:
            return f"{names[k]} has {joints.voltage_v[k]:.1f} V, needs {arm.voltage_min_v:.1f} V"
        beyond = abs(joints.effort_ratio) - self._effort_fault_ratio
        k = int(beyond.argmax())
        if beyond[k] > 0:
            share, limit = abs(joints.effort_ratio[k]), self._effort_fault_ratio[k]
            return f"{names[k]} pushes with {share:.0%} of its torque, limit {limit:.0%}"
        return None
