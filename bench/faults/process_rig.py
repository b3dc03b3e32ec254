"""The command process on emulated servos, with accidents to order, and the evidence when it is over."""

from __future__ import annotations

import contextlib
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from bench.command_rig import SIMULATED_ROBOT, EmulatedServos, RunningCommand, await_line, end, start
from bench.faults.evidence import Evidence
from bench.faults.hand_policy import HandPolicy
from interfaces.errors import DeviceError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.robot_config import load_robot
from runtime.operator_link import ask
from sim.feetech.goal_tape import Goals, load_goals

_TAPE = "goals.npy"
_ARM = load_robot(SIMULATED_ROBOT).arm


class FaultRig:
    """Servos and command process in a folder; a context manager. `hand` is the policy, until `leave_to_others`."""

    def __init__(self, folder: Path, *, echo: bool = False, **changes: object) -> None:
        """Start both; `changes` are keys of the robot file, `echo` is a half-duplex adapter that sends our own bytes back."""
        self.folder = folder
        self._others = ExitStack()
        with ExitStack() as stack:
            self.servos = stack.enter_context(EmulatedServos(folder))
            if echo:
                self.servos.tell("echo")
            self.command = stack.enter_context(RunningCommand(folder, **changes))
            self.command.wait_for(CommandState.READY)
            self._stack = stack.pop_all()
        self.hand = HandPolicy(self.command)

    def __enter__(self) -> FaultRig:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End everything."""
        self._others.close()
        self._stack.close()

    @property
    def pid(self) -> int:
        """Return the process id of the command process."""
        return self.command.process.pid

    def swinging_policy(self) -> subprocess.Popen[str]:
        """Start a policy in a process of its own, and return it once it swings; the policy in hand hangs up for ever."""
        self.command.link.close()
        policy = start(self.folder, "bench.swinging_policy", "command.sock")
        self._others.callback(end, policy)
        await_line(policy, "swinging")
        return policy

    def order(self, order: Order) -> OperatorAnswer:
        """Give an order as a person does."""
        return ask(self.folder / "operator.sock", OperatorOrder(order=order, why="a test"))

    def wait_for(self, state: CommandState, patience_s: float = 30.0) -> None:
        """Wait until the command process is in a state, asked as a person asks: the policy's socket is left alone."""
        t_end_ns, last = time.monotonic_ns() + round(patience_s * 1e9), "no answer"
        while time.monotonic_ns() < t_end_ns:
            with contextlib.suppress(DeviceError):  # it starts, or stands still
                answer = self.order(Order.STATUS)
                last = f"{answer.state.name}: {answer.text}"
                if answer.state is state:
                    return
            time.sleep(0.01)
        raise DeviceError(f"the command process was never {state.name}, but {last}")

    def restart_command(self) -> None:
        """Kill the command process as an accident would, and start another one."""
        end(self.command.process)
        self.command = self._stack.enter_context(RunningCommand(self.folder))
        self.command.link.close()

    def evidence(self) -> Evidence:
        """End the command process as systemd does, and return what is left."""
        said, records = self.command.stop()
        return Evidence(arm=_ARM, said=said, records=records, goals=self.goals())

    def goals(self) -> Goals:
        """Return what the servos got so far."""
        self.servos.tell(f"save {_TAPE}")
        return load_goals(self.folder / _TAPE)
