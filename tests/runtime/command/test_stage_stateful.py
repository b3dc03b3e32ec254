"""The command stage under any order of inputs: hypothesis plays policy, bus, motors, operator, clock and loop against it.

Whatever the order: no command outside the limits, no step larger than they allow, no motion before the pose was measured, FAULT
and ESTOP left by a clear only, and rest within the bound once nothing is followed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from bench.faults.watch import Period, Watch
from bench.stage_rig import MS, PERIOD_NS, POSE, ROBOT, measured
from interfaces.errors import RefusedError
from interfaces.messages import (
    ActionChunk,
    CommandState,
    JointCommand,
    JointState,
    JointVector,
    StageInput,
    StageInputKind,
)
from runtime.command.stage import CommandStage

N = len(ROBOT.arm.joints)
LOW, HIGH = ROBOT.arm.vector("position_min_rad"), ROBOT.arm.vector("position_max_rad")
LATCHED = {CommandState.FAULT, CommandState.ESTOP}

poses = st.lists(st.floats(0.0, 1.0), min_size=N, max_size=N).map(lambda share: LOW + np.array(share) * (HIGH - LOW))
anything = st.lists(st.floats(width=64), min_size=N, max_size=N).map(np.array)
rows = st.integers(1, 16)


class AnyOrder(RuleBasedStateMachine):
    """An arm that stands where it was sent, and a stage that is told whatever comes to mind."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = CommandStage(ROBOT)
        self.watch = Watch(ROBOT)
        self.t_ns = 10_000 * MS
        self.joints = measured(POSE, self.t_ns)
        self.told: list[StageInput] = []
        self.sequence = 0
        self.lost = True  # until it is begun
        self.begun = False

    # --- the arm and its bus

    @initialize(pose=poses)
    def stand_somewhere(self, pose: JointVector) -> None:
        self.joints = measured(pose, self.t_ns)

    @precondition(lambda self: not self.begun)
    @rule()
    def command_too_early(self) -> None:
        with pytest.raises(RefusedError):
            self.stage.command(self.joints, self.t_ns)

    @precondition(lambda self: self.lost)
    @rule(sunk=poses)
    def open_the_bus(self, sunk: JointVector) -> None:
        self.t_ns += PERIOD_NS
        self.joints = measured(sunk, self.t_ns)
        kind = StageInputKind.BUS_BACK if self.begun else StageInputKind.BEGIN
        if self.begun or self.stage.state is CommandState.BOOT:
            self.tell(kind)
        else:  # stopped by a person before it was begun, the loop takes it for a bus that came back
            self.tell(StageInputKind.BUS_BACK)
        self.lost, self.begun = False, True
        self.look(None)

    @precondition(lambda self: self.begun and not self.lost)
    @rule()
    def lose_the_bus(self) -> None:
        self.t_ns += PERIOD_NS
        self.lost = True
        self.tell(StageInputKind.BUS_LOST, why="gone")
        self.look(None)

    # --- the policy

    @rule(aim=poses, n_rows=rows, age_ms=st.integers(0, 400), lead_ms=st.integers(-2_000, 2_000))
    def propose(self, aim: JointVector, n_rows: int, age_ms: int, lead_ms: int) -> None:
        way = np.linspace(self.joints.position_rad, aim, n_rows + 1)[1:]
        self.tell(StageInputKind.CHUNK, chunk=self.chunk(way, age_ms=age_ms, lead_ms=lead_ms))

    @rule(row=anything, n_rows=rows)
    def propose_anything(self, row: JointVector, n_rows: int) -> None:
        self.tell(StageInputKind.CHUNK, chunk=self.chunk(np.tile(row, (n_rows, 1))))

    @rule(aim=poses, foresight_ms=st.integers(0, 1_000), ahead_ms=st.integers(-300, 300))
    def propose_from_another_time(self, aim: JointVector, foresight_ms: int, ahead_ms: int) -> None:
        chunk = self.chunk(np.tile(aim, (8, 1)), age_ms=-ahead_ms)
        self.tell(StageInputKind.CHUNK, chunk=replace(chunk, foresight_age_ns=foresight_ms * MS))

    @rule(n_joints=st.integers(1, 9))
    def propose_for_another_arm(self, n_joints: int) -> None:
        self.tell(StageInputKind.CHUNK, chunk=self.chunk(np.zeros((4, n_joints))))

    @rule()
    def hang_up(self) -> None:
        self.tell(StageInputKind.POLICY_GONE, why="gone")

    # --- operator, motors, clock, loop

    @rule()
    def stop_in_an_emergency(self) -> None:
        self.tell(StageInputKind.ESTOP, why="button")

    @precondition(lambda self: not self.lost and self.stage.state in LATCHED)
    @rule()
    def clear(self) -> None:
        self.tell(StageInputKind.CLEAR)

    @rule(periods=st.integers(1, 80))
    def stall(self, periods: int) -> None:
        self.t_ns += periods * PERIOD_NS
        self.tell(StageInputKind.STALLED, why="stood still")

    @precondition(lambda self: not self.lost)
    @rule(
        joint=st.integers(0, N - 1),
        temperature_degc=st.floats(20.0, 90.0),
        voltage_v=st.floats(5.0, 12.0),
        effort_ratio=st.floats(-1.0, 1.0),
    )
    def report(self, joint: int, temperature_degc: float, voltage_v: float, effort_ratio: float) -> None:
        def with_one(values: JointVector, value: float) -> JointVector:
            changed = values.copy()
            changed[joint] = value
            return changed

        self.joints = replace(
            self.joints,
            temperature_degc=with_one(self.joints.temperature_degc, temperature_degc),
            voltage_v=with_one(self.joints.voltage_v, voltage_v),
            effort_ratio=with_one(self.joints.effort_ratio, effort_ratio),
        )

    @precondition(lambda self: self.begun and not self.lost)
    @rule(back_ms=st.integers(1, 1_000))
    def turn_the_clock_back_for_a_period(self, back_ms: int) -> None:
        self.period(self.t_ns + PERIOD_NS - back_ms * MS)

    @precondition(lambda self: self.begun and not self.lost)
    @rule(count=st.integers(1, 60), measured_again=st.booleans())
    def let_periods_pass(self, count: int, measured_again: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        for _ in range(count):
            self.period(self.t_ns + PERIOD_NS, measured_again=measured_again)

    # --- what must hold

    @invariant()
    def nothing_was_violated(self) -> None:
        assert self.watch.findings.violations == []

    @override
    def teardown(self) -> None:
        """Let it come to rest, and look at every command of the run."""
        if self.begun and not self.lost:
            self.tell(StageInputKind.POLICY_GONE, why="the end")
            for _ in range(25):
                self.period(self.t_ns + PERIOD_NS)
            assert self.stage.at_rest
        assert self.watch.close().violations == []

    # --- how it is told

    def chunk(self, way: JointVector, *, age_ms: int = 10, lead_ms: int = 30) -> ActionChunk:
        self.sequence += 1
        t_state_ns = self.t_ns - age_ms * MS
        return ActionChunk(
            sequence=self.sequence,
            t_capture_ns=t_state_ns - 50 * MS,
            t_state_ns=t_state_ns,
            t_first_ns=t_state_ns + lead_ms * MS,
            step_ns=50 * MS,
            foresight_age_ns=50 * MS,
            position_rad=way,
        )

    def tell(self, kind: StageInputKind, *, why: str = "", chunk: ActionChunk | None = None) -> None:
        told = StageInput(kind=kind, t_ns=self.t_ns, why=why, chunk=chunk)
        self.stage.take(told, self.joints)
        self.told.append(told)

    def period(self, t_command_ns: int, *, measured_again: bool = True) -> None:
        self.t_ns += PERIOD_NS
        joints = self.joints
        command = self.stage.command(joints, t_command_ns)
        if measured_again:
            self.joints = replace(joints, t_measured_ns=self.t_ns, position_rad=command.position_rad)
        self.look(command, joints)

    def look(self, command: JointCommand | None, joints: JointState | None = None) -> None:
        self.watch.look(
            Period(
                t_ns=self.t_ns,
                told=tuple(self.told),
                command=command,
                joints=joints or self.joints,
                state=self.stage.state,
                lost=self.lost,
            )
        )
        self.told.clear()


TestAnyOrder = AnyOrder.TestCase
# A failing run is short enough to read as it is; shrinking it takes minutes.
TestAnyOrder.settings = settings(
    derandomize=True,  # the same orders in every run; bench.fault_sequences looks for new ones
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
