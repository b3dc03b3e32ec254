"""Which ODrives the axes of an arm belong to: hardware and firmware, and, of new enough firmware, the serial number.

Firmware 0.5 tells nothing at all. The serial number is asked for by the message Address, which firmware 0.6.10 has: the same
number was "Set_Axis_Node_ID" before, and even an empty frame of it could leave an axis with another id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.odrive import protocol
from drivers.odrive.bus import OdriveBus
from drivers.odrive.protocol import Command, Version
from interfaces.arm_config import OdriveJoint
from interfaces.device_facts import MotorIdentity

ADDRESS_SINCE = (0, 6, 10)
PRODUCTS = {3: "v3", 4: "Pro", 5: "S1"}  # by the first number of the hardware version
OLD_MODEL, OLD_FIRMWARE = "ODrive", "0.5"


def read_identity(
    bus: OdriveBus, joints: Sequence[OdriveJoint], versions: Mapping[int, Version], budget_ns: int
) -> tuple[MotorIdentity, ...]:
    """Return which axes these are, by what they answered to VERSION and answer now within `budget_ns`."""
    telling = [node_id for node_id, version in versions.items() if version.firmware >= ADDRESS_SINCE]
    answers = bus.ask([(node_id, Command.ADDRESS) for node_id in telling], budget_ns) if telling else {}
    serials = {node_id: protocol.decode_address(data)[1] for (node_id, _), data in answers.items()}
    return tuple(_identity(joint, versions.get(joint.node_id), serials.get(joint.node_id, 0)) for joint in joints)


def _identity(joint: OdriveJoint, version: Version | None, serial: int) -> MotorIdentity:
    model, firmware = OLD_MODEL, OLD_FIRMWARE
    if version is not None:
        line, minor, variant = version.hardware
        name = f"ODrive {PRODUCTS[line]}" if line in PRODUCTS else "ODrive"
        model, firmware = f"{name} {line}.{minor}-{variant}", ".".join(map(str, version.firmware))
    shown = f"{serial:012X}" if serial else ""
    return MotorIdentity(joint=joint.name, motor_id=joint.node_id, model=model, serial=shown, firmware=firmware)
