"""The status as Prometheus metrics: base units, one name a quantity, what nobody tells is left out."""

# pyright: reportImplicitOverride=false

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from interfaces.messages import CommandState
from runtime.status.robot_status import ArmStatus, LoopStatus, PolicyStatus, RobotStatus
from runtime.status.verdict import Wellbeing, judge

_JOINT_GAUGES = (
    ("position_rad", "forerun_joint_position_radians", "Measured position."),
    ("target_rad", "forerun_joint_target_radians", "Commanded position."),
    ("velocity_rad_s", "forerun_joint_velocity_radians_per_second", "Measured velocity."),
    ("effort_ratio", "forerun_joint_effort_ratio", "Of the motor's maximum torque, signed."),
    ("temperature_degc", "forerun_joint_temperature_celsius", "Of the motor."),
    ("voltage_v", "forerun_joint_voltage_volts", "Supply at the motor."),
)
_COMMAND_COUNTERS = (
    ("periods", "forerun_command_periods", "Command periods since the command process began."),
    ("missed_periods", "forerun_command_missed_periods", "Command periods in which no command was sent in time."),
    ("bus_errors", "forerun_command_bus_errors", "Exchanges with the motors that failed."),
)


class RobotCollector(Collector):
    """Turns the newest status into metrics whenever Prometheus asks."""

    def __init__(self, newest: Callable[[], RobotStatus | None]) -> None:
        """`newest` returns the newest status, or None before the first."""
        self._newest = newest

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        status = self._newest()
        if status is None:
            return
        yield from _overall(status)
        yield from _of_arm(status.arm) if status.arm else ()
        yield from _of_policy(status.policy) if status.policy else ()
        yield from _of_units(status)
        yield from _of_machine(status)


def registry(newest: Callable[[], RobotStatus | None]) -> CollectorRegistry:
    """Return the metrics of the robot, and of the page's own process (processor time, memory, files)."""
    made = CollectorRegistry(auto_describe=False)
    made.register(RobotCollector(newest))
    ProcessCollector(registry=made)
    return made


def _overall(status: RobotStatus) -> Iterator[Metric]:
    up = GaugeMetricFamily("forerun_up", "Whether a process of the robot answers.", labels=["process"])
    up.add_metric(["command"], float(status.arm is not None))
    up.add_metric(["policy"], float(status.policy is not None))
    yield up
    well = judge(status).wellbeing is Wellbeing.WELL
    yield GaugeMetricFamily("forerun_well", "Whether the robot does what it was asked to.", value=float(well))
    took_s = status.gathering_ms / 1000
    yield GaugeMetricFamily("forerun_page_gathering_seconds", "What asking everybody took.", value=took_s)


def _of_arm(arm: ArmStatus) -> Iterator[Metric]:
    state = GaugeMetricFamily("forerun_state", "1 for the state of the command process.", labels=["state"])
    for each in CommandState:
        state.add_metric([each.name], float(arm.state == each.name))
    yield state
    for key, name, meaning in _COMMAND_COUNTERS:
        yield CounterMetricFamily(name, meaning, value=getattr(arm, key))
    yield from _gauges(
        ("forerun_state_age_seconds", "In this state for so long.", arm.state_age_s),
        ("forerun_chunk_age_seconds", "Since the joint state behind the newest chunk.", arm.chunk_age_s),
        ("forerun_frame_age_seconds", "Of the frame behind the command.", arm.frame_age_s),
        ("forerun_last_fault_age_seconds", "Since the last fault.", arm.last_fault.ago_s if arm.last_fault else None),
    )
    for key, name, meaning in _JOINT_GAUGES:
        gauge = GaugeMetricFamily(name, meaning, labels=["joint"])
        told = ((joint.name, getattr(joint, key)) for joint in arm.joints)
        for joint_name, number in told:
            if number is not None:
                gauge.add_metric([joint_name], number)
        yield gauge
    yield from _gauges(
        ("forerun_command_rate_hertz", "Command periods a second.", arm.rate_hz),
        ("forerun_command_rate_wanted_hertz", "As the robot file has it.", arm.rate_wanted_hz),
    )


def _of_policy(policy: PolicyStatus) -> Iterator[Metric]:
    yield from _gauges(("forerun_foresight_age_seconds", "Of the newest foresight.", policy.foresight_age_s))
    loops = [(_loop_name(loop, policy), loop) for loop in (*policy.cameras, policy.foresight, policy.action)]
    rate = GaugeMetricFamily("forerun_loop_rate_hertz", "Turns a second of a loop of the policy.", labels=["loop"])
    latency = GaugeMetricFamily("forerun_loop_latency_seconds", "What a turn takes.", labels=["loop", "quantile"])
    for name, loop in loops:
        if loop.rate_hz is not None:
            rate.add_metric([name], loop.rate_hz)
        for quantile, value_ms in (("0.5", loop.latency_p50_ms), ("0.99", loop.latency_p99_ms)):
            if value_ms is not None:
                latency.add_metric([name, quantile], value_ms / 1000)
    yield rate
    yield latency
    follows = GaugeMetricFamily(
        "forerun_instruction", "1 for the instruction that is followed.", labels=["instruction"]
    )
    for instruction in policy.instructions:
        follows.add_metric([instruction], float(instruction == policy.instruction))
    yield follows
    yield GaugeMetricFamily("forerun_policy_faults", "What is wrong with the policy now.", value=len(policy.faults))
    if policy.bundle is not None:
        bundle = GaugeMetricFamily("forerun_bundle", "1 for the bundle that acts.", labels=["bundle", "on_trial"])
        bundle.add_metric([policy.bundle.name, str(policy.bundle.on_trial).lower()], 1.0)
        yield bundle


def _of_units(status: RobotStatus) -> Iterator[Metric]:
    active = GaugeMetricFamily("forerun_unit_active", "Whether a unit is active.", labels=["unit"])
    restarts = CounterMetricFamily("forerun_unit_restarts", "Restarts by systemd itself.", labels=["unit"])
    for unit in status.units:
        active.add_metric([unit.name], float(unit.active == "active"))
        restarts.add_metric([unit.name], unit.restarts)
    yield active
    yield restarts


def _of_machine(status: RobotStatus) -> Iterator[Metric]:
    machine = status.machine
    heat = GaugeMetricFamily("forerun_machine_temperature_celsius", "By sensor of the kernel.", labels=["sensor"])
    for sensor, degc in machine.temperatures_degc.items():
        heat.add_metric([sensor], degc)
    yield heat
    free, synchronised = machine.record_free_mb, machine.clock_synchronised
    yield from _gauges(
        ("forerun_record_free_bytes", "Room for flight records.", None if free is None else free * 1e6),
        (
            "forerun_clock_synchronised",
            "Whether a time server sets the clock.",
            None if synchronised is None else float(synchronised),
        ),
    )


def _gauges(*told: tuple[str, str, float | None]) -> Iterator[Metric]:
    for name, meaning, value in told:
        if value is not None:
            yield GaugeMetricFamily(name, meaning, value=value)


def _loop_name(loop: LoopStatus, policy: PolicyStatus) -> str:
    return f"camera {loop.name}" if loop in policy.cameras else loop.name
