"""The command process on emulated servos, each in a process of its own: what benchmarks and tests of the loop run.

Nothing here is special to measuring: the servos speak their bytes on a pty, the command process is the one of the robot.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from interfaces.errors import DeviceError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorOrder, Order
from interfaces.wire import CommandStatus
from runtime.command.log import Records, load_log
from runtime.link import PolicyLink
from runtime.operator_link import ask

REPOSITORY = Path(__file__).parents[1]
SIMULATED_ROBOT = REPOSITORY / "robots" / "simulated.toml"
PATIENCE_S = 30.0  # everything waited for takes tenths of a second, except on a machine that is busy otherwise
_POLL_S = 0.05

# Isolated (-I), as under systemd, and yet without an installed package.
_RUN_MODULE = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"
)


def start(folder: Path, module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start one of our modules in a process of its own that works in `folder`."""
    command = [sys.executable, "-I", "-c", _RUN_MODULE, str(REPOSITORY), module, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1)


def await_line(process: subprocess.Popen[str], expected: str) -> None:
    """Wait until a process says `expected`; raises DeviceError when it says something else, or dies."""
    answer = process.stdout.readline().strip() if process.stdout is not None else ""
    if answer != expected:
        raise DeviceError(f"a process said {answer!r} instead of {expected!r}: {end(process)}")


def end(process: subprocess.Popen[str]) -> str:
    """Kill a process that still runs; return what it said on standard error."""
    process.kill()
    return process.communicate()[1]


def write_robot(folder: Path, robot_file: Path = SIMULATED_ROBOT, /, **changes: object) -> Path:
    """Write the robot's file into `folder`, with some keys changed, and a patience with the bus that suits a pty.

    Its bytes are moved by an ordinary thread of the kernel, which a busy machine may keep from running for 100 ms. Emulated
    motors stand where the robot file says: no record of a calibration is asked for.
    """
    text = robot_file.read_text(encoding="utf-8")
    asked: dict[str, object] = {"bus_error_budget": 50, "require": [], **changes}
    for key, value in asked.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", text, count=1)
    robot = folder / "robot.toml"
    robot.write_text(text, encoding="utf-8")
    return robot


class EmulatedServos:
    """Six emulated servos at the port `servo-bus` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._process = start(folder, "sim.feetech.bus_process", "servo-bus")
        await_line(self._process, "ready")

    def __enter__(self) -> EmulatedServos:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the process."""
        end(self._process)

    def tell(self, order: str) -> None:
        """Order something of sim/feetech/bus_process.py, such as "unplug"."""
        if self._process.stdin is not None:
            self._process.stdin.write(order + "\n")
        await_line(self._process, "done")


class RunningCommand:
    """A command process that works in a folder, with the policy's end of its link, and what it says and writes."""

    def __init__(self, folder: Path, robot_file: Path = SIMULATED_ROBOT, /, **changes: object) -> None:
        """Start it on a robot, with some keys of its file changed."""
        self._log = folder / "commands.npz"
        self._operator = folder / "operator.sock"
        self.link = PolicyLink(folder / "command.sock")
        self.process = start(
            folder, "runtime.command_process", str(write_robot(folder, robot_file, **changes)), "--log", self._log.name
        )

    def __enter__(self) -> RunningCommand:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Kill the process if nobody stopped it."""
        if self.process.poll() is None:
            end(self.process)
        self.link.close()

    def status(self) -> CommandStatus:
        """Return the next status; raises DeviceError when none comes."""
        t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
        while time.monotonic_ns() < t_end_ns and self.process.poll() is None:
            status = self.link.wait_status(1.0)
            if status is not None:
                return status
        raise DeviceError(f"no status from the command process: {end(self.process)}")

    def wait_for(self, state: CommandState) -> CommandStatus:
        """Return the first status in `state`; raises DeviceError when it does not come."""
        t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
        while time.monotonic_ns() < t_end_ns:
            status = self.status()
            if status.state is state:
                return status
        raise DeviceError(f"the command process was never {state.name}: {end(self.process)}")

    def clear(self) -> None:
        """Clear a fault as a person does, as soon as its cause is gone; raises DeviceError when it stays."""
        t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
        while time.monotonic_ns() < t_end_ns:
            answer = ask(self._operator, OperatorOrder(order=Order.CLEAR))
            if answer.done:
                return
            time.sleep(_POLL_S)
        raise DeviceError(f"the fault was never cleared: {end(self.process)}")

    def stop(self) -> tuple[str, Records]:
        """End it as systemd does; return what it said, and its log; raises DeviceError when it ends badly."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        if self.process.returncode != 0:
            raise DeviceError(f"the command process ended with status {self.process.returncode}: {said}")
        return said, load_log(self._log)[0]
