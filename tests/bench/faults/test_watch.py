"""The eye sees what it is there to see: each violation made on purpose is found, and a clean run is none."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.faults.watch import Period, Watch
from bench.stage_rig import MS, PERIOD_NS, POSE, ROBOT, Trial, measured, poisoned
from interfaces.messages import CommandState, StageInput, StageInputKind


class Seen:
    """A trial of the stage under a watch."""

    def __init__(self) -> None:
        self.trial = Trial()
        self.watch = Watch(ROBOT)
        self.look([self.told(StageInputKind.BEGIN)], beat=False)

    def told(self, kind: StageInputKind, **more: Any) -> StageInput:
        return replace(StageInput(kind=kind, t_ns=self.trial.t_ns), **more)

    def look(self, told: list[StageInput], *, beat: bool = True, **spoiled: Any) -> None:
        joints = self.trial.joints
        sent = self.trial.period() if beat else None
        seen = Period(
            t_ns=self.trial.t_ns,
            told=tuple(told),
            command=sent,
            joints=joints,
            state=self.trial.stage.state,
            lost=False,
        )
        self.watch.look(replace(seen, **spoiled))

    def follow(self, periods: int) -> None:
        for k in range(periods):
            told: list[StageInput] = []
            if k % 3 == 0:
                chunk = self.trial.chunk(POSE + 0.3)
                self.trial.stage.adopt(chunk, self.trial.t_ns)
                told = [self.told(StageInputKind.CHUNK, chunk=chunk)]
            self.look(told)

    def violations(self) -> list[str]:
        return self.watch.close().violations


@pytest.fixture
def seen() -> Seen:
    made = Seen()
    made.follow(20)
    assert made.trial.stage.state is CommandState.FOLLOWING
    return made


def test_a_clean_run_is_no_violation(seen: Seen) -> None:
    seen.trial.stage.estop("button")
    seen.look([seen.told(StageInputKind.ESTOP)])
    for _ in range(20):
        seen.look([])
    assert seen.violations() == []


def test_a_latch_that_opens_by_itself_is_seen(seen: Seen) -> None:
    seen.look([], state=CommandState.FAULT)
    seen.look([], state=CommandState.READY)
    assert any("FAULT was left without a clear" in line for line in seen.violations())


def test_an_emergency_stop_without_effect_is_seen(seen: Seen) -> None:
    seen.look([seen.told(StageInputKind.ESTOP)])
    assert any("an emergency stop led to FOLLOWING" in line for line in seen.violations())


def test_a_lost_bus_without_effect_is_seen(seen: Seen) -> None:
    seen.look([], lost=True)
    assert any("the bus is lost" in line for line in seen.violations())


def test_following_nothing_and_following_what_is_old_are_seen(seen: Seen) -> None:
    seen.look([seen.told(StageInputKind.CHUNK, chunk=poisoned(seen.trial.chunk(POSE), np.nan))])
    assert any("no chunk to follow" in line for line in seen.violations())
    late = Seen()
    late.follow(4)
    late.trial.t_ns += 500 * MS
    late.look([], state=CommandState.FOLLOWING)
    assert any("too old" in line for line in late.violations())


@pytest.mark.parametrize(
    ("change_rad", "named"), [(np.nan, "not finite"), (1.0, "limits"), (5.0, "outside 5 rad"), (0.05, "velocity 1.2")]
)
def test_a_jump_is_seen(seen: Seen, change_rad: float, named: str) -> None:
    seen.look([])
    sent = seen.trial.sent[-1]
    seen.look([], command=replace(sent, position_rad=sent.position_rad + change_rad))
    assert any(named in line for line in seen.violations()), seen.violations()


def test_a_first_command_off_the_measured_pose_is_seen() -> None:
    seen = Seen()
    command = seen.trial.period()
    seen.look([], command=replace(command, position_rad=command.position_rad + 1e-3))
    assert any("not the measured pose" in line for line in seen.violations())


def test_never_coming_to_rest_is_seen(seen: Seen) -> None:
    command = seen.trial.sent[-1]
    for k in range(40):
        position_rad = command.position_rad + 1e-4 * k
        seen.look([], command=replace(command, position_rad=position_rad, state=CommandState.HOLDING))
    assert any("not at rest" in line for line in seen.violations())


def test_a_hot_motor_that_is_no_fault_is_seen(seen: Seen) -> None:
    hot = replace(measured(POSE), temperature_degc=np.full(6, 66.0))
    for k in range(round(ROBOT.arm.limit_patience_ms * 1e6 / PERIOD_NS) + 5):
        del k
        seen.look([], joints=hot)
    assert any("too much for too long" in line for line in seen.violations())
