"""Whether a robot does well, in one line and a status for programs. Pure: a gathered status in, a judgement out.

What a person must do comes before what is merely worth knowing; what the robot was asked to do is never held against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from interfaces.installed import COMMAND_UNIT, POLICY_UNIT, SAFE_UNIT
from runtime.status.concerns import warnings_of
from runtime.status.robot_status import ArmStatus, PolicyStatus, RobotStatus
from runtime.status.units import UnitStatus


class Wellbeing(IntEnum):
    """How a robot is; the exit status of `forerun status`."""

    WELL = 0
    UNWELL = 1  # it needs somebody, or does not do what it was asked to
    NOT_RUNNING = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement."""

    wellbeing: Wellbeing
    banner: str  # one or two words in capitals, for a sign that is read from afar
    line: str  # the banner and its reason
    remedy: str  # what a person may do; empty where nothing needs to be done
    warnings: tuple[str, ...] = ()  # what is not wrong yet


_RESULTS = {
    "success": "asked to",
    "exit-code": "it ended with an error",
    "signal": "it was killed",
    "core-dump": "it crashed",
    "watchdog": "it made no progress, and was ended",
    "timeout": "it took too long to start or to end",
    "start-limit-hit": "it was started too often",
    "oom-kill": "the machine ran out of memory",
    "protocol": "it ended before it was ready",
    "resources": "the system could not start it",
}  # of systemd.exec(5) and systemd.service(5)

_WELL, _UNWELL, _NOT_RUNNING = Wellbeing.WELL, Wellbeing.UNWELL, Wellbeing.NOT_RUNNING


def judge(status: RobotStatus) -> Verdict:
    """Return how the robot is."""
    safe = status.unit(SAFE_UNIT)
    if safe is not None and safe.active == "active":
        return _safe_state(status)
    if status.arm is None:
        return _without_arm(status)
    return _of_arm(status, status.arm)


def _safe_state(status: RobotStatus) -> Verdict:
    command = status.unit(COMMAND_UNIT)
    why = "the command process gave up" if command is None else f"the command process gave up: {result_words(command)}"
    remedy = f"journalctl -u {COMMAND_UNIT} tells why; when that is mended: sudo forerun start"
    return Verdict(_UNWELL, "SAFE STATE", f"SAFE STATE: a person is needed: {why}", remedy)


def _without_arm(status: RobotStatus) -> Verdict:
    """Judge a robot whose command process does not answer."""
    command = status.unit(COMMAND_UNIT)
    failed = next((unit for unit in status.units if unit.active == "failed"), None)
    if command is not None and command.active in {"active", "activating", "reloading"}:
        banner = "STARTING" if command.active == "activating" else "NO ANSWER"
        why = command.says or status.arm_silence or "the command process does not answer"
        remedy = (
            "" if banner == "STARTING" else f"systemd starts it again by itself; if not: journalctl -u {COMMAND_UNIT}"
        )
        return Verdict(_UNWELL, banner, f"{banner}: {why}", remedy)
    if failed is not None:
        line = f"FAILED: {failed.name} {unit_words(failed)}"
        return Verdict(_UNWELL, "FAILED", line, f"journalctl -u {failed.name} tells why; then: sudo forerun start")
    if status.policy is not None:
        why = status.arm_silence or "the command process does not answer"
        return Verdict(
            _UNWELL,
            "NO ANSWER",
            f"NO ANSWER: {why}; the policy process runs",
            "start the command process, or all: forerun run",
        )
    start = "sudo forerun start" if status.units else f"forerun run {status.robot_file}"
    why = status.arm_silence or "nobody answers"
    line = f"NOT RUNNING: {why if command is None else f'{COMMAND_UNIT} {unit_words(command)}'}"
    return Verdict(_NOT_RUNNING, "NOT RUNNING", line, f"start it: {start}")


def _of_arm(status: RobotStatus, arm: ArmStatus) -> Verdict:
    if arm.state in {"FAULT", "ESTOP"}:
        remedy = "look at the robot; when going on is safe: forerun clear"
        return Verdict(_UNWELL, arm.state, f"{arm.state}: {arm.why}", remedy, warnings_of(status))
    if arm.state == "BOOT":
        remedy = "it goes on by itself once that is mended" if arm.bus_lost else ""
        return Verdict(_UNWELL, "STARTING", f"STARTING: {arm.why}", remedy, warnings_of(status))
    failed = next((unit for unit in status.units if unit.active == "failed"), None)
    if status.policy is None:
        return _without_policy(status, arm)
    if status.policy.instruction is None and arm.state != "FOLLOWING":
        return _well(status, f"{arm.state} as asked: it follows nothing", failed)
    if arm.state == "FOLLOWING":
        return _well(status, f"FOLLOWING {status.policy.instruction or ''}".strip(), failed)
    why = _why_it_holds(status.policy, arm)
    asked = status.policy.instruction
    remedy = f"it goes on with {asked} by itself once that is mended"
    return Verdict(_UNWELL, "HOLDING", f"HOLDING: {why}", remedy, warnings_of(status))


def _well(status: RobotStatus, does: str, failed: UnitStatus | None) -> Verdict:
    banner, warnings = does.split()[0], warnings_of(status)
    if failed is not None:
        line = f"{does}, but {failed.name} {unit_words(failed)}"
        return Verdict(_UNWELL, banner, line, f"journalctl -u {failed.name} tells why", warnings)
    count = len(warnings)
    how = "all well" if not count else f"{count} warning{'s' if count > 1 else ''}"
    return Verdict(_WELL, banner, f"{does}, {how}", "", warnings)


def _without_policy(status: RobotStatus, arm: ArmStatus) -> Verdict:
    unit = status.unit(POLICY_UNIT)
    of_unit = f"; {POLICY_UNIT} {unit_words(unit)}" if unit is not None and unit.active != "active" else ""
    why = f"{arm.state}: {status.policy_silence or 'the policy process does not answer'}{of_unit}"
    remedy = f"journalctl -u {POLICY_UNIT}" if unit is not None else "start the policy process, or all: forerun run"
    return Verdict(_UNWELL, arm.state, why, remedy, warnings_of(status))


def _why_it_holds(policy: PolicyStatus, arm: ArmStatus) -> str:
    """Return the cause where the policy knows one: that a chunk is late is only its consequence."""
    if policy.faults:
        return "; ".join(f"{source}: {text}" for source, text in sorted(policy.faults.items()))
    if policy.hanging:
        return f"{', '.join(policy.hanging)} of the policy hangs"
    if policy.ready is False:
        return "the policy process is starting"
    if not policy.connected:
        return "the policy process does not hear the command process"
    return arm.why if arm.state == "HOLDING" else f"{arm.state}, and no chunk of {policy.instruction} came yet"


def unit_words(unit: UnitStatus) -> str:
    """Return in words how a unit is."""
    ended = f": {result_words(unit)}" if unit.result not in {"", "success"} else ""
    return f"is {unit.active}{ended}"


def result_words(unit: UnitStatus) -> str:
    """Return in words how a unit ended, and what it said last."""
    last = f"; it was last: {unit.says}" if unit.says else ""
    return f"{_RESULTS.get(unit.result, unit.result)}{last}"


def as_object(verdict: Verdict) -> dict[str, object]:
    """Return a judgement as an object for JSON."""
    return {
        "wellbeing": verdict.wellbeing.name.lower(),
        "exit_status": int(verdict.wellbeing),
        "banner": verdict.banner,
        "line": verdict.line,
        "remedy": verdict.remedy,
        "warnings": list(verdict.warnings),
    }
