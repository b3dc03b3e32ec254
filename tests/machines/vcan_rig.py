"""The ArmRig of any CAN motors, in real time: the driver on an interface of the kernel, the motors in another process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bench.arm_rigs import RIGS
from bench.arm_rigs.cable import Cable
from drivers.arm import Arm
from drivers.can.open_port import open_can
from interfaces.messages import JointVector
from tests.machines.can_interface import command

REPOSITORY = Path(__file__).parents[2]
# A machine in a machine, on a busy computer: an exchange has most of its period before an answer counts as missing.
RATE_HZ = 5.0
MOTOR_TIMEOUT_MS = 10_000.0
PAUSE_NS = 4_000_000
ALLOWED_MS = 10_000.0


class ServedMotors:
    """The motors of one family in a process of their own, for as long as the `with` block lasts."""

    def __init__(self, name: str, interface: str) -> None:
        self.name, self.interface = name, interface

    def __enter__(self) -> ServedMotors:
        """Start the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.machines.served_rig", self.name, self.interface],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self._process.communicate(timeout=60)

    def tell(self, *order: object) -> Any:
        """Return what a method of the rig returns over there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class VcanRig:
    """A rig of new motors over there, and of a driver here."""

    def __init__(self, motors: ServedMotors) -> None:
        model: Any = RIGS[motors.name]()
        self.resolution_rad: float = model.resolution_rad
        self.voltage_told: bool = model.voltage_told
        self.temperature_told: bool = model.temperature_told
        self.answers_each_target: bool = model.answers_each_target
        self.config = in_real_time(model.config, motors.interface)
        self._driver: Any = type(model.arm)
        self._cable = Cable()
        self._interface = motors.interface
        self._tell = motors.tell
        self._tell("begin")
        self.plug()
        self.arm = self.arm_with()

    def arm_with(self, **changes: Any) -> Arm:
        """Return a driver for the same motors."""
        arm: Arm = self._driver(replace(self.config, **changes), self._cable.can(open_can))
        return arm

    def now_ns(self) -> int:
        """Return the monotonic clock."""
        return time.monotonic_ns()

    def wait(self, duration_ns: int) -> None:
        """Let some time pass: the suite's pauses are periods, which are long here for the sake of deadlines only."""
        time.sleep(min(duration_ns, PAUSE_NS) * 1e-9)

    def angles_rad(self) -> JointVector:
        """Return where the joints are."""
        return np.array(self._tell("angles_rad"))

    def place(self, index: int, angle_rad: float) -> None:
        """Move a joint by hand."""
        self._tell("place", index, angle_rad)

    def torque(self) -> list[bool]:
        """Return which motors drive."""
        return list(self._tell("torque"))

    def heat(self, index: int, temperature_degc: float) -> None:
        """Warm a motor."""
        self._tell("heat", index, temperature_degc)

    def unplug(self) -> None:
        """Take the interface down."""
        command(f"ip link set {self._interface} down")

    def plug(self) -> None:
        """Take it up."""
        command(f"ip link set {self._interface} up")

    def lose(self, n_later: int) -> None:
        """Lose one order: the next, 0, or one so many later."""
        self._cable.lose(n_later)

    def power_cycle(self) -> None:
        """Switch the motors off and on."""
        self._tell("power_cycle")

    def brown_out(self, index: int) -> None:
        """Switch one motor off and on."""
        self._tell("brown_out", index)

    def exchange_motor(self, index: int) -> None:
        """Put another motor in."""
        self._tell("exchange_motor", index)

    def silence(self, index: int) -> None:
        """Cut a motor off."""
        self._tell("silence", index)

    def speak(self, index: int) -> None:
        """Put it back."""
        self._tell("speak", index)

    def drop(self, n_answers: int) -> None:
        """Lose the next answers."""
        self._tell("drop", n_answers)

    def garble(self) -> None:
        """Send what is no answer."""
        self._tell("garble")

    def delay(self, delay_ns: int) -> None:
        """Let answers come late."""
        self._tell("delay", delay_ns)


def in_real_time(config: Any, interface: str) -> Any:
    """Return an arm's configuration with its bus on `interface`, and time enough for everything."""
    changes: dict[str, Any] = {"port": interface, "rate_hz": RATE_HZ, "limit_patience_ms": ALLOWED_MS}
    if "motor_timeout_ms" in {field.name for field in fields(config)}:
        changes["motor_timeout_ms"] = MOTOR_TIMEOUT_MS
    return replace(config, **changes)
