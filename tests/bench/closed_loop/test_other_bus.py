"""The same arm, limits and policy on every bus: what is written is a robot file, and the loop closes through each driver."""

from pathlib import Path

import pytest

from bench.closed_loop.brains import policy_brain
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Lockstep
from bench.closed_loop.other_bus import write_on_bus
from forerun.defaults import BUSES, SIMULATED_ROBOT
from interfaces.robot_config import load_robot
from runtime.policy.bundle import bundle_folder, open_bundle


@pytest.mark.parametrize("bus", BUSES)
def test_the_policy_pushes_through_every_driver(tmp_path: Path, bus: str) -> None:
    file = write_on_bus(SIMULATED_ROBOT, bus, tmp_path)
    robot = load_robot(file)
    assert robot.arm.driver == bus
    assert robot.arm.joint_names == load_robot(SIMULATED_ROBOT).arm.joint_names
    lockstep = Lockstep(robot, Latencies())
    brain = policy_brain(open_bundle(bundle_folder(file, robot), robot), robot.policy)
    outcomes = (lockstep.run(brain, "push", seed, 8.0) for seed in range(3))  # the first does it; chance is allowed for
    assert any(outcome.success_s is not None and "FAULT" not in outcome.states for outcome in outcomes)
