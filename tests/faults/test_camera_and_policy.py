"""Camera and policy fail in the real processes, bundle and all: old foresight is not acted on, and the arm goes on after."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.closed_loop.processes import COMMAND_LOG, RobotProcesses
from bench.faults.limits import MotionLimits
from interfaces.errors import RefusedError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorOrder, Order
from interfaces.robot_config import RobotConfig, load_robot
from runtime.command.log import Records, load_log
from runtime.operator_link import ask

ROBOT_FILE = Path(__file__).parents[2] / "robots/simulated.toml"
ROBOT = load_robot(ROBOT_FILE)
PATIENCE_S = 30.0
BUSY_MS = 500.0  # what a busy machine may add: a frame, two inferences, a chunk and a command
# From the last good frame: foresight too old for a new chunk, then the last chunk too old to be followed.
HOLD_MAX_MS = ROBOT.policy.foresight_age_max_ms + ROBOT.policy.chunk_age_max_ms + BUSY_MS


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RobotProcesses]:
    folder = tmp_path_factory.mktemp("run")
    with RobotProcesses(ROBOT_FILE, ROBOT, folder, bundle=None, view=False) as running:
        running.ask_policy({"follow": "reach"})
        yield running
        running.stop("policy")
        running.stop("command")
        assert_within_limits(load_log(folder / COMMAND_LOG)[0], ROBOT)


def assert_within_limits(records: Records, robot: RobotConfig) -> None:
    sent = records[records["t_sent_ns"] > 0]
    assert len(sent) > 500
    worst = MotionLimits(robot.arm).worst(sent["commanded_rad"])
    assert worst.within, worst.line()
    # However the camera's clock jumped, no frame is of the future, and none older than may be acted on.
    ages_ms = sent["frame_age_ns"][sent["frame_age_ns"] != -1] / 1e6
    assert ages_ms.min() > 0
    assert ages_ms.max() <= robot.policy.foresight_age_max_ms + robot.policy.chunk_age_max_ms
    assert {CommandState(int(state)) for state in np.unique(sent["state"])} <= {
        CommandState.READY,
        CommandState.FOLLOWING,
        CommandState.HOLDING,
    }


def state(processes: RobotProcesses) -> str:
    return str(processes.ask_policy({"status": True})["command_state"])


def until(condition: Callable[[], bool], what: str) -> float:
    """Return how many ms it took."""
    t_start_ns = time.monotonic_ns()
    while not condition():
        assert time.monotonic_ns() - t_start_ns < PATIENCE_S * 1e9, what
        time.sleep(0.01)
    return (time.monotonic_ns() - t_start_ns) / 1e6


def faults(processes: RobotProcesses) -> str:
    return str(processes.ask_policy({"status": True})["faults"])


@pytest.mark.parametrize(
    ("fault", "amount_ms", "seen_after_ms", "said"),
    [
        ("silent", 0, 0.0, "no frame"),
        ("frozen", 0, ROBOT.cameras[0].frozen_ms, "same picture"),
        ("late", 700, 700.0, ""),
    ],
)
def test_a_camera_without_news_ends_in_hold_and_goes_on_when_it_is_well(
    processes: RobotProcesses, fault: str, amount_ms: int, seen_after_ms: float, said: str
) -> None:
    until(lambda: state(processes) == "FOLLOWING", "following before the fault")
    processes.ask_world({"camera": fault, "ms": amount_ms})
    held_ms = until(lambda: state(processes) == "HOLDING", f"holding with a camera that is {fault}")
    assert held_ms <= seen_after_ms + HOLD_MAX_MS
    until(lambda: said in faults(processes), said)
    processes.ask_world({"camera": "well", "ms": 0})
    until(lambda: state(processes) == "FOLLOWING", "following again")


@pytest.mark.parametrize(("fault", "amount_ms"), [("jumping", 3_000), ("stepped", 5_000), ("stepped", -5_000)])
def test_a_clock_that_jumps_is_not_believed_and_costs_no_hold_for_long(
    processes: RobotProcesses, fault: str, amount_ms: int
) -> None:
    until(lambda: state(processes) == "FOLLOWING", "following before the fault")
    processes.ask_world({"camera": fault, "ms": amount_ms})
    time.sleep(1.0)
    until(lambda: state(processes) == "FOLLOWING", "following all the same")
    status = processes.ask_policy({"status": True})
    processes.ask_world({"camera": "well", "ms": 0})
    assert status["camera"]["rejected"] > 0
    assert 0 < status["foresight_age"]["newest_ms"] < ROBOT.policy.foresight_age_max_ms + BUSY_MS


def test_the_real_policy_stopped_and_killed_is_followed_again(processes: RobotProcesses) -> None:
    def commanded() -> str:
        return ask(processes.run_folder / ROBOT.runtime.operator_socket, OperatorOrder(order=Order.STATUS)).state.name

    until(lambda: commanded() == "FOLLOWING", "following before")
    processes.kill("policy", signal.SIGSTOP)
    assert until(lambda: commanded() == "HOLDING", "holding") <= ROBOT.policy.chunk_age_max_ms + BUSY_MS
    processes.kill("policy", signal.SIGCONT)
    until(lambda: commanded() == "FOLLOWING", "following after the stop")
    processes.kill("policy")
    assert until(lambda: commanded() == "HOLDING", "holding") <= BUSY_MS
    processes.start("policy")
    until((processes.run_folder / ROBOT.runtime.control_socket).exists, "the policy's socket")
    until(lambda: told_to_reach(processes), "the policy's answer")
    until(lambda: commanded() == "FOLLOWING", "following the new one")


def told_to_reach(processes: RobotProcesses) -> bool:
    try:
        processes.ask_policy({"follow": "reach"})
    except RefusedError:  # the socket is that of the one that was killed
        return False
    return True
