"""CANopen drives on a virtual clock, for the conformance suite."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.arm_rigs.on_can import OnCan
from drivers.can.port import CanFrame
from interfaces.arm_config import Cia402Config, Cia402Joint
from interfaces.messages import JointVector
from sim.can.bus import CanBus, CanNode
from sim.cia402.emulator import EmulatedDrive
from sim.feetech.bus_process import RigidActuators

NODE_IDS = (1, 7, 127, 20)
ANOTHER_SERIAL = 0x0BAD_F00D
# Not all alike: what mixes two joints up, or forgets a sign, a resolution or an offset, must show.
DIRECTIONS = (1, -1, 1, -1)
COUNTS_PER_TURN = (1_000_000.0, 131_072.0, 400_000.0, 819_200.5)
HOMES_COUNTS = (0, 50_000, -123_456, 1_000_000)


def cia402_config(port: str = "can0") -> Cia402Config:
    """Return the arm's part of a robot file."""
    joints = [
        Cia402Joint(
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
            counts_per_turn=counts,
            home_counts=home,
        )
        for i, (node_id, direction, counts, home) in enumerate(
            zip(NODE_IDS, DIRECTIONS, COUNTS_PER_TURN, HOMES_COUNTS, strict=True)
        )
    ]
    return Cia402Config(
        driver="cia402",
        port=port,
        baud_hz=1_000_000,
        rate_hz=100.0,
        temperature_max_degc=80.0,
        voltage_min_v=40.0,
        limit_patience_ms=500.0,
        motor_timeout_ms=100.0,
        joints=tuple(joints),
    )


class Cia402Rig(OnCan[Cia402Config]):
    """The ArmRig of CANopen drives; the motors' angles are those of the joints, but for direction and home."""

    resolution_rad = 2 * math.pi / min(COUNTS_PER_TURN)
    voltage_told = True
    temperature_told = answers_each_target = False

    def __init__(self, others: Sequence[CanNode] = (), lacking: frozenset[int] = frozenset()) -> None:
        """Make drives, each without the objects in `lacking`, with `others` beside them on the bus."""
        self.motors = RigidActuators(len(NODE_IDS))
        self.drives = [
            EmulatedDrive(node_id, i, self.motors, counts / (2 * math.pi), lacking=lacking)
            for i, (node_id, counts) in enumerate(zip(NODE_IDS, COUNTS_PER_TURN, strict=True))
        ]
        super().__init__(cia402_config(), CanBus([*self.drives, *others]))

    def angles_rad(self) -> JointVector:
        """Return the angles of the joints."""
        homes_rad = np.array(HOMES_COUNTS) / np.array(COUNTS_PER_TURN) * 2 * math.pi
        return np.array(DIRECTIONS) * (np.array(self.motors.positions_rad) - homes_rad)

    def place(self, index: int, angle_rad: float) -> None:
        """Move a joint by hand."""
        home_rad = HOMES_COUNTS[index] / COUNTS_PER_TURN[index] * 2 * math.pi
        self.motors.positions_rad[index] = DIRECTIONS[index] * angle_rad + home_rad

    def torque(self) -> list[bool]:
        """Return which drives drive."""
        return list(self.motors.torque)

    def heat(self, index: int, temperature_degc: float) -> None:
        """Do nothing: drives of CiA 402 tell no temperature."""

    def exchange_motor(self, index: int) -> None:
        """Put a drive with another serial number in."""
        self.drives[index].serial = ANOTHER_SERIAL
        self.drives[index].power_on()

    def garble(self) -> None:
        """Send what others might: strangers, PDOs cut short, an SDO answer nobody asked for, impossible states, extended ids."""
        self.bus.faults.garbage = [
            CanFrame(0x180 + 99, bytes(8)),
            CanFrame(0x180 + NODE_IDS[1], bytes(3)),
            CanFrame(0x280 + NODE_IDS[1], bytes(8)),
            CanFrame(0x700 + NODE_IDS[1], b"\x33"),
            CanFrame(0x700 + NODE_IDS[1], b""),
            CanFrame(0x580 + NODE_IDS[1], bytes.fromhex("4364600001020304")),
            CanFrame(0x580 + NODE_IDS[1], b"\x43"),
            CanFrame(0x180 + NODE_IDS[1], b"\xff" * 8, extended=True),
            CanFrame(0x180 + NODE_IDS[1], remote=True),
        ]
