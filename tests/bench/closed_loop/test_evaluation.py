"""Shifts in the evaluation: the same outcome whoever plays an episode and whatever was played before, and none is what it was."""

from pathlib import Path

from bench.closed_loop.brains import policy_brain
from bench.closed_loop.evaluation import Evaluation, evaluate
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Lockstep, Outcome
from interfaces.robot_config import load_robot
from runtime.policy.bundle import bundle_folder, open_bundle
from sim.shifts.named import SHIFTS

ROBOT_FILE = Path(__file__).parents[3] / "robots/simulated.toml"
EVALUATION = Evaluation(
    robot_file=ROBOT_FILE,
    bundle=None,
    brain="policy",
    tasks=("press", "reach"),
    first_seed=2,
    n_seeds=2,
    time_limit_s=1.5,
    latencies=Latencies(),
    workers=1,
    shift="camera",
)


def told(outcome: Outcome) -> tuple[object, ...]:
    return outcome.task, outcome.seed, outcome.success_s, outcome.frame_age_ms, outcome.states


def test_a_shifted_episode_is_the_same_whoever_plays_it() -> None:
    robot = load_robot(ROBOT_FILE)
    bundle = open_bundle(bundle_folder(ROBOT_FILE, robot), robot)

    def alone(shift: str) -> list[tuple[object, ...]]:
        lockstep = Lockstep(robot, Latencies(), SHIFTS[shift]())
        episodes = [(task, seed) for task in ("reach", "press") for seed in (3, 2)]  # in another order
        outcomes = [lockstep.run(policy_brain(bundle, robot.policy, seed), task, seed, 1.5) for task, seed in episodes]
        return [told(outcome) for outcome in reversed(outcomes)]

    evaluated = sorted(evaluate(EVALUATION), key=lambda outcome: (outcome.task, outcome.seed))
    assert [told(outcome) for outcome in evaluated] == alone("camera")
    assert alone("camera") != alone("none")
