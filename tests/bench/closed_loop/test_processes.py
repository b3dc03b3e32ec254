"""Accidents in real time, in the real processes: the policy is killed, the cable is pulled, and the arm never jumps."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.closed_loop.processes import COMMAND_LOG, RobotProcesses
from bench.closed_loop.real_time import RealTime
from interfaces.errors import RefusedError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorOrder, Order
from interfaces.robot_config import RobotConfig, load_robot
from runtime.command.log import Records, load_log
from runtime.operator_link import ask

ROBOT_FILE = Path(__file__).parents[3] / "robots/simulated.toml"
PATIENCE_S = 20.0


@pytest.fixture
def robot() -> RobotConfig:
    return load_robot(ROBOT_FILE)


@pytest.fixture
def processes(robot: RobotConfig, tmp_path: Path) -> Iterator[RobotProcesses]:
    with RobotProcesses(ROBOT_FILE, robot, tmp_path, bundle=None, view=False) as running:
        yield running


def until(condition: Callable[[], bool]) -> None:
    t_end_s = time.monotonic_ns() * 1e-9 + PATIENCE_S
    while not condition():
        assert time.monotonic_ns() * 1e-9 < t_end_s, "waited in vain"
        time.sleep(0.02)


def connected(processes: RobotProcesses) -> bool:
    try:
        return bool(processes.ask_policy({"status": True})["connected"])
    except RefusedError:  # it is not up yet; the socket of the one that was killed is
        return False


def moving(processes: RobotProcesses) -> bool:
    before = np.array(processes.ask_world({"status": True})["joints_rad"])
    time.sleep(0.05)
    return float(np.abs(np.array(processes.ask_world({"status": True})["joints_rad"]) - before).max()) > 0.01


def commands(processes: RobotProcesses) -> Records:
    """End the command process, and return what it did."""
    processes.stop("policy")
    processes.stop("command")
    return load_log(processes.run_folder / COMMAND_LOG)[0]


def assert_no_jump(records: Records, robot: RobotConfig) -> None:
    """Hold every command against the one before, in each stretch in which the bus was there."""
    limit_rad = robot.arm.vector("velocity_max_rad_s") * robot.arm.period_ns * 1e-9 * (1 + 1e-6)
    sent = records["t_sent_ns"] > 0
    together = sent[1:] & sent[:-1]
    steps_rad = np.abs(np.diff(records["commanded_rad"], axis=0))[together]
    assert len(steps_rad) > 50
    assert (steps_rad <= limit_rad).all(), steps_rad.max(axis=0)
    first = int(np.argmax(sent))
    np.testing.assert_allclose(records["commanded_rad"][first], records["position_rad"][first], atol=0.02)


def test_an_episode_in_real_time_succeeds(processes: RobotProcesses, robot: RobotConfig) -> None:
    real_time = RealTime(robot, processes, lambda _task, _elapsed_s: None)
    assert any(real_time.run("press", seed, 8.0).success_s is not None for seed in range(3))
    assert_no_jump(commands(processes), robot)


def test_the_policy_is_killed_in_motion_and_comes_back(processes: RobotProcesses, robot: RobotConfig) -> None:
    RealTime(robot, processes, lambda _task, _elapsed_s: None).rest()
    processes.ask_world({"scene": "push", "seed": 1})
    processes.ask_policy({"follow": "push"})
    until(lambda: moving(processes))
    t_kill_ns = time.monotonic_ns()
    processes.kill("policy")
    time.sleep(0.4)
    t_back_ns = time.monotonic_ns()
    processes.start("policy")
    until(lambda: connected(processes))
    processes.ask_policy({"follow": "push"})
    until(lambda: processes.ask_policy({"status": True})["command_state"] == "FOLLOWING")

    records = commands(processes)
    after_kill = records[(records["t_sent_ns"] > t_kill_ns) & (records["t_sent_ns"] < t_back_ns)]
    holding = after_kill["state"] == CommandState.HOLDING
    t_hold_ns = after_kill["t_sent_ns"][np.argmax(holding)]
    assert holding.any()
    assert t_hold_ns - t_kill_ns < 100_000_000
    late = after_kill[after_kill["t_sent_ns"] > t_hold_ns + 250_000_000]
    assert len(late) > 5
    assert float(np.ptp(late["commanded_rad"], axis=0).max()) == 0.0  # at rest, and still commanded
    assert (records["state"][-200:] == CommandState.FOLLOWING).any()
    assert_no_jump(records, robot)


def test_the_cable_is_pulled_and_put_back(processes: RobotProcesses, robot: RobotConfig) -> None:
    processes.ask_policy({"follow": "rest"})
    until(lambda: processes.ask_policy({"status": True})["command_state"] == "FOLLOWING")
    processes.ask_world({"unplug": "bus"})
    until(lambda: "-> FAULT" in processes.last_words("command"))
    time.sleep(0.7)  # one attempt to open what is not there
    processes.ask_world({"plug": "bus"})
    until(lambda: "the bus is back" in processes.last_words("command"))
    assert processes.ask_policy({"status": True})["command_state"] == "FAULT"  # latched
    said = processes.last_words("command").splitlines()
    assert any("servo-bus" in line for line in said if "-> FAULT" in line)
    operator = processes.run_folder / robot.runtime.operator_socket
    assert ask(operator, OperatorOrder(order=Order.CLEAR)).done
    until(lambda: processes.ask_policy({"status": True})["command_state"] == "FOLLOWING")

    records = commands(processes)
    assert (records["state"] == CommandState.FAULT).any()
    assert_no_jump(records, robot)
