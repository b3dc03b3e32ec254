"""Six emulated servos on a pty, without physics: `python -m sim.servo_bus_process PORT`, told what to do over stdin.

For tests and benchmarks of the bus, whose emulator must live in another process than the driver. The motors follow their
targets at once. Commands, one a line, each answered by a line "done": drop N, corrupt N, garbage HEX, silence ID, speak ID,
echo, no-echo, delay MS, unplug, plug, power (off and on), heat ID DEGC, supply V (of all), set ID ADDRESS VALUE (one byte, as if
saved in the EEPROM), save FILE (all goals written so far, sim/goal_tape.py), quit.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from sim.goal_tape import GoalTape
from sim.pty_port import PtyPort
from sim.servo_bus import ServoBus
from sim.servo_emulator import EmulatedServo

N_SERVOS = 6


class RigidActuators:
    """Motors without a load that are where they are told to be; the Actuators of sim/servo_motion.py."""

    def __init__(self, n_motors: int) -> None:
        self.positions_rad = [0.0] * n_motors
        self.torque = [False] * n_motors
        self.effort_limit_ratio = [1.0] * n_motors
        self.effort = [0.0] * n_motors

    def position_rad(self, index: int) -> float:
        """Return where the motor was told to be."""
        return self.positions_rad[index]

    def velocity_rad_s(self, index: int) -> float:
        """Return 0: it jumps."""
        del index
        return 0.0

    def effort_ratio(self, index: int) -> float:
        """Return the effort that was put in from outside."""
        return self.effort[index]

    def set_target_rad(self, index: int, target_rad: float) -> None:
        """Jump."""
        self.positions_rad[index] = target_rad

    def set_torque(self, index: int, *, enabled: bool) -> None:
        """Remember it."""
        self.torque[index] = enabled

    def set_effort_limit(self, index: int, ratio: float) -> None:
        """Remember it."""
        self.effort_limit_ratio[index] = ratio


def rigid_servo_bus(n_servos: int = N_SERVOS) -> ServoBus:
    """Return a bus of servos fresh from the factory, ids from 1, on motors without physics."""
    actuators = RigidActuators(n_servos)
    return ServoBus([EmulatedServo(1 + i, i, actuators) for i in range(n_servos)])


class ServoBusProcess:
    """The other end of stdin: an emulator in a process of its own, for as long as the `with` block lasts."""

    def __init__(self, path: Path) -> None:
        """Remember where the port shall be."""
        self.path = path

    def __enter__(self) -> ServoBusProcess:
        """Start it, and return once the port is there."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sim.servo_bus_process", str(self.path.absolute())],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self._process.communicate("quit\n", timeout=20)

    def tell(self, command: str) -> None:
        """Give one command of the module's docstring, and return once it is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        self._expect("done")

    def _expect(self, answer: str) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if line != answer:
            raise RuntimeError(f"the servo bus process said {line!r}; expected {answer!r}")


def main(path: Path) -> None:
    """Serve until stdin ends."""
    bus = rigid_servo_bus()
    bus.tape = GoalTape(N_SERVOS)
    port = PtyPort(bus, path)
    port.open()
    commands = _commands(bus, port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        name, *arguments = line.split()
        if name == "quit":
            break
        commands[name](arguments)
        sys.stdout.write("done\n")
        sys.stdout.flush()
    port.close()


def _commands(bus: ServoBus, port: PtyPort) -> dict[str, Callable[[list[str]], None]]:
    faults = bus.faults
    return {
        "drop": lambda arguments: setattr(faults, "n_drop", int(arguments[0])),
        "corrupt": lambda arguments: setattr(faults, "n_corrupt", int(arguments[0])),
        "garbage": lambda arguments: setattr(faults, "garbage", bytes.fromhex(arguments[0])),
        "silence": lambda arguments: faults.silent_ids.add(int(arguments[0])),
        "speak": lambda arguments: faults.silent_ids.discard(int(arguments[0])),
        "echo": lambda _: setattr(faults, "echo", True),
        "no-echo": lambda _: setattr(faults, "echo", False),
        "delay": lambda arguments: setattr(faults, "delay_ns", round(float(arguments[0]) * 1e6)),
        "unplug": lambda _: port.close(),
        "plug": lambda _: port.open(),
        "power": lambda _: bus.power_cycle(),
        "heat": lambda arguments: setattr(_servo(bus, arguments[0]), "temperature_degc", float(arguments[1])),
        "supply": lambda arguments: _supply(bus, float(arguments[0])),
        "set": lambda arguments: _servo(bus, arguments[0]).save(int(arguments[1]), bytes((int(arguments[2]),))),
        "save": lambda arguments: bus.tape.save(Path(arguments[0])) if bus.tape is not None else None,
    }


def _servo(bus: ServoBus, servo_id: str) -> EmulatedServo:
    return next(servo for servo in bus.servos if servo.servo_id == int(servo_id))


def _supply(bus: ServoBus, supply_v: float) -> None:
    for servo in bus.servos:
        servo.supply_v = supply_v


if __name__ == "__main__":
    main(Path(sys.argv[1]))
