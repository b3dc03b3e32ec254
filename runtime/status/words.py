"""A status in lines for a person who sees it for the first time. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.status.robot_status import ArmStatus, JointStatus, LoopStatus, MachineStatus, PolicyStatus, RobotStatus
from runtime.status.verdict import judge, unit_words

_LABEL = 15
_LONG = 100  # characters of what a device said
_JOINTS_MAX = 16


def status_lines(status: RobotStatus) -> Iterator[str]:
    """Yield the lines of `forerun status`."""
    verdict = judge(status)
    yield verdict.line
    if verdict.remedy:
        yield _row("to do", verdict.remedy)
    for number, warning in enumerate(verdict.warnings):
        yield _row("" if number else "warnings", warning)
    yield ""
    yield _row("robot", f"{status.robot} ({status.robot_file})")
    if status.arm is not None:
        yield from _arm_lines(status.arm)
    if status.policy is not None:
        yield from _policy_lines(status.policy)
    for number, unit in enumerate(status.units):
        says = f": {unit.says}" if unit.says and unit.active == "active" else ""
        yield _row("" if number else "units", f"{unit.name:<24}{unit_words(unit).removeprefix('is ')}{says}")
    yield from _machine_lines(status.machine)


def duration_words(value_s: float | None) -> str:
    """Return a duration as people say it: 40 s, 12 min, 3 h 20 min, 2 d 4 h."""
    if value_s is None:
        return "-"
    if value_s < 10:
        return f"{value_s:.1f} s"
    if value_s < 120:
        return f"{value_s:.0f} s"
    minutes = round(value_s / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def age_words(value_s: float | None) -> str:
    """Return an age of what should be milliseconds old."""
    if value_s is None:
        return "-"
    return f"{value_s * 1000:.0f} ms" if value_s < 10 else duration_words(value_s)


def _arm_lines(arm: ArmStatus) -> Iterator[str]:
    dry = "   DRY RUN: the motors are told nothing" if arm.dry_run else ""
    yield _row("state", f"{arm.state} for {duration_words(arm.state_age_s)}: {arm.why}{dry}")
    if arm.estop_pressed:
        yield _row("", f"the emergency stop is pressed: {arm.estop_pressed}")
    late = f"   late {arm.late_p99_ms:.1f} ms at p99" if arm.late_p99_ms is not None else ""
    missed = f"   missed {arm.missed_periods} of {arm.periods} periods"
    yield _row("command", f"{_rates(arm.rate_hz, arm.rate_wanted_hz)}{late}{missed}   {arm.realtime}")
    if arm.chunk_age_s is not None:
        yield _row(
            "ages", f"chunk followed {age_words(arm.chunk_age_s)}   frame behind it {age_words(arm.frame_age_s)}"
        )
    bus = f"LOST: {arm.bus_fault}" if arm.bus_lost else "open"
    fault = f", the last: {_short(arm.bus_fault)}" if arm.bus_fault and not arm.bus_lost else ""
    yield _row("bus", f"{bus}   {arm.bus_errors} exchanges failed since the start{fault}")
    if arm.last_fault is not None:
        yield _row("last fault", f"{duration_words(arm.last_fault.ago_s)} ago: {arm.last_fault.why}")
    yield from _joint_lines(arm)


def _joint_lines(arm: ArmStatus) -> Iterator[str]:
    """Yield a table, the warmest joint first."""
    if not arm.joints:
        return
    width = max(len(joint.name) for joint in arm.joints)
    heading = f"{'':<{width}}  position  effort    degC       V"
    yield _row("joints", f"{heading}     (warmest first)")
    for joint in sorted(arm.joints, key=_warmth, reverse=True)[:_JOINTS_MAX]:
        effort = "-" if joint.effort_ratio is None else f"{joint.effort_ratio * 100:.0f} %".replace("-0 %", "0 %")
        line = (
            f"{joint.name:<{width}}  {joint.position_rad:+8.3f}  {effort:>6}"
            f"  {_value(joint.temperature_degc, 0):>6}  {_value(joint.voltage_v, 1):>6}"
        )
        yield _row("", line)


def _policy_lines(policy: PolicyStatus) -> Iterator[str]:
    others = ", ".join(name for name in policy.instructions if name != policy.instruction)
    yield _row("follows", f"{policy.instruction or 'nothing'}{f'   (it also knows {others})' if others else ''}")
    if policy.bundle is not None:
        trial = ", ON TRIAL: the one before it is run again if it fails" if policy.bundle.on_trial else ""
        runs_as = f" as {policy.bundle.runs_as}" if policy.bundle.runs_as else ""
        yield _row("bundle", f"{policy.bundle.name}{runs_as}{trial}")
    for loop in (*policy.cameras, policy.foresight, policy.action):
        label = f"camera {loop.name}" if loop in policy.cameras else loop.name
        yield _row(label, _loop(loop))
    limit = f"   limit {age_words(policy.foresight_age_max_s)}"
    yield _row("foresight age", f"newest {age_words(policy.foresight_age_s)} old{limit}")
    for number, (source, text) in enumerate(sorted(policy.faults.items())):
        yield _row("" if number else "faults", f"{source}: {text}")
    if policy.last_fault is not None and policy.last_fault not in policy.faults.values():
        yield _row("over", policy.last_fault)


def _machine_lines(machine: MachineStatus) -> Iterator[str]:
    room = ""
    if machine.record_free_mb is not None and machine.record_size_mb is not None:
        room = f"{machine.record_free_mb / 1000:.1f} GB free of {machine.record_size_mb / 1000:.0f} at {machine.record_folder}"
        yield _row("disk", room)
    clock = {True: "set by a time server", False: "NOT set by a time server", None: ""}[machine.clock_synchronised]
    if clock:
        yield _row("clock", clock)
    warmest = sorted(machine.temperatures_degc.items(), key=lambda each: each[1], reverse=True)[:4]
    if warmest:
        yield _row("machine", ", ".join(f"{name} {degc:.0f} degC" for name, degc in warmest))


def _loop(loop: LoopStatus) -> str:
    latency = f"   takes {loop.latency_p50_ms:.1f} ms" if loop.latency_p50_ms is not None else ""
    worst = f", at p99 {loop.latency_p99_ms:.1f} ms" if loop.latency_p99_ms is not None else ""
    return f"{_rates(loop.rate_hz, loop.rate_wanted_hz)}{latency}{worst}"


def _rates(rate_hz: float | None, wanted_hz: float) -> str:
    return f"{_value(rate_hz, 1):>5} of {wanted_hz:g} Hz"


def _warmth(joint: JointStatus) -> float:
    return -273.0 if joint.temperature_degc is None else joint.temperature_degc


def _value(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{'' if len(label) < _LABEL else ' '}{text}".rstrip()
