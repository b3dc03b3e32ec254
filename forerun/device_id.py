"""Guide a new servo onto the bus: look that it is alone, show it, ask, give it its id, and look again."""

from __future__ import annotations

import sys

from drivers.find.everything import FAMILIES, PortFindings
from drivers.find.servo_id import require_new_id, set_servo_id
from drivers.find.servos import FoundServo, ServoLine, sweep_port
from drivers.serial.adapters import describe_port
from drivers.serial.port import SerialPort
from forerun.device_tables import bar, tables_of_port
from interfaces.errors import RefusedError
from runtime.terminal import LiveLine


def set_id(port: str, new_id: int | None, family_name: str | None, *, sure: bool, thorough: bool) -> int:
    """Return 0 when the servo has its new id, 1 when the person did not want it; raises RefusedError where it cannot be."""
    if not port or new_id is None:
        raise RefusedError("set-id needs --port PORT and --id N")
    families = [family for family in FAMILIES if family_name in {None, family.name}]
    found = PortFindings(describe_port(port))
    with LiveLine() as line:
        sweep_port(
            port,
            families,
            SerialPort,
            lambda what, share: line.show(f"{bar(share)} {what}"),
            thorough=thorough,
            into=found.sweep,
        )
    print("\n".join(tables_of_port(found)))
    servo = _only(port, found.sweep.servos)
    family = next(family for family in families if family.name == servo.family)
    require_new_id(servo, family, new_id)
    if servo.servo_id == new_id:
        print(f"its id is {new_id} already: nothing to do")
        return 0
    if not sure and not _agreed(f"switch its torque off, and change its id from {servo.servo_id} to {new_id}?"):
        print("nothing was changed")
        return 1
    opened = SerialPort(port, servo.baud_hz)
    try:
        renamed = set_servo_id(ServoLine(opened, servo.baud_hz), family, servo, new_id)
    finally:
        opened.close()
    print(
        f"done: the {renamed.model} answers to id {renamed.servo_id}, and no longer to {servo.servo_id}. Write it on its case."
    )
    return 0


def _only(port: str, servos: list[FoundServo]) -> FoundServo:
    if not servos:
        raise RefusedError(f"{port}: no servo answers; is it powered? --thorough asks each id at each rate")
    if len(servos) > 1:
        ids = ", ".join(str(servo.servo_id) for servo in servos)
        raise RefusedError(f"{port}: {len(servos)} servos answer, ids {ids}; connect only the one that gets the new id")
    return servos[0]


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise RefusedError("there is nobody to ask; --yes goes on without")
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
