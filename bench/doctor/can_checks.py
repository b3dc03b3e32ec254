"""The CAN interface of the arm, judged: facts in, checks out. The limits stand here, each with its reason."""

from __future__ import annotations

from bench.doctor.can_interface import CanFacts
from bench.doctor.check import Check, Verdict, at_least, at_most, good_if, unreadable
from drivers.can.link import remedy
from interfaces.arm_config import ArmConfig

# From 96 on a controller warns, from 128 on it is passive: it may no longer tell the others what it heard wrong (ISO 11898-1).
_ERRORS_GOOD, _ERRORS_WEAK = 0, 95

# Frames a joint and cycle: one is sent and, while the bus is late, the next cycle's come on top. A full queue is ENOBUFS.
_QUEUE_GOOD_PER_JOINT, _QUEUE_WEAK_PER_JOINT = 4, 1

_CABLE = "check cable, plugs, the 120 ohm at both ends, and that every motor has the same bit rate"


def can_checks(facts: CanFacts, arm: ArmConfig) -> list[Check]:
    """Return the checks of the interface that `arm` hangs on."""
    if not facts.there:
        return [_interface(facts, arm, "is not there", "plug the adapter in; `ip -brief link`, `forerun devices`")]
    if facts.trouble and not facts.kind:
        return [unreadable("CAN interface", "there and up", facts.trouble)]
    up = remedy(facts.name, None if facts.kind == "vcan" else arm.baud_hz)
    if not facts.up:
        return [_interface(facts, arm, "is down", f"`sudo {up}`"), _bitrate(facts, arm)]
    checks = [
        _state(facts), _interface(facts, arm, "", ""), _bitrate(facts, arm), _restart(facts), _errors(facts),
        _bus_offs(facts), _queue(facts, arm), _dropped(facts),
    ]  # fmt: skip
    if facts.kind == "vcan":  # no controller, no wire
        return [check for check in checks if check.name in {"CAN interface", "CAN queue"}]
    return checks


def _interface(facts: CanFacts, arm: ArmConfig, trouble: str, todo: str) -> Check:
    return Check(
        name="CAN interface",
        value=f"{facts.name} {trouble or 'is up'}" + (f" ({facts.kind})" if facts.kind else ""),
        limit=f"{arm.port} of the robot file is there and up",
        verdict=good_if(not trouble, Verdict.BAD),
        remedy=todo,
    )


def _state(facts: CanFacts) -> Check:
    name, limit = "CAN state", "ERROR-ACTIVE"
    if facts.state is None:
        return unreadable(name, limit)
    verdicts = {"ERROR-ACTIVE": Verdict.GOOD, "ERROR-WARNING": Verdict.WEAK}
    again = f"`sudo ip link set {facts.name} type can restart`" if facts.state == "BUS-OFF" else ""
    return Check(
        name=name,
        value=facts.state,
        limit=limit,
        verdict=verdicts.get(facts.state, Verdict.BAD),
        remedy=f"{_CABLE}; are the motors powered?" + (f" Then {again}" if again else ""),
    )


def _bitrate(facts: CanFacts, arm: ArmConfig) -> Check:
    name, limit = "CAN bit rate", f"{arm.baud_hz} bit/s, arm.baud_hz of the robot file"
    if not facts.bitrate_hz:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"{facts.bitrate_hz} bit/s",
        limit=limit,
        verdict=good_if(facts.bitrate_hz == arm.baud_hz, Verdict.BAD),
        remedy=f"`sudo ip link set {facts.name} down; sudo {remedy(facts.name, arm.baud_hz)}`, or change arm.baud_hz",
        figures={"bitrate_hz": float(facts.bitrate_hz)},
    )


def _restart(facts: CanFacts) -> Check:
    name, limit = "CAN restart", "restart-ms more than 0: after bus-off it comes back by itself"
    if facts.restart_ms is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"{facts.restart_ms} ms",
        limit=limit,
        verdict=good_if(facts.restart_ms > 0),
        remedy=f"`sudo ip link set {facts.name} down; sudo ip link set {facts.name} up type can restart-ms 100`",
        figures={"restart_ms": float(facts.restart_ms)},
    )


def _errors(facts: CanFacts) -> Check:
    name, limit = "CAN error counters", f"{_ERRORS_GOOD} (from {_ERRORS_WEAK + 1} on the controller warns)"
    if facts.tx_errors is None or facts.rx_errors is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"sending {facts.tx_errors}, receiving {facts.rx_errors}",
        limit=limit,
        verdict=at_most(max(facts.tx_errors, facts.rx_errors), _ERRORS_GOOD, _ERRORS_WEAK),
        remedy=_CABLE,
        figures={"tx_errors": float(facts.tx_errors), "rx_errors": float(facts.rx_errors)},
    )


def _bus_offs(facts: CanFacts) -> Check:
    name, limit = "CAN bus-offs", "none since it is up"
    if facts.bus_offs is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"{facts.bus_offs} times",
        limit=limit,
        verdict=good_if(facts.bus_offs == 0),
        remedy=f"it left the bus: {_CABLE}",
        figures={"bus_offs": float(facts.bus_offs)},
    )


def _queue(facts: CanFacts, arm: ArmConfig) -> Check:
    good = _QUEUE_GOOD_PER_JOINT * len(arm.joints)
    name, limit = "CAN queue", f"{good} frames or more, {_QUEUE_GOOD_PER_JOINT} a joint"
    if facts.queue is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"{facts.queue} frames",
        limit=limit,
        verdict=at_least(facts.queue, good, _QUEUE_WEAK_PER_JOINT * len(arm.joints)),
        remedy=f"`sudo ip link set {facts.name} txqueuelen {max(128, good)}`",
        figures={"queue": float(facts.queue)},
    )


def _dropped(facts: CanFacts) -> Check:
    name, limit = "CAN frames dropped", "0 of those sent since it is up"
    if facts.tx_dropped is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"{facts.tx_dropped}",
        limit=limit,
        verdict=good_if(facts.tx_dropped == 0),
        remedy=f"{_CABLE}; see CAN queue, and time on the wire",
        figures={"tx_dropped": float(facts.tx_dropped)},
    )
