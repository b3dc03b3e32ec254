"""ODrive axes on a virtual clock, for the conformance suite."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.arm_rigs.on_can import OnCan
from drivers.can.port import CanFrame
from drivers.odrive.protocol import Generation
from interfaces.arm_config import OdriveConfig, OdriveJoint
from interfaces.messages import JointVector
from sim.can.bus import CanBus, CanNode
from sim.feetech.bus_process import RigidActuators
from sim.odrive.emulator import CURRENT_MAX_A, EmulatedAxis

NODE_IDS = (0, 3, 1, 17, 62, 5)
# Not all alike: what mixes two joints up, or forgets a sign, a gear or an offset, must show.
DIRECTIONS = (1, -1, 1, 1, -1, 1)
GEARS = (8.0, 10.0, 8.0, 5.0, 1.0, 49.0)
HOMES_TURNS = (0.0, 2.5, -1.25, 0.1, 0.0, 3.0)
TORQUE_CONSTANT_NM_A = 0.05
ANOTHER_SERIAL = 0x1234_5678_9ABC


def odrive_config(port: str = "can0") -> OdriveConfig:
    """Return the arm's part of a robot file."""
    joints = [
        OdriveJoint(
            name=f"joint_{i + 1}",
            direction=direction,
            position_min_rad=-2.0,
            position_max_rad=2.0,
            velocity_max_rad_s=4.0,
            acceleration_max_rad_s2=20.0,
            jerk_max_rad_s3=400.0,
            effort_max_ratio=0.8,
            effort_fault_ratio=1.0,
            rest_rad=0.0,
            node_id=node_id,
            turns_per_turn=gear,
            home_turns=home,
            torque_max_nm=CURRENT_MAX_A * TORQUE_CONSTANT_NM_A,
            torque_constant_nm_a=TORQUE_CONSTANT_NM_A,
        )
        for i, (node_id, direction, gear, home) in enumerate(zip(NODE_IDS, DIRECTIONS, GEARS, HOMES_TURNS, strict=True))
    ]
    return OdriveConfig(
        driver="odrive",
        port=port,
        baud_hz=1_000_000,
        rate_hz=100.0,
        temperature_max_degc=80.0,
        voltage_min_v=20.0,
        limit_patience_ms=500.0,
        joints=tuple(joints),
    )


class OdriveRig(OnCan[OdriveConfig]):
    """The ArmRig of ODrive axes; the motors' angles are those of the axes."""

    resolution_rad = 1e-5  # single precision, of some turns
    voltage_told = temperature_told = answers_each_target = True

    def __init__(self, generation: Generation = Generation.V0_6, others: Sequence[CanNode] = ()) -> None:
        """Make axes of one firmware, with `others` beside them on the bus."""
        self.motors = RigidActuators(len(NODE_IDS))
        self.axes = [EmulatedAxis(node, i, self.motors, generation=generation) for i, node in enumerate(NODE_IDS)]
        super().__init__(odrive_config(), CanBus([*self.axes, *others]))

    def angles_rad(self) -> JointVector:
        """Return the angles of the joints, which differ from the axes' by gear, home and direction."""
        turns = np.array(self.motors.positions_rad) / (2 * math.pi) - np.array(HOMES_TURNS)
        return np.array(DIRECTIONS) * turns / np.array(GEARS) * 2 * math.pi

    def place(self, index: int, angle_rad: float) -> None:
        """Move a joint by hand."""
        turns = HOMES_TURNS[index] + DIRECTIONS[index] * GEARS[index] * angle_rad / (2 * math.pi)
        self.motors.positions_rad[index] = turns * 2 * math.pi

    def torque(self) -> list[bool]:
        """Return which axes drive."""
        return list(self.motors.torque)

    def heat(self, index: int, temperature_degc: float) -> None:
        """Warm an inverter."""
        self.axes[index].inverter_degc = temperature_degc

    def exchange_motor(self, index: int) -> None:
        """Put an axis with another serial number in."""
        self.axes[index].serial = ANOTHER_SERIAL

    def garble(self) -> None:
        """Send what others might: a stranger, an answer cut short, a heartbeat cut short, an answer to nothing, an extended id."""
        self.bus.faults.garbage = [
            CanFrame(40 << 5 | 0x09, bytes(8)),
            CanFrame(NODE_IDS[1] << 5 | 0x09, bytes(5)),
            CanFrame(NODE_IDS[1] << 5 | 0x01, bytes(3)),
            CanFrame(NODE_IDS[1] << 5 | 0x1D, b"\xff" * 8),
            CanFrame(NODE_IDS[1] << 5 | 0x09, b"\xff" * 8, extended=True),
            CanFrame(NODE_IDS[1] << 5 | 0x09, remote=True),
        ]
