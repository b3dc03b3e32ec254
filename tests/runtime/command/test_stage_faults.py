"""What ends following: lost bus, limits, emergency stop, stalls; and that no sequence of events makes the arm jump."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stage_rig import MS, PERIOD_NS, POSE, ROBOT, Trial, measured, poisoned
from interfaces.flight import CommandCycle
from interfaces.messages import (
    ActionChunk,
    CommandState,
    StageInput,
    StageInputKind,
)
from runtime.command.stage import CommandStage


def test_after_a_lost_bus_the_arm_starts_from_where_it_sank_to(moving: Trial) -> None:
    moving.stage.bus_lost("port: gone")
    assert moving.stage.state is CommandState.FAULT
    moving.stage.adopt(moving.chunk(POSE), moving.t_ns)  # ignored
    sunk = POSE - 0.2
    moving.t_ns += 5_000 * MS
    moving.stage.bus_back(measured(sunk, moving.t_ns), moving.t_ns)
    assert moving.stage.state is CommandState.FAULT
    moving.joints = measured(sunk, moving.t_ns)
    before = len(moving.sent)
    moving.run(30, towards=POSE)  # latched: the bus is back, and nobody said yet that the arm may move
    assert moving.stage.state is CommandState.FAULT
    assert all((command.position_rad == sunk).all() for command in moving.sent[before:])
    moving.stage.clear(moving.t_ns)
    assert moving.run(3, towards=POSE).state is CommandState.FOLLOWING
    moving.sent.clear()  # the arm itself moved by more than a step meanwhile


@pytest.mark.parametrize(
    ("quantity", "value", "why"),
    [
        ("temperature_degc", 66.0, "elbow_flex is at 66 degC, limit 65 degC"),
        ("voltage_v", 8.0, "elbow_flex has 8.0 V, needs 9.0 V"),
        ("effort_ratio", -0.95, "elbow_flex pushes with 95% of its torque, limit 90%"),
    ],
)
def test_a_motor_beyond_its_limits_is_a_fault_until_a_person_clears_it(
    moving: Trial, quantity: str, value: float, why: str
) -> None:
    fine = moving.joints
    beyond = getattr(fine, quantity).copy()
    beyond[2] = value
    for values in (beyond, getattr(fine, quantity)) * 2:  # for a moment each time it may be
        moving.joints = replace(moving.joints, **{quantity: values})
        moving.run(45, towards=POSE + 0.5)
    assert moving.stage.state is CommandState.FOLLOWING
    moving.joints = replace(moving.joints, **{quantity: beyond})
    moving.run(55, towards=POSE + 0.5)
    assert moving.stage.state is CommandState.FAULT
    assert moving.stage.why == why
    moving.joints = replace(moving.joints, **{quantity: getattr(fine, quantity)})
    moving.run(20, towards=POSE + 0.5)
    assert (moving.stage.state, moving.stage.at_rest) == (CommandState.FAULT, True)
    moving.stage.clear(moving.t_ns)
    moving.run(3, towards=POSE + 0.5)
    assert moving.stage.state is CommandState.FOLLOWING


def test_joints_that_are_not_measured_any_more_make_the_arm_hold(moving: Trial) -> None:
    frozen = moving.joints
    for k in range(13):
        if k % 3 == 0:
            moving.stage.adopt(moving.chunk(POSE + 0.5), moving.t_ns)
        moving.period()
        moving.joints = frozen
    assert moving.stage.state is CommandState.HOLDING
    assert "last measured 110 ms ago, limit 100 ms" in moving.stage.why


def test_a_loop_that_stood_still_holds_before_it_goes_on(moving: Trial) -> None:
    moving.stage.stalled("stood still for 900 ms")
    assert moving.period().state is CommandState.HOLDING
    assert moving.run(3, towards=POSE).state is CommandState.FOLLOWING


def test_a_clock_that_runs_backwards_is_a_fault(moving: Trial) -> None:
    moving.t_ns -= 2 * PERIOD_NS
    assert moving.period().state is CommandState.FAULT
    assert "backwards" in moving.stage.why


def test_what_was_told_and_measured_makes_the_same_commands_again(moving: Trial) -> None:
    again = CommandStage(ROBOT)
    before = CommandCycle(
        sequence=1,
        t_deadline_ns=moving.t_ns,
        t_woke_ns=moving.t_ns,
        t_command_ns=moving.t_ns,
        t_sent_ns=moving.t_ns,
        t_done_ns=moving.t_ns,
        missed=0,
        state=moving.stage.state,
        why=moving.stage.why,
        chunk_sequence=moving.sequence,
        frame_age_ns=0,
        foresight_age_ns=0,
        joints=moving.joints,
        commanded_rad=moving.stage.commanded_rad,
        commanded_rad_s=moving.stage.commanded_rad_s,
        commanded_rad_s2=moving.stage.commanded_rad_s2,
        inputs=(),
    )
    again.resume(before)
    for k in range(60):
        told = [StageInput(kind=StageInputKind.CHUNK, t_ns=moving.t_ns, chunk=moving.chunk(POSE - 0.2))]
        told += [StageInput(kind=StageInputKind.ESTOP, t_ns=moving.t_ns, why="drill")] if k == 40 else []
        told += [StageInput(kind=StageInputKind.CLEAR, t_ns=moving.t_ns)] if k == 50 else []
        for each in told:
            moving.stage.take(each)
            again.take(each)
        joints, t_ns = moving.joints, moving.t_ns + PERIOD_NS
        np.testing.assert_array_equal(again.command(joints, t_ns).position_rad, moving.period().position_rad)
        assert again.state is moving.stage.state


def test_estop_brakes_and_is_latched(moving: Trial) -> None:
    moving.stage.estop("pressed")
    moving.run(12, towards=POSE + 0.5)
    assert (moving.stage.state, moving.stage.at_rest) == (CommandState.ESTOP, True)
    moving.stage.clear(moving.t_ns)
    assert moving.run(1).state is CommandState.READY


def test_deciding_leaves_no_garbage_behind(moving: Trial) -> None:
    gc.collect()
    gc.disable()  # as in the command process
    try:
        moving.run(50, towards=POSE - 0.3)
        moving.run(50)
        assert gc.collect() == 0
    finally:
        gc.enable()


EVENTS = st.sampled_from(["chunk", "far", "nan", "old", "flood", "gone", "estop", "clear", "late", "wait"])


@settings(max_examples=300, deadline=None)
@given(events=st.lists(st.tuples(EVENTS, st.integers(1, 12), st.floats(-9.0, 9.0)), min_size=4, max_size=60))
def test_no_sequence_of_events_makes_the_arm_jump(events: list[tuple[str, int, float]]) -> None:
    trial = Trial()
    stage = trial.stage
    calls = {"gone": stage.policy_gone, "estop": lambda: stage.estop("drill"), "clear": lambda: stage.clear(trial.t_ns)}
    for event, periods, goal in events:
        chunk = trial.chunk(np.full(len(POSE), goal), n_rows=1 + periods)
        adoptions: dict[str, list[ActionChunk]] = {
            "chunk": [chunk],
            "far": [replace(chunk, position_rad=chunk.position_rad * 1e300)],
            "nan": [poisoned(chunk, np.nan)],
            "old": [replace(chunk, t_state_ns=chunk.t_state_ns - 300 * MS)],
            "flood": [replace(chunk, t_state_ns=chunk.t_state_ns + k) for k in range(20)],
        }
        for proposed in adoptions.get(event, []):
            stage.adopt(proposed, trial.t_ns)
        calls.get(event, lambda: None)()
        trial.t_ns += 40 * PERIOD_NS if event == "late" else 0
        trial.run(periods)
    trial.assert_no_jump()
