"""Random sequences of faults on the simulated arm: no limit violated, every stop in time, and the same each time."""

import dataclasses

import pytest

from bench.fault_sequences import ROBOT_FILE, report, run_sequences
from bench.faults.script import draw_script
from interfaces.messages import CommandState
from interfaces.robot_config import RobotConfig, load_robot


@pytest.fixture(scope="module")
def robot() -> RobotConfig:
    return load_robot(ROBOT_FILE)


def test_no_sequence_violates_a_limit_and_every_one_follows_again(robot: RobotConfig) -> None:
    results = list(run_sequences(range(25), robot))
    assert {result.seed: result.violations for result in results if result.violations} == {}
    seen = {state for result in results for state in result.findings.periods}
    assert seen >= {state.name for state in CommandState if state is not CommandState.BOOT}
    assert sum(result.physics.free_periods for result in results) > 25 * 100
    assert "| violations | 0 |" in report(results, robot)


def test_the_same_seed_is_the_same_sequence(robot: RobotConfig) -> None:
    first, again = (next(run_sequences([3], robot)) for _ in range(2))
    assert first.events == again.events == draw_script(3)
    assert first.recovered_ms == again.recovered_ms
    assert dataclasses.asdict(first.findings) == dataclasses.asdict(again.findings)
    assert dataclasses.asdict(first.physics) == dataclasses.asdict(again.physics)


def test_no_two_scripts_are_the_same() -> None:
    assert len({draw_script(seed) for seed in range(200)}) == 200
