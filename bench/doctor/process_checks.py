"""What the kernel gave the loop while it ran, judged: a measurement in, checks out. The limits stand here, each with its reason."""

from __future__ import annotations

from bench.doctor.check import Check, Verdict, at_most, unreadable
from bench.doctor.loop_trial import LoopMeasurement
from interfaces.robot_config import RobotConfig

_MEMORY_GOOD_MB, _MEMORY_WEAK_MB = 80.0, 160.0  # what we promise; and twice as much

_STEAL_GOOD_RATIO, _STEAL_WEAK_RATIO = 0.001, 0.02  # a robot has no hypervisor; a test machine's takes this much


def process_checks(measured: LoopMeasurement, robot: RobotConfig) -> list[Check]:
    """Return the checks of what the command process of `robot` was given."""
    return [
        _scheduler(measured, robot), _affinity(measured, robot), _locked(measured), _faults(measured), _memory(measured),
        _heat(measured), _quota(measured), _steal(measured),
    ]  # fmt: skip


def _scheduler(measured: LoopMeasurement, robot: RobotConfig) -> Check:
    asked = f"FIFO {robot.runtime.realtime_priority}"
    given = measured.process.scheduler
    lacking = Verdict.BAD if robot.runtime.realtime == "required" else Verdict.WEAK
    return Check(
        name="scheduler, as read back",
        value=given,
        limit=asked,
        verdict=Verdict.GOOD if given == asked else lacking,
        remedy=f"give CAP_SYS_NICE or LimitRTPRIO={robot.runtime.realtime_priority}, as the systemd unit does",
    )


def _affinity(measured: LoopMeasurement, robot: RobotConfig) -> Check:
    asked, given = robot.runtime.command_cpu, measured.process.cpus
    as_asked = asked is None or given == (asked,)
    return Check(
        name="cores it may use",
        value=", ".join(map(str, given)),
        limit="any" if asked is None else f"{asked}, runtime.command_cpu",
        verdict=Verdict.GOOD if as_asked else Verdict.WEAK,
        remedy="set runtime.command_cpu to a core that exists and that this user may use",
    )


def _locked(measured: LoopMeasurement) -> Check:
    return Check(
        name="locked memory",
        value=f"{measured.process.locked_mb:.0f} MB of addresses",
        limit="more than 0",
        verdict=Verdict.GOOD if measured.process.locked_mb > 0 else Verdict.WEAK,
        remedy="give CAP_IPC_LOCK or LimitMEMLOCK=infinity, as the systemd unit does",
        figures={"locked_mb": measured.process.locked_mb},
    )


def _faults(measured: LoopMeasurement) -> Check:
    return Check(
        name="pages fetched from disk",
        value=str(measured.major_faults),
        limit="0",
        verdict=at_most(measured.major_faults, 0, 10),
        remedy="see locked memory, and memory available",
        figures={"major_faults": measured.major_faults},
    )


def _memory(measured: LoopMeasurement) -> Check:
    peak_mb = measured.process.peak_mb
    return Check(
        name="memory of the command process",
        value=f"{peak_mb:.0f} MB at most",
        limit=f"{_MEMORY_GOOD_MB:.0f} MB at most",
        verdict=at_most(peak_mb, _MEMORY_GOOD_MB, _MEMORY_WEAK_MB),
        remedy="this is ours to mend: please report it",
        figures={"peak_mb": peak_mb},
    )


def _heat(measured: LoopMeasurement) -> Check:
    return _grown(
        "slowed down by heat meanwhile",
        measured.before.thermal_throttles,
        measured.after.thermal_throttles,
        "cool it, or choose a lower power mode that it can keep up",
    )


def _quota(measured: LoopMeasurement) -> Check:
    return _grown(
        "stopped by its control group",
        measured.before.quota_throttles,
        measured.after.quota_throttles,
        "give this group (container, unit) a larger share of the processor: CPUQuota, cpu.max",
    )


def _grown(name: str, before: int | None, after: int | None, remedy: str) -> Check:
    if before is None or after is None:
        return unreadable(name, "never")
    times = after - before
    return Check(
        name=name,
        value=f"{times} times",
        limit="never",
        verdict=at_most(times, 0, 0),
        remedy=remedy,
        figures={"times": times},
    )


def _steal(measured: LoopMeasurement) -> Check:
    stolen = measured.after.stolen_ticks - measured.before.stolen_ticks
    whole = measured.after.all_ticks - measured.before.all_ticks
    ratio = stolen / whole if whole else 0.0
    return Check(
        name="taken by the hypervisor",
        value=f"{ratio:.2%} of the processor",
        limit="0",
        verdict=at_most(ratio, _STEAL_GOOD_RATIO, _STEAL_WEAK_RATIO),
        remedy="a virtual machine cannot promise time: measure on the robot's own computer",
        figures={"steal_ratio": ratio},
    )
