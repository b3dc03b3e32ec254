"""The serial port of the arm, judged: facts in, checks out."""

from __future__ import annotations

from bench.doctor.check import Check, Verdict, good_if, unreadable
from bench.doctor.serial_port import PortFacts
from drivers.serial.adapters import LATENCY_GOOD_MS
from interfaces.arm_config import ArmConfig

_LIMIT_HELD = "nobody, or our own command process"


def serial_checks(facts: PortFacts, arm: ArmConfig) -> list[Check]:
    """Return the checks of the port of `arm`."""
    found = [_there(facts)]
    if facts.there:
        found += [_permitted(facts), _held(facts), _latency(facts, arm), _stable(facts)]
    return [*found, _meddlers(facts)]


def _there(facts: PortFacts) -> Check:
    others = f"; there are: {', '.join(facts.others)}" if facts.others else ""
    value = f"{facts.port}, {facts.chip}" if facts.there else f"{facts.port} is not there{others}"
    return Check(
        name="serial port",
        value=value if facts.is_device or not facts.there else f"{facts.port} is no device file",
        limit="the port of the robot file is there",
        verdict=good_if(facts.there and facts.is_device, Verdict.BAD),
        remedy="plug the arm's adapter in, or put its name into the robot file (arm.port): `forerun devices`",
    )


def _permitted(facts: PortFacts) -> Check:
    remedy = f"`sudo usermod -aG {facts.group} $USER`, then log in again"
    if not facts.group_may or facts.group == "root":
        remedy = "its group may not open it: the udev rules of install.sh, then plug it in anew"
    return Check(
        name="serial permission",
        value=f"this user may {'' if facts.permitted else 'not '}open it; group {facts.group}",
        limit="this user may read and write it",
        verdict=good_if(facts.permitted, Verdict.BAD),
        remedy=remedy,
    )


def _held(facts: PortFacts) -> Check:
    shown = ", ".join(holder.shown() for holder in facts.holders)
    return Check(
        name="serial port held by",
        value=shown or "nobody that this user sees (all are seen by root)",
        limit=_LIMIT_HELD,
        verdict=good_if(not facts.foreign, Verdict.BAD),
        remedy=f"two programs on one bus garble each other: `sudo kill {' '.join(str(holder.pid) for holder in facts.foreign)}`",
    )


def _latency(facts: PortFacts, arm: ArmConfig) -> Check:
    name, limit = "serial latency timer", f"{LATENCY_GOOD_MS} ms"
    if facts.latency_ms is None:
        return unreadable(name, limit, f"{facts.chip}: it has none that the kernel tells of")
    period_ms = arm.period_ns * 1e-6
    late = (
        Verdict.BAD if 2 * facts.latency_ms > period_ms else Verdict.WEAK
    )  # half the period is all the time a cycle has
    return Check(
        name=name,
        value=f"{facts.latency_ms} ms, of a period of {period_ms:g} ms",
        limit=limit,
        verdict=good_if(facts.latency_ms <= LATENCY_GOOD_MS, late),
        remedy=f"`echo {LATENCY_GOOD_MS} | sudo tee /sys/bus/usb-serial/devices/$(basename $(realpath {facts.port}))/latency_timer`;"
        " for good, the udev rules of install.sh",
        figures={"latency_ms": float(facts.latency_ms)},
    )


def _stable(facts: PortFacts) -> Check:
    kept = facts.port.startswith("/dev/serial/") or not facts.port.startswith(("/dev/ttyUSB", "/dev/ttyACM"))
    return Check(
        name="serial port's name",
        value=facts.port if kept else f"{facts.port}: another number as soon as two adapters are plugged in",
        limit="a name that stays: /dev/serial/by-id/..., or one of a udev rule",
        verdict=good_if(kept),
        remedy=f'in the robot file: port = "{facts.stable}"'
        if facts.stable.startswith("/dev/serial/")
        else "the udev rules of install.sh give it one",
    )


def _meddlers(facts: PortFacts) -> Check:
    return Check(
        name="programs that take ports",
        value=", ".join(facts.meddlers) or "none runs",
        limit="no ModemManager, no brltty",
        verdict=good_if(not facts.meddlers),
        remedy=f"they write to new ports to find modems: `sudo systemctl disable --now {' '.join(facts.meddlers)}`",
    )
