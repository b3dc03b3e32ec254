"""Asks everybody who knows something about one robot, and keeps the connection for the next time. None of them needs to be there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from interfaces.errors import DeviceError, RefusedError
from interfaces.request_socket import JsonObject, RequestClient
from interfaces.robot_config import RobotConfig, load_robot
from runtime.operator_link import ask_report
from runtime.status.arm_side import read_arm
from runtime.status.machine import MachineStatus, clock_synchronised, read_machine
from runtime.status.policy_side import read_policy
from runtime.status.robot_status import ArmStatus, PolicyStatus, RobotStatus
from runtime.status.units import UnitStatus, read_units

T = TypeVar("T")

_PATIENCE_S = 1.0  # with a process that answers within milliseconds, or hangs
_CLOCK_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class RobotPlace:
    """Which robot, and where it is."""

    file: Path
    folder: Path  # where its sockets lie
    records: Path  # the folder of its flight records


class Gathering:
    """Asks for one robot; a context manager, for one thread."""

    def __init__(
        self, place: RobotPlace, units: Callable[[], tuple[UnitStatus, ...]] = read_units, units_pause_s: float = 2.0
    ) -> None:
        """Load the robot file; raises ConfigError where that cannot be.

        `units` is not asked more often than every `units_pause_s`: systemctl costs a process each time.
        """
        self._place = place
        self.robot: RobotConfig = load_robot(place.file)
        self._policy: RequestClient | None = None
        self._units = _Seldom(round(units_pause_s * 1e9), units)
        self._clock = _Seldom(_CLOCK_NS, clock_synchronised)

    def __enter__(self) -> Gathering:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Hang up."""
        self._leave_policy()

    def gather(self, t_now_ns: int) -> RobotStatus:
        """Return how the robot is; takes some milliseconds, and at most a few seconds where processes hang."""
        arm, arm_silence = self._ask_arm()
        policy, policy_silence = self._ask_policy()
        units, machine = self._units.value(t_now_ns), self._machine(t_now_ns)
        return RobotStatus(
            robot=self.robot.name,
            robot_file=str(self._place.file),
            folder=str(self._place.folder.absolute()),
            asked_at=datetime.now(timezone.utc).astimezone().isoformat(timespec="milliseconds"),
            gathering_ms=(time.monotonic_ns() - t_now_ns) * 1e-6,
            arm=arm,
            arm_silence=arm_silence,
            policy=policy,
            policy_silence=policy_silence,
            units=units,
            machine=machine,
        )

    def request_policy(self, request: JsonObject) -> JsonObject:
        """Return the policy's reply; raises RefusedError where it is not there, or refuses."""
        try:
            socket = self._place.folder / self.robot.runtime.control_socket
            self._policy = self._policy or RequestClient(socket, _PATIENCE_S)
            reply = self._policy.request(request)
        except (RefusedError, ValueError):  # a reply that is no JSON: another program listens there
            self._leave_policy()
            raise
        if "error" in reply:
            raise RefusedError(str(reply["error"]))
        return reply

    def _ask_arm(self) -> tuple[ArmStatus | None, str | None]:
        try:
            report = ask_report(self._place.folder / self.robot.runtime.operator_socket, _PATIENCE_S)
        except DeviceError as error:
            return None, str(error)
        return read_arm(report, self.robot), None

    def _ask_policy(self) -> tuple[PolicyStatus | None, str | None]:
        try:
            return read_policy(self.request_policy({"status": True}), self.robot), None
        except RefusedError as error:
            return None, f"no policy process at {error}"
        except ValueError as error:
            return None, f"what answers in place of the policy process is none: {error}"

    def _machine(self, t_now_ns: int) -> MachineStatus:
        return read_machine(self._place.records, clock_synchronised=self._clock.value(t_now_ns))

    def _leave_policy(self) -> None:
        if self._policy is not None:
            self._policy.close()
            self._policy = None


class _Seldom(Generic[T]):
    """What is expensive to learn, and changes seldom."""

    def __init__(self, pause_ns: int, learn: Callable[[], T]) -> None:
        self._pause_ns = pause_ns
        self._learn = learn
        self._known: tuple[int, T] | None = None

    def value(self, t_now_ns: int) -> T:
        """Return it, learned anew where it is old."""
        if self._known is None or t_now_ns - self._known[0] >= self._pause_ns:
            self._known = (t_now_ns, self._learn())
        return self._known[1]
