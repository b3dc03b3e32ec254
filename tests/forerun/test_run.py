"""`forerun run` as a person starts it: real processes on emulated servos, stopped and killed in every way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.command_rig import EmulatedServos, write_robot
from bench.run_rig import StartedForerun, children_of, runs, wait_until
from interfaces.messages import CommandState
from interfaces.request_socket import RequestClient
from runtime.flight.reader import read_flight
from sim.feetech.goal_tape import load_goals

BUNDLES = Path(__file__).parents[2] / "robots" / "bundles"
STEP_MAX_TICKS = 27  # 4 rad/s for 10 ms
COMMAND, POLICY = "runtime.command_process", "forerun policy"


@pytest.fixture(autouse=True)
def servos(folder: Path) -> Iterator[EmulatedServos]:
    """Return emulated servos at the folder's port."""
    with EmulatedServos(folder) as made:
        yield made


@pytest.fixture
def robot_file(folder: Path) -> Path:
    """Return the file of a simulated robot with the bundle of the repository."""
    return robot_at(folder)


@pytest.fixture
def running(folder: Path, robot_file: Path) -> Iterator[StartedForerun]:
    """Return a robot that runs: armed, its policy there."""
    with StartedForerun(folder, "run", str(robot_file), "--no-record") as robot:
        robot.wait_for("command: BOOT -> READY")
        robot.wait_for("policy: bundle so101-small")
        yield robot


def robot_at(folder: Path) -> Path:
    """Write the robot file; its camera is a real one that is not plugged in: a simulated one would be waited for, 10 s long."""
    robot = write_robot(folder)
    text = (
        robot.read_text().replace('"bundles/', f'"{BUNDLES}/').replace('driver = "simulated"', 'driver = "realsense"')
    )
    robot.write_text(text.replace('serial = ""', 'serial = "none"'))
    return robot


def steps_of(servos: EmulatedServos, folder: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the instants at which the servos were told goals so far, and how far the farthest of them went in each."""
    servos.tell("save goals.npy")
    goals = load_goals(folder / "goals.npy")
    return goals["t_ns"][1:], np.abs(np.diff(goals["goal_ticks"].astype(np.int64), axis=0)).max(axis=1, initial=0)


def test_it_ends_in_order_when_asked_to(running: StartedForerun, folder: Path) -> None:
    started = [running.child(COMMAND), running.child(POLICY)]
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == 0, running.said
    assert "run: SIGINT: ending the processes" in running.said
    assert not any(map(runs, started))
    assert not (folder / "command.sock").exists()
    assert not (folder / "control.sock").exists()


def test_the_recorder_may_die_and_the_record_goes_on(folder: Path, robot_file: Path) -> None:
    def wait_for_segments(count: int) -> None:
        """Wait: a recorder says that it is there before it begins a file."""
        wait_until(
            lambda: len(list((folder / "flight").glob("*.mcap"))) == count,
            lambda: f"{list((folder / 'flight').glob('*'))}\n{robot.said}",
        )

    with StartedForerun(folder, "run", str(robot_file)) as robot:
        robot.wait_for("command: BOOT -> READY")
        wait_for_segments(1)
        os.kill(robot.child("forerun record"), signal.SIGKILL)
        robot.wait_for("run: the recorder process was ended by SIGKILL; it starts again in 0.5 s")
        wait_for_segments(2)
        t_again_ns = time.monotonic_ns()
        wait_until(
            lambda: any(cycle.t_woke_ns > t_again_ns for cycle in read_flight(folder / "flight").cycles),
            lambda: robot.said,
        )
        robot.process.terminate()
        assert robot.wait() == 0, robot.said
    assert {cycle.state for cycle in read_flight(folder / "flight").cycles} <= {
        CommandState.READY,
        CommandState.HOLDING,
    }


def test_a_policy_that_dies_comes_back_later_each_time_and_the_command_process_goes_on(running: StartedForerun) -> None:
    command, policy = running.child(COMMAND), running.child(POLICY)
    os.kill(policy, signal.SIGKILL)
    after = running.wait_for("run: the policy process was ended by SIGKILL; it starts again in 0.5 s")
    running.wait_for("policy: bundle so101-small", after)
    again = running.child(POLICY)
    os.kill(again, signal.SIGKILL)
    running.wait_for("run: the policy process was ended by SIGKILL; it starts again in 1 s", after)
    assert running.child(COMMAND) == command
    running.process.terminate()
    assert running.wait() == 0, running.said


def test_what_a_person_said_holds_for_the_policy_that_comes_back_and_not_for_the_next_run(
    folder: Path, robot_file: Path
) -> None:
    def instruction(**request: str | bool | None) -> object:
        with RequestClient(folder / "control.sock") as control:
            return control.request(request)["instruction"]

    with StartedForerun(folder, "run", str(robot_file), "--no-record", "--follow", "push") as robot:
        robot.wait_for("policy: follows push")
        robot.wait_for("policy: camera front")  # it answers by then
        assert instruction(follow=None) is None
        os.kill(robot.child(POLICY), signal.SIGKILL)
        after = robot.wait_for("run: the policy process was ended by SIGKILL; it starts again in 0.5 s")
        robot.wait_for("policy: follows nothing: a person said so before this start", after)
        robot.wait_for("policy: camera front", after)
        assert instruction(status=True) is None
        os.kill(robot.child(POLICY), signal.SIGKILL)  # which leaves the note: no ordered end
        robot.wait_for("run: the policy process was ended by SIGKILL; it starts again in 1 s", after)
        robot.process.terminate()
        assert robot.wait() == 0, robot.said
    with StartedForerun(folder, "run", str(robot_file), "--no-record", "--follow", "push") as robot:
        robot.wait_for("policy: follows push")
        robot.process.terminate()
        assert robot.wait() == 0, robot.said


def test_a_command_process_that_dies_is_the_end_and_its_last_line_is_told(running: StartedForerun) -> None:
    policy = running.child(POLICY)
    os.kill(running.child(COMMAND), signal.SIGKILL)
    assert running.wait() == 1
    assert 'run: the command process was ended by SIGKILL; its last line: "command: BOOT -> READY' in running.said
    assert not runs(policy)


def test_a_policy_that_does_not_end_is_killed_and_the_rest_ends_well(running: StartedForerun) -> None:
    policy = running.child(POLICY)
    os.kill(policy, signal.SIGSTOP)
    running.process.terminate()
    assert running.wait() == 1
    assert "run: the policy process did not end within 12 s: killed" in running.said
    assert not runs(policy)


def test_killed_itself_it_leaves_nothing_behind_and_the_command_process_ends_as_if_asked(
    running: StartedForerun, folder: Path
) -> None:
    started = list(children_of(running.process.pid))
    assert len(started) == 2
    running.process.kill()
    wait_until(lambda: not any(map(runs, started)), lambda: f"still there: {[pid for pid in started if runs(pid)]}")
    assert not (folder / "command.sock").exists()  # it closed what it had opened, after the arm came to rest


def test_killed_in_motion_the_arm_brakes_and_stands_as_the_servos_saw_it(
    folder: Path, robot_file: Path, servos: EmulatedServos
) -> None:
    with StartedForerun(folder, "run", str(robot_file), "--no-record", "--follow", "rest") as robot:
        robot.wait_for("-> FOLLOWING")
        started = list(children_of(robot.process.pid))
        wait_until(lambda: steps_of(servos, folder)[1].max() >= 5, lambda: "it never moves")
        robot.process.kill()
        t_killed_ns = time.monotonic_ns()
        wait_until(lambda: not any(map(runs, started)), lambda: "still there")
    t_ns, steps_ticks = steps_of(servos, folder)
    after = steps_ticks[t_ns > t_killed_ns]
    assert after[:5].max() > 0  # in the midst of its motion
    assert after[-1] == 0
    assert steps_ticks.max() <= STEP_MAX_TICKS


def test_it_follows_what_the_robot_file_says_without_being_told(folder: Path) -> None:
    robot_file = robot_at(folder)
    robot_file.write_text(robot_file.read_text().replace("[policy]\n", '[policy]\nfollow = "rest"\n'))
    with StartedForerun(folder, "run", str(robot_file), "--no-record") as robot:
        robot.wait_for("policy: follows rest")
        robot.wait_for("-> FOLLOWING")


def test_another_terminal_stops_and_clears_it(running: StartedForerun, folder: Path, robot_file: Path) -> None:
    for name, status, says in (
        ("estop", 0, "stopped: ESTOP: the cat"),
        ("clear", 0, "cleared: READY"),
        ("clear", 1, "not cleared: READY: there is nothing to clear"),
    ):
        why = ["--why", "the cat"] if name == "estop" else []
        with StartedForerun(Path(), name, str(robot_file), "--folder", str(folder), *why) as asked:
            assert asked.wait() == status
            assert says in asked.said
    running.wait_for("command: READY -> ESTOP: the cat")


def test_keys_stop_clear_and_end_it(folder: Path, robot_file: Path) -> None:
    with StartedForerun(folder, "run", str(robot_file), "--no-record", "--dry-run", keyboard=True) as robot:
        robot.wait_for(r"DRY RUN \| READY")
        robot.wait_for("run: keys: space EMERGENCY STOP")
        robot.press(b" ")
        robot.wait_for("command: READY -> ESTOP: the space bar")
        robot.wait_for("ESTOP: the space bar; c clears")
        robot.press(b"c")
        after = robot.wait_for("command: ESTOP -> READY")
        robot.press(b"5")
        robot.wait_for("policy: follows rest", after)
        robot.wait_for("command: READY -> FOLLOWING", after)
        robot.press(b"0")
        robot.wait_for("policy: follows nothing", after)
        robot.press(b"q")
        assert robot.wait() == 0, robot.said


def test_a_stop_that_the_command_process_does_not_answer_ends_everything(folder: Path, robot_file: Path) -> None:
    with StartedForerun(folder, "run", str(robot_file), "--no-record", keyboard=True) as robot:
        robot.wait_for(r"READY: armed")
        os.kill(robot.child(COMMAND), signal.SIGSTOP)
        robot.press(b" ")
        assert robot.wait() == 1
        assert "run: the command process does not answer the emergency stop: ending the processes" in robot.said
        assert "run: the command process did not end within 5 s: killed" in robot.said


def test_a_terminal_that_hangs_up_ends_it(folder: Path, robot_file: Path) -> None:
    with StartedForerun(folder, "run", str(robot_file), "--no-record", keyboard=True) as robot:
        robot.wait_for(r"READY: armed")
        started = list(children_of(robot.process.pid))
        robot.hang_up()
        wait_until(lambda: robot.process.poll() is not None, lambda: "it goes on")
        assert robot.process.returncode == 0
        assert not any(map(runs, started))


def test_a_wrong_robot_file_starts_nothing(folder: Path) -> None:
    with StartedForerun(folder, "run", str(write_robot(folder, rate_hz=-1)), "--no-record") as robot:
        assert robot.wait() == 2
        assert "arm.rate_hz is -1" in robot.said
        assert robot.said.count("\n") == 1


def test_an_instruction_that_the_policy_does_not_know_is_the_end(folder: Path, robot_file: Path) -> None:
    with StartedForerun(folder, "run", str(robot_file), "--no-record", "--follow", "dance") as robot:
        assert robot.wait() == 2
        assert "instruction 'dance'; the policy knows reach" in robot.said
        assert "run: without the policy process: ending the processes" in robot.said
    assert not (folder / "command.sock").exists()


def test_a_command_process_that_may_not_run_is_the_end(folder: Path) -> None:
    robot_file = robot_at(folder)
    robot_file.write_text(
        robot_file.read_text().replace('realtime = "preferred"', 'realtime = "required"\ncommand_cpu = 999')
    )
    with StartedForerun(folder, "run", str(robot_file), "--no-record") as robot:
        assert robot.wait() == 1
        assert "command: refused:" in robot.said
        assert "core 999" in robot.said
        assert "run: without the command process: ending the processes" in robot.said
