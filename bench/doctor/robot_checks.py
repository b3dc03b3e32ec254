"""The robot itself: its file, and what its running service says of its motors. Nothing touches the bus."""

from __future__ import annotations

import math

import numpy as np

from bench.doctor.check import Check, Verdict, at_least, at_most, good_if, unreadable
from bench.doctor.patient import Heard
from interfaces.arm_config import ArmConfig
from interfaces.command_report import CommandReport
from interfaces.messages import CommandState

# A supply that sags by less than this under load is above its limit at rest; a motor gains some 10 degrees while it works.
_VOLTAGE_GOOD_RATIO = 1.05
_TEMPERATURE_RESERVE_DEGC = 10.0

_STATE, _STATE_LIMIT = "state of the robot", "no fault, no emergency stop"
_STOPPED = {CommandState.FAULT, CommandState.ESTOP}


def file_check(robot_file: str, name: str, trouble: str) -> Check:
    """Judge the robot file; `trouble` is why it does not load."""
    return Check(
        name="robot file",
        value=trouble.removeprefix(f"{robot_file}: ") or f"{robot_file}: {name}",
        limit="loads, each key in its place",
        verdict=good_if(not trouble, Verdict.BAD),
        remedy=f"mend it: `sudoedit {robot_file}`; `forerun devices --write NEW.toml` drafts one",
    )


def silence_check(heard: Heard) -> list[Check]:
    """Judge a robot that runs, or may run, and tells nothing; none for one that does not run."""
    if not heard.silence:
        return []
    verdict = Verdict.BAD if heard.hung else Verdict.WEAK
    return [Check(name=_STATE, value=heard.silence, limit=_STATE_LIMIT, verdict=verdict, remedy=heard.remedy)]


def running_checks(report: CommandReport, arm: ArmConfig) -> list[Check]:
    """Return the checks of a robot whose command process gave `report`."""
    return [_state(report), _realtime(report), _beat(report), *motor_checks(report, arm)]


def motor_checks(report: CommandReport, arm: ArmConfig) -> list[Check]:
    """Return the checks of the motors, as measured when the report was made."""
    return [_voltage(report, arm), _temperature(report, arm), _bus_errors(report)]


def _state(report: CommandReport) -> Check:
    fault = f"; the last fault was: {report.last_fault}" if report.last_fault else ""
    return Check(
        name=_STATE,
        value=f"{report.state.name}: {report.why}{fault}",
        limit=_STATE_LIMIT,
        verdict=good_if(report.state not in _STOPPED, Verdict.BAD),
        remedy="look at the robot, mend the cause, then `forerun clear`",
    )


def _realtime(report: CommandReport) -> Check:
    return Check(
        name="real time of the running loop",
        value=report.realtime or "none",
        limit="FIFO, and memory locked",
        verdict=good_if(report.realtime.startswith("FIFO") and report.locked_kb > 0),
        remedy="`sudo ./install.sh install` writes the unit that gives it; see real-time priority",
        figures={"locked_kb": float(report.locked_kb)},
    )


def _beat(report: CommandReport) -> Check:
    missed_ratio = report.missed / max(1.0, report.uptime_s * report.rate_asked_hz)
    return Check(
        name="beat of the running loop",
        value=f"{report.rate_hz:.1f} of {report.rate_asked_hz:g} Hz, {report.missed} periods missed in {report.uptime_s:.0f} s",
        limit="one period in a thousand missed at most",
        verdict=at_most(missed_ratio, 0.001, 0.01),
        remedy="`forerun doctor --loop` on a stopped robot says what this machine can do",
        figures={"missed": float(report.missed), "rate_hz": report.rate_hz},
    )


def _voltage(report: CommandReport, arm: ArmConfig) -> Check:
    name, limit = "servo voltage", f"{arm.voltage_min_v:g} V, arm.voltage_min_v, and {_VOLTAGE_GOOD_RATIO - 1:.0%} more"
    lowest_v, joint = _worst(report, arm, "voltage_v", lowest=True)
    if math.isnan(lowest_v) or arm.voltage_min_v == 0:
        return unreadable(name, limit, "its motors do not tell")
    return Check(
        name=name,
        value=f"{lowest_v:.1f} V at {joint}",
        limit=limit,
        verdict=at_least(lowest_v, _VOLTAGE_GOOD_RATIO * arm.voltage_min_v, arm.voltage_min_v),
        remedy="a supply for more current, shorter and thicker cables; is the plug in as far as it goes?",
        figures={"lowest_v": lowest_v},
    )


def _temperature(report: CommandReport, arm: ArmConfig) -> Check:
    good_degc = arm.temperature_max_degc - _TEMPERATURE_RESERVE_DEGC
    name, limit = (
        "servo temperature",
        f"{good_degc:g} degC: {_TEMPERATURE_RESERVE_DEGC:g} below arm.temperature_max_degc",
    )
    hottest_degc, joint = _worst(report, arm, "temperature_degc", lowest=False)
    if math.isnan(hottest_degc):
        return unreadable(name, limit, "its motors do not tell")
    return Check(
        name=name,
        value=f"{hottest_degc:.0f} degC at {joint}",
        limit=limit,
        verdict=at_most(hottest_degc, good_degc, arm.temperature_max_degc),
        remedy="let it rest: `sudo forerun stop`; then find what it pushes against, or a lower effort_max_ratio",
        figures={"hottest_degc": hottest_degc},
    )


def _bus_errors(report: CommandReport) -> Check:
    said = f": {report.bus_fault}" if report.bus_fault else ""
    return Check(
        name="bus errors",
        value=f"{report.bus_errors} failed cycles in {report.uptime_s:.0f} s{said}",
        limit="none",
        verdict=Verdict.BAD if report.bus_lost else good_if(report.bus_errors == 0),
        remedy="cable and plugs of the bus, its termination, its supply; `forerun devices` asks each motor, on a stopped robot",
        figures={"bus_errors": float(report.bus_errors)},
    )


def _worst(report: CommandReport, arm: ArmConfig, key: str, *, lowest: bool) -> tuple[float, str]:
    """Return the worst value of all joints and the joint's name; NaN where no motor tells."""
    values = np.array([]) if report.joints is None else np.asarray(getattr(report.joints, key), np.float64)
    if not np.isfinite(values).any():
        return math.nan, ""
    index = int(np.nanargmin(values) if lowest else np.nanargmax(values))
    names = arm.joint_names
    return float(values[index]), names[index] if index < len(names) else f"joint {index}"
