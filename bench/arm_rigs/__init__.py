"""Every arm driver on emulated motors, for the conformance suite: one rig a motor family."""

from __future__ import annotations

from bench.arm_rigs.cia402 import Cia402Rig
from bench.arm_rigs.damiao import DamiaoRig
from bench.arm_rigs.dynamixel import DynamixelRig
from bench.arm_rigs.feetech import FeetechRig
from bench.arm_rigs.odrive import OdriveRig
from bench.arm_rigs.rig import RigMaker
from bench.arm_rigs.robstride import RobstrideRig

RIGS: dict[str, RigMaker] = {
    "cia402": Cia402Rig,
    "damiao": DamiaoRig,
    "dynamixel": DynamixelRig,
    "feetech": FeetechRig,
    "odrive": OdriveRig,
    "robstride": RobstrideRig,
}
