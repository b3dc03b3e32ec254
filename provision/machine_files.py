"""From the robot file to the files that only this robot has: parts of units, a name for its adapter, its CAN interface.

Pure: it computes, provision/written_files.py writes. What every robot has alike lies in systemd/.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from interfaces.installed import COMMAND_SOCKET, COMMAND_UNIT, POLICY_UNIT, RECORD_UNIT, SAFE_UNIT, SERVICES
from interfaces.robot_config import RobotConfig
from provision.adapter_rules import adapter_rules
from provision.bus_port import BusPort
from provision.can_network import can_files
from provision.command_drop_in import command_drop_in, socket_drop_in
from provision.machine_file import HEAD, MachineFile
from provision.safe_drop_in import safe_drop_in
from provision.service_drop_ins import policy_drop_in, record_drop_in
from provision.systemd_version import OLDEST

UNITS = Path("/etc/systemd/system")
DROP_IN = "50-robot.conf"
RULES = Path("/etc/udev/rules.d/71-forerun-robot.rules")
# From 254 on OnFailure= is heard at every end of a unit, also where it is started again: unless it restarts "directly", as before.
RESTARTS = "40-restarts.conf"
DIRECT_SINCE = 254
NETWORKD_UNIT = "systemd-networkd.service"


def machine_files(
    robot: RobotConfig,
    *,
    file: str = "robot.toml",
    accelerators: Sequence[str] = (),
    adapter: str | None = None,
    systemd: int = OLDEST,
) -> tuple[MachineFile, ...]:
    """Return the files that `robot` needs on its machine, by path.

    `file` is the robot file's name for messages; `accelerators` are the device files of this machine's GPU; `adapter`, as
    "/dev/serial/by-id/...", is the serial adapter that a port named "/dev/forerun-..." is given to; `systemd` is its version.
    Raises ConfigError where the robot file asks for what a unit cannot have.
    """
    port = BusPort.of(robot.arm)
    drop_ins = {
        COMMAND_UNIT: command_drop_in(robot, port, file),
        COMMAND_SOCKET: socket_drop_in(robot, file),
        POLICY_UNIT: policy_drop_in(robot, accelerators, file),
        RECORD_UNIT: record_drop_in(robot, file),
        SAFE_UNIT: safe_drop_in(robot),
    }
    files = [MachineFile(UNITS / f"{unit}.d" / DROP_IN, HEAD + text) for unit, text in drop_ins.items() if text]
    if systemd >= DIRECT_SINCE:
        text = HEAD + "[Service]\nRestartMode=direct\n"
        files += [MachineFile(UNITS / f"{unit}.d" / RESTARTS, text) for unit in SERVICES]
    files += can_files(port, file)
    rules = adapter_rules(robot, port, adapter, file)
    if rules:
        files.append(MachineFile(RULES, HEAD + rules))
    return tuple(sorted(files, key=lambda each: each.path))


def needed_units(robot: RobotConfig) -> tuple[str, ...]:
    """Return the units of the system that the robot's files are for, and that must be enabled."""
    return (NETWORKD_UNIT,) if BusPort.of(robot.arm).interface else ()
