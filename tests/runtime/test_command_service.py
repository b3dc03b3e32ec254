"""The command process as a service: what it tells systemd and when, how a hang ends, sockets handed over, torque when it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bench.command_rig import PATIENCE_S, REPOSITORY, EmulatedServos, end, start, write_robot
from bench.service_rig import WatchedService
from drivers.open_devices import open_arm
from interfaces.errors import DeviceError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorOrder, Order
from interfaces.robot_config import load_robot
from runtime.link import PolicyLink
from runtime.operator_link import ask, ask_report

WATCHDOG_S = 5.0  # ten times that of the unit: a busy machine is no hang
RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); {before}\nfrom runtime.command_process import main; sys.exit(main())"
HANGS = """
import time
from drivers.feetech.arm import FeetechArm
exchanges, real = [0], FeetechArm.exchange
def hang_in_the_bus(arm, position_rad):
    exchanges[0] += 1
    while exchanges[0] > 50:
        time.sleep(1)
    return real(arm, position_rad)
FeetechArm.exchange = hang_in_the_bus
"""


@pytest.fixture
def servos(folder: Path) -> Iterator[EmulatedServos]:
    """Return emulated servos at the folder's port."""
    with EmulatedServos(folder) as made:
        yield made


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., WatchedService]]:
    """Start the command process as systemd does."""
    with ExitStack() as stack:

        def make(before: str = "", **changes: object) -> WatchedService:
            command = [sys.executable, "-I", "-c", RUN.format(before=before), str(REPOSITORY)]
            command.append(str(write_robot(folder, **changes)))
            return stack.enter_context(WatchedService(command, folder, watchdog_s=WATCHDOG_S))

        yield make


def state(folder: Path) -> CommandState | None:
    with contextlib.suppress(DeviceError):
        return ask(folder / "operator.sock", OperatorOrder(order=Order.STATUS)).state
    return None


def test_it_is_ready_when_the_arm_is_held_and_feeds_the_watchdog_by_its_periods(
    folder: Path, servos: EmulatedServos, serve: Callable[..., WatchedService]
) -> None:
    del servos
    service = serve()
    service.wait_ready()
    assert state(folder) is CommandState.READY
    assert service.statuses[-1] == "READY: armed at the measured pose"
    t_ready_ns = service.t_ready_ns or 0
    service.wait_for(lambda: service.t_fed_ns > t_ready_ns, "fed")
    assert service.end() == 0
    last = [told.text for told in service.told if "STOPPING=1" in told.text]
    assert last == ["STOPPING=1\nSTATUS=asked to stop"]


def test_a_bus_that_is_not_there_does_not_keep_the_machine_from_booting(
    folder: Path, serve: Callable[..., WatchedService]
) -> None:
    service = serve()
    service.wait_ready()
    assert (service.t_ready_ns or 0) - service.t_started_ns >= 5e9
    assert service.statuses[0].startswith("BOOT, waiting for the bus: servo-bus is not there")
    t_ready_ns = service.t_ready_ns or 0
    service.wait_for(lambda: service.t_fed_ns > t_ready_ns + 1e9, "fed while it waits")
    with EmulatedServos(folder):
        service.wait_for(lambda: "READY: armed at the measured pose" in service.statuses, "armed")
        assert service.end() == 0


def test_the_status_follows_the_state_and_a_fault(servos: EmulatedServos, serve: Callable[..., WatchedService]) -> None:
    service = serve()
    service.wait_ready()
    servos.tell("unplug")
    service.wait_for(lambda: any(said.startswith("FAULT: ") for said in service.statuses), "told of the fault")
    assert "servo-bus" in service.statuses[-1]
    patience = [told.text for told in service.told if "WATCHDOG_USEC=30000000" in told.text]
    assert patience  # opening a bus takes as long as it takes


def test_a_loop_that_hangs_stops_feeding_and_tells_where_it_hung(
    servos: EmulatedServos, serve: Callable[..., WatchedService]
) -> None:
    del servos
    service = serve(HANGS)
    service.wait_ready()
    assert service.watch() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in service.said
    assert "in hang_in_the_bus" in service.said
    assert "runtime/command/guarded_arm.py" in service.said


class Activation:
    """systemd's end of socket activation: it listens before there is a process, and hands the socket over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.bind(str(folder / "command.sock"))
        self.listening.listen(4)

    def start(self) -> subprocess.Popen[str]:
        """Start the command process with the socket as descriptor 3; the shell becomes the process of LISTEN_PID."""
        shell = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@" 3<&"$HANDED_OVER"'
        run = [sys.executable, "-I", "-c", RUN.format(before=""), str(REPOSITORY), str(write_robot(self._folder))]
        fd = self.listening.fileno()
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ["/bin/bash", "-c", shell, "bash", *run, "--listen-fd", "3"],
            cwd=self._folder,
            env={**os.environ, "HANDED_OVER": str(fd)},
            pass_fds=(fd,),
            stdout=pipe,
            stderr=pipe,
            text=True,
        )


def wait_for_state(folder: Path, wanted: CommandState, process: subprocess.Popen[str]) -> None:
    t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
    while state(folder) is not wanted:
        assert time.monotonic_ns() < t_end_ns
        assert process.poll() is None, end(process)
        time.sleep(0.02)


def test_a_policy_that_came_first_is_served_by_the_socket_handed_over_and_no_other_process_may_start(
    folder: Path, servos: EmulatedServos
) -> None:
    del servos
    activation = Activation(folder)
    with contextlib.closing(activation.listening), contextlib.closing(PolicyLink(folder / "command.sock")) as link:
        assert link.connected
        process = activation.start()
        try:
            wait_for_state(folder, CommandState.READY, process)
            assert ask_report(folder / "operator.sock").policy_connected
            assert link.wait_status(PATIENCE_S) is not None
            other = start(folder, "runtime.command_process", "robot.toml")
            _, said = other.communicate(timeout=PATIENCE_S)
            assert (other.returncode, "another command process does" in said) == (1, True)
            assert state(folder) is CommandState.READY
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)
    assert (folder / "command.sock").exists()


def test_a_stop_outlives_an_ordered_end_where_systemd_starts_the_next_process(
    folder: Path, servos: EmulatedServos
) -> None:
    del servos
    activation = Activation(folder)
    with contextlib.closing(activation.listening):
        for reason in ("asked by a person", "stopped before it was started again"):
            process = activation.start()
            try:
                wait_for_state(
                    folder, CommandState.ESTOP if reason.startswith("stopped") else CommandState.READY, process
                )
                ask(folder / "operator.sock", OperatorOrder(order=Order.ESTOP))
                assert reason in ask_report(folder / "operator.sock").why
            finally:
                process.terminate()
                process.communicate(timeout=PATIENCE_S)


def test_a_descriptor_that_nobody_handed_over_is_refused(folder: Path) -> None:
    process = start(folder, "runtime.command_process", str(write_robot(folder)), "--listen-fd", "3")
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert said == "command: refused: --listen-fd 3: systemd handed over no sockets (LISTEN_FDS is not set)\n"


def torque(folder: Path) -> set[bool]:
    config = load_robot(folder / "robot.toml").arm
    arm = open_arm(replace(config, port=str(folder / config.port)))
    arm.open()
    try:
        return set(arm.torque())
    finally:
        arm.close()


def releasing(folder: Path, on_stop: str) -> Path:
    """Write the robot's file with the key that it has not."""
    robot = write_robot(folder)
    robot.write_text(robot.read_text().replace("[runtime]\n", f'[runtime]\non_stop = "{on_stop}"\n', 1))
    return robot


@pytest.mark.parametrize(
    ("on_stop", "arguments", "driven", "words"),
    [
        ("hold", [], {True}, "ended: torque stays on: the arm is held"),
        ("release", [], {False}, "ended: torque is off: the arm is released"),
        ("release", ["--dry-run"], {False}, "ended: torque stays as it is: a dry run"),
    ],
)
def test_asked_to_end_it_does_with_torque_what_the_robot_file_says(
    folder: Path, servos: EmulatedServos, on_stop: str, arguments: list[str], driven: set[bool], words: str
) -> None:
    del servos
    robot = releasing(folder, on_stop)
    process = start(folder, "runtime.command_process", str(robot), *arguments)
    wait_for_state(folder, CommandState.READY, process)
    process.terminate()
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert words in said
    assert torque(folder) == driven


def test_in_a_fault_torque_is_not_switched_off(folder: Path, servos: EmulatedServos) -> None:
    robot = releasing(folder, "release")
    process = start(folder, "runtime.command_process", str(robot))
    wait_for_state(folder, CommandState.READY, process)
    servos.tell("unplug")
    wait_for_state(folder, CommandState.FAULT, process)
    servos.tell("plug")
    t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
    while ask_report(folder / "operator.sock").bus_lost:
        assert time.monotonic_ns() < t_end_ns
        time.sleep(0.05)
    process.terminate()
    _, said = process.communicate(timeout=PATIENCE_S)
    assert "ended: torque stays on: FAULT" in said
    assert torque(folder) == {True}
