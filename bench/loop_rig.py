"""The command loop in this process, on an arm in memory, with a policy and an operator that act after exchanges of its plan."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.stage_rig import POSE, ROBOT, measured
from interfaces.device_facts import MotorIdentity
from interfaces.errors import DeviceLostError
from interfaces.messages import ActionChunk, CommandState, JointState, JointVector
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.robot_config import RobotConfig
from runtime.command.cycle_feed import CycleFeed
from runtime.command.guarded_arm import GuardedArm
from runtime.command.loop import CommandLoop
from runtime.flight.feed import FlightFeed
from runtime.link import CommandListener, PolicyLink
from runtime.operator_link import OperatorAsker

_PERIODS_MAX = 20_000


class ArmInMemory:
    """Stands wherever it was sent; after every exchange `then` is called with their number."""

    def __init__(self, then: Callable[[int], None]) -> None:
        self._then = then
        self._joints = measured(POSE)
        self.exchanges = 0
        self.gone = False

    def open(self) -> JointState:
        """Return where it stands; raises DeviceLostError while it is gone."""
        if self.gone:
            raise DeviceLostError("memory: gone")
        return self.read()

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return no motor."""
        return ()

    def torque(self) -> tuple[bool, ...]:
        """Return no motor's torque."""
        return ()

    def hold(self) -> JointState:
        """Return where it stands."""
        return self.read()

    def exchange(self, position_rad: JointVector) -> JointState:
        """Go there at once."""
        self.exchanges += 1
        self._joints = replace(self._joints, position_rad=position_rad)
        self._then(self.exchanges)
        if self.gone:
            raise DeviceLostError("memory: gone")
        return self.read()

    def read(self) -> JointState:
        """Return where it stands now."""
        self._joints = replace(self._joints, t_measured_ns=time.monotonic_ns())
        return self._joints

    def release(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class LoopTrial:
    """A loop at 1 kHz in a folder of its own, and both that talk to it, all in this thread: each acts after an exchange."""

    def __init__(self, folder: Path, *, dry_run: bool = False, **runtime: object) -> None:
        """Prepare it; `runtime` replaces keys of the robot file's runtime."""
        names = {key: str(folder / key) for key in ("command_socket", "operator_socket")}
        self.config: RobotConfig = replace(
            ROBOT,
            arm=replace(ROBOT.arm, rate_hz=1000.0),
            runtime=replace(ROBOT.runtime, **{**names, **runtime}),
        )
        self.plan: dict[int, Callable[[], None]] = {}
        self.each: Callable[[int], None] | None = None
        self.arm = ArmInMemory(self._act)
        self._listener = CommandListener(Path(self.config.runtime.command_socket))
        feed = CycleFeed(FlightFeed(folder / "nobody"), len(self.config.arm.joints))
        self.loop = CommandLoop(self.config, GuardedArm(self.arm, 3), self._listener, feed, dry_run=dry_run)
        self.policy = PolicyLink(Path(self.config.runtime.command_socket))
        self.operator = OperatorAsker(Path(self.config.runtime.operator_socket))
        self.answers: list[OperatorAnswer] = []
        self.states: list[CommandState] = []
        self._sequence = 0

    def run(self) -> None:
        """Run until the plan stops it."""
        self.loop.run()

    def close(self) -> None:
        """Hang up, and end the loop."""
        self.policy.close()
        self.operator.close()
        self.loop.close()

    def propose(self, offset_rad: float = 0.2) -> None:
        """Send a chunk that leads away from where the arm stood."""
        self._sequence += 1
        t_ns = time.monotonic_ns()
        self.policy.send_chunk(
            ActionChunk(
                sequence=self._sequence,
                t_capture_ns=t_ns - 1000,
                t_state_ns=t_ns,
                t_first_ns=t_ns,
                step_ns=50_000_000,
                foresight_age_ns=1000,
                position_rad=(POSE + offset_rad)[None].repeat(16, axis=0),
            )
        )

    def order(self, order: Order, why: str = "") -> Callable[[], None]:
        """Return what sends an order; for the plan."""
        return lambda: self.operator.send(OperatorOrder(order=order, why=why))

    def _act(self, exchanges: int) -> None:
        if exchanges in self.plan:
            self.plan[exchanges]()
        if self.each is not None:
            self.each(exchanges)
        status = self.policy.wait_status(0.0)
        if status is not None:
            self.states.append(status.state)
        answer = self.operator.receive(0.0)
        if answer is not None:
            self.answers.append(answer)
        if exchanges >= _PERIODS_MAX:
            stop()


def stop() -> None:
    """Ask this process to end, as systemd does."""
    os.kill(os.getpid(), signal.SIGTERM)


def following(trial: LoopTrial) -> Callable[[int], None]:
    """Return what proposes a chunk after every 20th exchange."""

    def each(exchanges: int) -> None:
        if exchanges % 20 == 0:
            trial.propose()

    return each
