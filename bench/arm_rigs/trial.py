"""What the conformance suite does with a rig, over and over."""

from __future__ import annotations

import numpy as np

from bench.arm_rigs.rig import ArmRig
from interfaces.errors import BusTimeoutError
from interfaces.messages import JointState, JointVector

MS = 1_000_000
SETTLED_CYCLES = 40  # within which a driver has found its way back, and looked once at every motor's torque


def hold(rig: ArmRig) -> None:
    """Open the bus and hold the pose."""
    rig.arm.open()
    rig.arm.hold()


def pose_rad(rig: ArmRig, share: float) -> JointVector:
    """Return a pose inside the limits, `share` of the way from one end to the other, a little different for each joint."""
    low, high = rig.config.vector("position_min_rad"), rig.config.vector("position_max_rad")
    return low + (high - low) * np.clip(share + 0.01 * np.arange(len(low)), 0.05, 0.95)


def exchange(rig: ArmRig, target_rad: JointVector) -> JointState:
    """Return the state of one exchange, a period after the one before."""
    rig.wait(rig.config.period_ns)
    return rig.arm.exchange(target_rad)


def attempt(rig: ArmRig, target_rad: JointVector) -> JointState | BusTimeoutError:
    """Return the state of one exchange, or, where motors stayed silent, that."""
    try:
        return exchange(rig, target_rad)
    except BusTimeoutError as error:
        return error


def assert_true(rig: ArmRig, state: JointState) -> None:
    """Check a measured pose against where the joints are, which is where they were sent."""
    np.testing.assert_allclose(state.position_rad, rig.angles_rad(), rtol=0, atol=2 * rig.resolution_rad)


def recover(rig: ArmRig) -> None:
    """Exchange until it works again."""
    for _ in range(SETTLED_CYCLES):
        attempt(rig, pose_rad(rig, 0.5))
    assert_true(rig, exchange(rig, pose_rad(rig, 0.5)))
