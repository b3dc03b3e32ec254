"""What the loop did, judged: a measurement in, checks out. The limits stand here, each with its reason."""

from __future__ import annotations

from bench.doctor.check import Check, Verdict, at_most
from bench.doctor.loop_trial import LoopMeasurement
from drivers.bus_budget import BUDGET_RATIO
from drivers.open_devices import bus_budget
from interfaces.arm_config import ArmConfig
from interfaces.messages import CommandState
from interfaces.robot_config import RobotConfig
from runtime.command.log import Spread

# A command that is a tenth of a period early or late is a tenth of a step too far or too short: less than servos feel.
# At half a period, one command in a hundred could as well have been left out.
_PERIOD_GOOD_RATIO, _PERIOD_WEAK_RATIO = 0.1, 0.5

_MISSED_WEAK_RATIO = 0.001  # of the periods; the arm goes on as it was commanded last

# A chunk waits for the next period, and its first byte for what is decided there.
_DECISION_MAX_MS = 1.0

_BUS_GOOD_RATIO = 0.5  # of the period; the rest is for asking again what got lost

_WIRE_GOOD_RATIO = 0.5  # of the period: the adapter and the system need as much again

_FOLLOWING_GOOD_RATIO, _FOLLOWING_WEAK_RATIO = 0.999, 0.9

_LOOK_ABOVE = "see scheduler, real-time share and kernel; nothing else should have a higher priority"


def loop_checks(measured: LoopMeasurement, robot: RobotConfig, *, on_robot: bool) -> list[Check]:
    """Return the checks of a run of the command process of `robot`."""
    period_ms = robot.arm.period_ns * 1e-6
    return [
        _period(measured, period_ms), _missed(measured), _chunk_to_bus(measured, period_ms), _chunk_age(measured, robot),
        _bus(measured, period_ms, on_robot=on_robot), wire_check(robot.arm), _followed(measured, on_robot=on_robot),
    ]  # fmt: skip


def _period(measured: LoopMeasurement, period_ms: float) -> Check:
    error = measured.summary.period_error
    return Check(
        name="period error",
        value=_spread(error),
        limit=f"p99 {_PERIOD_GOOD_RATIO * period_ms:.2f} ms at most",
        verdict=at_most(error.p99_ms, _PERIOD_GOOD_RATIO * period_ms, _PERIOD_WEAK_RATIO * period_ms),
        remedy=_LOOK_ABOVE,
        figures=_figures(error),
    )


def _missed(measured: LoopMeasurement) -> Check:
    missed, periods = measured.summary.missed, measured.summary.commands + measured.summary.missed
    return Check(
        name="missed periods",
        value=f"{missed} of {periods}",
        limit="0",
        verdict=at_most(missed / periods if periods else 1.0, 0.0, _MISSED_WEAK_RATIO),
        remedy=_LOOK_ABOVE,
        figures={"missed": missed, "periods": periods},
    )


def _chunk_to_bus(measured: LoopMeasurement, period_ms: float) -> Check:
    good_ms = period_ms + _DECISION_MAX_MS
    return Check(
        name="chunk to bus",
        value=_spread(measured.chunk_to_bus),
        limit=f"p99 {good_ms:.1f} ms at most",
        verdict=at_most(measured.chunk_to_bus.p99_ms, good_ms, good_ms + period_ms),
        remedy=_LOOK_ABOVE,
        figures=_figures(measured.chunk_to_bus),
    )


def _chunk_age(measured: LoopMeasurement, robot: RobotConfig) -> Check:
    """Judge the age of what is followed; frames have none here, for there is no camera."""
    age, max_ms = measured.summary.frame_age, robot.policy.chunk_age_max_ms
    return Check(
        name="age of the chunk behind a command",
        value=f"{_spread(age)}; no camera in this trial",
        limit=f"p99 {max_ms / 2:.0f} ms at most",
        verdict=at_most(age.p99_ms, max_ms / 2, max_ms),
        remedy="the policy's side is starved: it needs a core that is not always taken",
        figures=_figures(age),
    )


def _bus(measured: LoopMeasurement, period_ms: float, *, on_robot: bool) -> Check:
    bus = measured.summary.bus
    verdict = at_most(bus.p99_ms, _BUS_GOOD_RATIO * period_ms, BUDGET_RATIO * period_ms)
    remedy = "a lower arm.rate_hz, a faster bus, or an adapter with less latency"
    if not on_robot:  # a pty's bytes are moved by an ordinary thread of the kernel: what is late there says little
        verdict = min(verdict, Verdict.WEAK)
        remedy = "emulated servos share the loaded processor: --on-robot measures the real bus"
    return Check(
        name="bus cycle" if on_robot else "bus cycle (emulated)",
        value=f"{_spread(bus)}, {bus.p99_ms / period_ms:.0%} of the period",
        limit=f"p99 {_BUS_GOOD_RATIO:.0%} of the period at most",
        verdict=verdict,
        remedy=remedy,
        figures=_figures(bus),
    )


def wire_check(arm: ArmConfig) -> Check:
    """Judge how long one cycle keeps the wire busy, computed: what no adapter can do without."""
    budget = bus_budget(arm)
    return Check(
        name="time on the wire (computed)",
        value=f"{budget.busy_ns * 1e-6:.2f} ms, {budget.ratio:.0%} of the period ({budget.made_of})",
        limit=f"{_WIRE_GOOD_RATIO:.0%} of the period at most",
        verdict=at_most(budget.ratio, _WIRE_GOOD_RATIO, BUDGET_RATIO),
        remedy="a lower arm.rate_hz, or a higher arm.baud_hz",
        figures={"wire_ms": budget.busy_ns * 1e-6},
    )


def _followed(measured: LoopMeasurement, *, on_robot: bool) -> Check:
    ratios = measured.summary.state_ratio
    following = ratios.get(CommandState.FOLLOWING.name, 0.0)
    return Check(
        name="following",
        value=", ".join(f"{name} {ratio:.1%}" for name, ratio in ratios.items()) or "nothing",
        limit="all the time",
        verdict=at_most(-following, -_FOLLOWING_GOOD_RATIO, -_FOLLOWING_WEAK_RATIO),
        remedy="chunks came late, or the bus failed: run `forerun command ROBOT.toml --dry-run`, and read what it says"
        if on_robot
        else "chunks came late: the policy's side is starved",
        figures={"following_ratio": following},
    )


def _spread(spread: Spread) -> str:
    values = (spread.p50_ms, spread.p99_ms, spread.p999_ms, spread.max_ms)
    return "p50 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f} ms".format(*values)


def _figures(spread: Spread) -> dict[str, float]:
    return {"p50_ms": spread.p50_ms, "p99_ms": spread.p99_ms, "p999_ms": spread.p999_ms, "max_ms": spread.max_ms}
