"""One cycle of six Feetech servos, made by our driver, by the vendor's SDK and by rustypot: the contenders of bench/servo_bus.py.

A cycle is a sync write of six goals and a sync read of 8 bytes of six servos.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.feetech.arm import FeetechArm
from drivers.feetech.registers import FEEDBACK_ADDRESS, FEEDBACK_BYTES, GOAL_POSITION, RAD_PER_TICK
from interfaces.errors import BusTimeoutError
from interfaces.robot_config import load_robot
from sim.feetech.arm import feetech_arm

ROBOT_FILE = Path(__file__).parents[1] / "robots" / "simulated.toml"
IDS = list(range(1, 7))
CENTRE_TICKS = 2048
SETTLE_S = 0.05
RUSTYPOT_TIMEOUT_S = 0.02

Cycle = Callable[[float], float | None]  # from the angle sent to that of the last servo, None where the cycle failed


def ready_arm(path: Path, rate_hz: float) -> FeetechArm:
    """Return our driver, with the servos set up and their torque on."""
    arm = FeetechArm(replace(feetech_arm(load_robot(ROBOT_FILE).arm), port=str(path), rate_hz=rate_hz))
    arm.open()
    arm.hold()
    return arm


def our_cycle(path: Path, rate_hz: float) -> Cycle:
    """Return one cycle of our driver."""
    arm = ready_arm(path, rate_hz)

    def cycle(angle_rad: float) -> float | None:
        try:
            return float(arm.exchange(np.full(6, angle_rad)).position_rad[-1])
        except BusTimeoutError:
            return None

    return cycle


def vendors_cycle(path: Path, rate_hz: float) -> Cycle:
    """Return the same cycle made with the vendor's SDK, on servos made ready by our driver."""
    import scservo_sdk

    sdk: Any = scservo_sdk
    ready_arm(path, rate_hz).close()
    port, packets = sdk.PortHandler(str(path)), sdk.PacketHandler(0)
    port.setBaudRate(1_000_000)
    write = sdk.GroupSyncWrite(port, packets, GOAL_POSITION.address, GOAL_POSITION.size)
    read = sdk.GroupSyncRead(port, packets, FEEDBACK_ADDRESS, FEEDBACK_BYTES)
    for servo_id in IDS:
        read.addParam(servo_id)

    def cycle(angle_rad: float) -> float | None:
        goal = GOAL_POSITION.encode(_ticks(angle_rad))
        write.clearParam()
        for servo_id in IDS:
            write.addParam(servo_id, list(goal))
        write.txPacket()
        if read.txRxPacket() != sdk.COMM_SUCCESS:
            time.sleep(SETTLE_S)  # the SDK keeps old bytes; its user has to drop them
            port.ser.reset_input_buffer()
            return None
        return (read.getData(6, FEEDBACK_ADDRESS, 2) - CENTRE_TICKS) * RAD_PER_TICK

    return cycle


def rustypots_cycle(path: Path, rate_hz: float) -> Cycle:
    """Return the same cycle made with rustypot, on servos made ready by our driver."""
    import rustypot

    library: Any = rustypot
    ready_arm(path, rate_hz).close()
    controller = library.Sts3215PyController(str(path), 1_000_000, RUSTYPOT_TIMEOUT_S)

    def cycle(angle_rad: float) -> float | None:
        try:
            controller.sync_write_raw_goal_position(IDS, [_ticks(angle_rad)] * len(IDS))
            blocks = controller.sync_read_raw_data(IDS, FEEDBACK_ADDRESS, FEEDBACK_BYTES)
        except RuntimeError:
            return None
        return (int.from_bytes(bytes(blocks[-1])[:2], "little") - CENTRE_TICKS) * RAD_PER_TICK

    return cycle


CONTENDERS: dict[str, Callable[[Path, float], Cycle]] = {
    "forerun": our_cycle,
    "scservo_sdk": vendors_cycle,
    "rustypot": rustypots_cycle,
}


def _ticks(angle_rad: float) -> int:
    return round(CENTRE_TICKS + angle_rad / RAD_PER_TICK)
