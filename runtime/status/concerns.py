"""What of a robot is not wrong yet, but on its way there. Pure; the limits stand here, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.status.robot_status import ArmStatus, LoopStatus, MachineStatus, PolicyStatus, RobotStatus

_RATE_WEAK_RATIO = 0.8  # of the rate asked for; a fifth less is seen in how well a policy does
_HEAT_MARGIN_DEGC = 5.0  # below the limit: a motor gains as much in a minute of pushing
_VOLTAGE_MARGIN_RATIO = 0.04  # above the limit: half a volt of 12
_MISSED_WEAK_RATIO = 0.001  # of all periods, as forerun doctor has it
_RECORD_FREE_MB = 500.0  # half an hour of records
_AGE_WEAK_RATIO = 0.75  # of the foresight age at which no chunk is made any more
_MACHINE_HOT_DEGC = 90.0  # an Orin slows down at 99, others at 95
_SETTLED_S = 3.0  # after its start: rates are told over the last second, and cameras give their first frames late
_COMMAND_SOURCE = "command process"  # as runtime/policy/action_loop.py calls it among its faults
_POWERED_V = 1.0  # a motor that tells less does not tell


def warnings_of(status: RobotStatus) -> tuple[str, ...]:
    """Return each in one line."""
    found = [*_of_machine(status.machine)]
    if status.arm is not None:
        found += _of_arm(status.arm)
    if status.policy is not None:
        found += _of_policy(status.policy, status.arm)
    restarted = [unit for unit in status.units if unit.restarts > 0]
    found += [f"{unit.name} was started again {_times(unit.restarts)} by systemd" for unit in restarted]
    return tuple(found)


def _of_arm(arm: ArmStatus) -> Iterator[str]:
    for joint in arm.joints:
        degc, volt = joint.temperature_degc, joint.voltage_v
        if degc is not None and degc > arm.temperature_max_degc - _HEAT_MARGIN_DEGC:
            yield f"{joint.name} is {degc:.0f} degC warm; from {arm.temperature_max_degc:.0f} on it is a fault"
        least_v = arm.voltage_min_v * (1 + _VOLTAGE_MARGIN_RATIO)
        if arm.voltage_min_v > 0 and volt is not None and _POWERED_V < volt < least_v:
            yield f"{joint.name} is supplied with {volt:.1f} V; below {arm.voltage_min_v:.1f} it is a fault"
    if arm.uptime_s > _SETTLED_S and not _waits_for_bus(arm) and arm.rate_hz < _RATE_WEAK_RATIO * arm.rate_wanted_hz:
        yield f"the command loop runs at {arm.rate_hz:.0f} Hz instead of {arm.rate_wanted_hz:.0f}"
    if arm.missed_periods > _MISSED_WEAK_RATIO * arm.periods:
        yield f"{arm.missed_periods} of {arm.periods} command periods were missed: forerun doctor --loop"


def _waits_for_bus(arm: ArmStatus) -> bool:
    """Return whether there is no loop now: it sends nothing until the bus is open, and that is said already."""
    return arm.bus_lost or arm.state == "BOOT"


def _of_policy(policy: PolicyStatus, arm: ArmStatus | None) -> Iterator[str]:
    for source, text in sorted(policy.faults.items()):
        if source != _COMMAND_SOURCE or arm is None or not _waits_for_bus(arm):
            yield f"{source}: {text}"
    if arm is not None and arm.uptime_s < _SETTLED_S:
        return
    if policy.instruction is not None and (words := _slow(policy.action)):
        yield words
    if policy.foresees:
        if words := _slow(policy.foresight):
            yield words
        age_s, limit_s = policy.foresight_age_s, policy.foresight_age_max_s
        if age_s is not None and age_s > _AGE_WEAK_RATIO * limit_s:
            yield f"the newest foresight is {age_s * 1000:.0f} ms old; from {limit_s * 1000:.0f} on no chunk is made"
    yield from (f"camera {words}" for loop in policy.cameras if (words := _slow(loop)))


def _of_machine(machine: MachineStatus) -> Iterator[str]:
    free_mb = machine.record_free_mb
    if free_mb is not None and free_mb < _RECORD_FREE_MB:
        yield f"{machine.record_folder} has {free_mb:.0f} MB left for records"
    if machine.clock_synchronised is False:
        yield "the clock follows no time server: the dates of records may be wrong"
    for sensor, degc in machine.temperatures_degc.items():
        if degc > _MACHINE_HOT_DEGC:
            yield f"the machine is hot: {sensor} {degc:.0f} degC"


def _slow(loop: LoopStatus) -> str | None:
    if loop.rate_hz is None or loop.rate_hz >= _RATE_WEAK_RATIO * loop.rate_wanted_hz:
        return None
    return f"{loop.name} runs at {loop.rate_hz:.0f} Hz instead of {loop.rate_wanted_hz:.0f}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
