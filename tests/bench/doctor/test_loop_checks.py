"""What a loop did becomes verdicts: measurements made up on either side of every limit."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench.doctor.check import Check, Verdict
from bench.doctor.loop_checks import loop_checks, wire_check
from bench.doctor.loop_trial import LoopMeasurement
from bench.doctor.machine import Counters, ProcessFacts
from bench.doctor.process_checks import process_checks
from interfaces.robot_config import RobotConfig, load_robot
from runtime.command.log import CommandSummary, Spread

ROBOT: RobotConfig = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml")  # 100 Hz
GOOD, WEAK, BAD, UNKNOWN = Verdict.GOOD, Verdict.WEAK, Verdict.BAD, Verdict.UNKNOWN


def spread(p99_ms: float) -> Spread:
    return Spread(p50_ms=p99_ms / 2, p99_ms=p99_ms, p999_ms=p99_ms, max_ms=p99_ms)


WELL = LoopMeasurement(
    summary=CommandSummary(
        duration_s=10.0,
        commands=1000,
        missed=0,
        lateness=spread(0.1),
        decision=spread(0.1),
        period_error=spread(0.1),
        bus=spread(2.0),
        frame_age=spread(30.0),
        foresight_age=spread(50.0),
        state_ratio={"FOLLOWING": 1.0},
    ),
    chunk_to_bus=spread(9.0),
    process=ProcessFacts(scheduler="FIFO 60", cpus=(0, 1), locked_mb=20.0, peak_mb=40.0, major_faults=3),
    before=Counters(thermal_throttles=4, quota_throttles=1, stolen_ticks=0, all_ticks=1000),
    after=Counters(thermal_throttles=4, quota_throttles=1, stolen_ticks=0, all_ticks=2000),
    major_faults=0,
)


def found(measured: LoopMeasurement, robot: RobotConfig = ROBOT, *, on_robot: bool = True) -> dict[str, Check]:
    checks = [*loop_checks(measured, robot, on_robot=on_robot), *process_checks(measured, robot)]
    return {check.name: check for check in checks}


def with_summary(**changes: object) -> LoopMeasurement:
    return replace(WELL, summary=replace(WELL.summary, **changes))


def with_process(**changes: object) -> LoopMeasurement:
    return replace(WELL, process=replace(WELL.process, **changes))


def with_after(**changes: object) -> LoopMeasurement:
    return replace(WELL, after=replace(WELL.after, **changes))


def test_a_loop_that_ran_well_is_good_all_over() -> None:
    assert {name: check.verdict for name, check in found(WELL).items() if check.verdict is not GOOD} == {}


@pytest.mark.parametrize(
    ("measured", "name", "verdict"),
    [
        (with_summary(period_error=spread(1.0)), "period error", GOOD),
        (with_summary(period_error=spread(1.1)), "period error", WEAK),
        (with_summary(period_error=spread(5.1)), "period error", BAD),
        (with_summary(period_error=spread(math.nan)), "period error", BAD),
        (with_summary(missed=1), "missed periods", WEAK),
        (with_summary(missed=2), "missed periods", BAD),
        (with_summary(commands=0), "missed periods", BAD),
        (replace(WELL, chunk_to_bus=spread(11.5)), "chunk to bus", WEAK),
        (replace(WELL, chunk_to_bus=spread(22.0)), "chunk to bus", BAD),
        (with_summary(frame_age=spread(200.0)), "age of the chunk behind a command", WEAK),
        (with_summary(frame_age=spread(300.0)), "age of the chunk behind a command", BAD),
        (with_summary(bus=spread(6.0)), "bus cycle", WEAK),
        (with_summary(bus=spread(8.0)), "bus cycle", BAD),
        (with_summary(state_ratio={"FOLLOWING": 0.95, "HOLDING": 0.05}), "following", WEAK),
        (with_summary(state_ratio={"FAULT": 1.0}), "following", BAD),
        (with_process(scheduler="OTHER"), "scheduler, as read back", WEAK),
        (with_process(locked_mb=0.0), "locked memory", WEAK),
        (with_process(peak_mb=100.0), "memory of the command process", WEAK),
        (with_process(peak_mb=200.0), "memory of the command process", BAD),
        (replace(WELL, major_faults=2), "pages fetched from disk", WEAK),
        (with_after(thermal_throttles=5), "slowed down by heat meanwhile", BAD),
        (with_after(thermal_throttles=None), "slowed down by heat meanwhile", UNKNOWN),
        (with_after(quota_throttles=2), "stopped by its control group", BAD),
        (with_after(stolen_ticks=10), "taken by the hypervisor", WEAK),
        (with_after(stolen_ticks=100), "taken by the hypervisor", BAD),
    ],
)
def test_what_is_not_well_is_named_with_what_to_do(measured: LoopMeasurement, name: str, verdict: Verdict) -> None:
    check = found(measured)[name]
    assert check.verdict is verdict
    assert check.verdict <= UNKNOWN or check.remedy


def test_an_emulated_bus_is_never_worse_than_weak_and_says_why() -> None:
    check = found(with_summary(bus=spread(9.0)), on_robot=False)["bus cycle (emulated)"]
    assert check.verdict is WEAK
    assert "--on-robot" in check.remedy


def test_the_same_error_is_worse_in_a_shorter_period() -> None:
    fast = replace(ROBOT, arm=replace(ROBOT.arm, rate_hz=500.0))
    assert found(with_summary(period_error=spread(0.3)))["period error"].verdict is GOOD
    assert found(with_summary(period_error=spread(0.3)), fast)["period error"].verdict is WEAK


def test_a_robot_that_requires_real_time_and_does_not_get_it_is_not_fit() -> None:
    strict = replace(ROBOT, runtime=replace(ROBOT.runtime, realtime="required", command_cpu=3))
    checks = found(with_process(scheduler="OTHER"), strict)
    assert checks["scheduler, as read back"].verdict is BAD
    assert checks["cores it may use"].verdict is WEAK


def test_a_slow_bus_is_too_slow_for_the_rate() -> None:
    slow = replace(ROBOT.arm, baud_hz=115_200)  # 124 bytes take 10.8 ms
    check = wire_check(slow)
    assert check.verdict is BAD
    assert check.figures["wire_ms"] == pytest.approx(124 * 10e3 / 115_200 + 6 * 0.06)
