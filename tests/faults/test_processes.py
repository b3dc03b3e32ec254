"""Processes that die or stand still at random moments: the arm holds, never jumps, and goes on when they are back."""

import re
import signal
import time

import numpy as np

from bench.command_rig import end
from bench.faults.limits import rest_max_ns
from bench.faults.process_rig import FaultRig
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.messages import CommandState
from interfaces.robot_config import load_robot

HOLD_MAX_MS = 100.0  # after the end of file on the socket; a period, on a machine with nothing else to do
SILENCE_MAX_MS = 100.0  # between two goals at the servos
AGE_MAX_MS = 250.0  # policy.chunk_age_max_ms of the simulated robot
SEED = 20261121


def test_a_killed_policy_at_random_moments(rig: FaultRig) -> None:
    rng, killed = np.random.default_rng(SEED), list[tuple[int, int, int]]()
    for _ in range(4):
        policy = rig.swinging_policy()
        rig.wait_for(CommandState.FOLLOWING)
        time.sleep(rng.uniform(0.15, 0.6))
        t_kill_ns = time.monotonic_ns()
        end(policy)
        t_dead_ns = time.monotonic_ns()  # dying takes a processor, too, and a busy machine keeps it waiting
        time.sleep(0.25)
        killed.append((t_kill_ns, t_dead_ns, time.monotonic_ns()))
    rig.swinging_policy()
    rig.wait_for(CommandState.FOLLOWING)
    time.sleep(0.2)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    assert "FOLLOWING -> HOLDING: the policy is gone" in evidence.said
    rest_max_ms = rest_max_ns(evidence.arm) / 1e6
    for t_kill_ns, t_dead_ns, t_until_ns in killed:
        assert evidence.hold_after_ms(t_kill_ns) <= (t_dead_ns - t_kill_ns) / 1e6 + HOLD_MAX_MS
        assert evidence.braking_ms(t_kill_ns) <= rest_max_ms
        assert evidence.silence_ms(t_kill_ns, t_until_ns) <= SILENCE_MAX_MS


def test_a_stopped_policy_at_random_moments(rig: FaultRig) -> None:
    rng, stopped = np.random.default_rng(SEED + 1), list[tuple[int, int]]()
    policy = rig.swinging_policy()
    for _ in range(3):
        rig.wait_for(CommandState.FOLLOWING)
        time.sleep(rng.uniform(0.15, 0.6))
        t_stop_ns = time.monotonic_ns()
        policy.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        stopped.append((t_stop_ns, time.monotonic_ns()))
        policy.send_signal(signal.SIGCONT)
        rig.wait_for(CommandState.FOLLOWING)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    for t_stop_ns, t_until_ns in stopped:
        hold_ms = evidence.hold_after_ms(t_stop_ns)
        assert hold_ms <= AGE_MAX_MS + HOLD_MAX_MS
        assert evidence.braking_ms(t_stop_ns) <= rest_max_ns(evidence.arm) / 1e6
        assert evidence.silence_ms(t_stop_ns, t_until_ns) <= SILENCE_MAX_MS


def test_a_stopped_command_process_at_random_moments(rig: FaultRig) -> None:
    rng, stopped = np.random.default_rng(SEED + 2), list[tuple[int, int]]()
    rig.swinging_policy()
    for _ in range(3):
        rig.wait_for(CommandState.FOLLOWING)
        time.sleep(rng.uniform(0.15, 0.5))
        rig.command.process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        t_from_ns = time.monotonic_ns()
        time.sleep(0.4)
        stopped.append((t_from_ns, time.monotonic_ns()))
        rig.command.process.send_signal(signal.SIGCONT)
        time.sleep(0.1)
    rig.wait_for(CommandState.FOLLOWING)
    time.sleep(0.2)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    # Stopped between two periods it misses them; stopped while it waits for one, it finds what it measured, or its chunk, too old.
    why = r"FOLLOWING -> HOLDING: (stood still for|the arm was last measured|chunk \d+ is) \d+ ms"
    assert len(re.findall(why, evidence.said)) >= 3
    for t_from_ns, t_until_ns in stopped:
        t_goals_ns = evidence.goals["t_ns"]
        assert not ((t_goals_ns > t_from_ns) & (t_goals_ns < t_until_ns)).any()  # the servos hold the last goal
        assert evidence.hold_after_ms(t_until_ns) <= HOLD_MAX_MS
        before, after = (np.flatnonzero(t_goals_ns < t_from_ns)[-1], np.flatnonzero(t_goals_ns > t_until_ns)[0])
        step_ticks = np.abs(np.diff(evidence.goals["goal_ticks"][[before, after]].astype(int), axis=0)).max()
        assert step_ticks * RAD_PER_TICK <= 4.0 * 0.01 + RAD_PER_TICK  # one period's way, however long it stood still


def test_a_killed_command_process_begins_where_the_servos_hold_the_arm(rig: FaultRig) -> None:
    rng = np.random.default_rng(SEED + 3)
    rig.swinging_policy()
    for _ in range(2):
        rig.wait_for(CommandState.FOLLOWING)
        time.sleep(rng.uniform(0.2, 0.6))
        rig.restart_command()
    rig.wait_for(CommandState.FOLLOWING)  # the policy connects again by itself
    time.sleep(0.2)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    pauses = np.flatnonzero(np.diff(evidence.goals["t_ns"]) > 150e6)
    assert len(pauses) >= 2
    goal_ticks = evidence.goals["goal_ticks"].astype(int)
    assert np.abs(goal_ticks[pauses + 1] - goal_ticks[pauses]).max() <= 1  # no step between the two processes


def test_the_robot_is_the_one_these_bounds_are_of(rig: FaultRig) -> None:
    robot = load_robot(rig.folder / "robot.toml")
    assert robot.policy.chunk_age_max_ms == AGE_MAX_MS
    assert set(robot.arm.vector("velocity_max_rad_s")) == {4.0}
    assert robot.arm.period_ns == 10_000_000
