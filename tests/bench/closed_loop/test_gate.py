"""The runs of the closed-loop gate: the same episodes whoever plays them, and a bundle that does not open is an error, no endless wait."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.bundle_rig import make_bundle
from bench.closed_loop.brains import policy_brain
from bench.closed_loop.gate import GateRun, play, successes, why_not_played
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Lockstep, Outcome
from interfaces.bundle_manifest import load_manifest
from interfaces.errors import BundleError
from interfaces.progress import silent
from interfaces.robot_config import load_robot
from runtime.policy.bundle import open_bundle

ROOT = Path(__file__).parents[3]
ROBOT_FILE = ROOT / "robots/simulated.toml"
SHIPPED = ROOT / "robots/bundles/so101-small"
RUN = GateRun(robot_file=ROBOT_FILE, bundle=SHIPPED, tasks=("press", "reach"), workers=1, n_seeds=2, time_limit_s=4.0)


def test_the_same_episodes_whoever_plays_them() -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int, _text: str) -> None:
        told.append((done, total))

    robot = load_robot(ROBOT_FILE)
    lockstep, bundle = Lockstep(robot, Latencies()), open_bundle(SHIPPED, robot, inference="fp32")
    one = play(replace(RUN, workers=2), "fp32", tell)
    two = [
        lockstep.run(policy_brain(bundle, robot.policy, each.seed), each.task, each.seed, RUN.time_limit_s)
        for each in reversed(one)
    ][::-1]
    assert [(outcome.task, outcome.seed) for outcome in one] == [("press", 0), ("press", 1), ("reach", 0), ("reach", 1)]
    assert [outcome.success_s for outcome in one] == [outcome.success_s for outcome in two]
    assert [outcome.foresight_age_ms for outcome in one] == [outcome.foresight_age_ms for outcome in two]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_successes_are_by_task_and_seed() -> None:
    outcomes = [Outcome("reach", 3, 0.5), Outcome("reach", 4, None), Outcome("lift", 3, 2.0)]
    assert successes(outcomes) == {"reach": {3: True, 4: False}, "lift": {3: True}}


def test_a_bundle_that_does_not_open_is_an_error(tmp_path: Path) -> None:
    broken = make_bundle(tmp_path / "broken", "1", reproduces=False)
    with pytest.raises(BundleError, match="parity of action"):
        play(replace(RUN, bundle=broken), "fp32", silent)
    with pytest.raises(BundleError, match="has no cpu-int8 artefact"):
        play(replace(RUN, bundle=make_bundle(tmp_path / "good", "1")), "cpu-int8", silent)


def test_what_the_simulator_cannot_play_is_said() -> None:
    manifest, robot = load_manifest(SHIPPED), load_robot(ROBOT_FILE)
    assert why_not_played(manifest, robot) == ""
    assert "no task fold the shirt" in why_not_played(replace(manifest, instructions=("fold the shirt",)), robot)
    real = replace(robot, cameras=(replace(robot.cameras[0], driver="realsense"),))
    assert "is not the simulated one" in why_not_played(manifest, real)
