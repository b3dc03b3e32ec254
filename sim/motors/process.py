"""An emulated serial bus in a process of its own, told what to do over stdin: for tests and benchmarks of a bus.

The emulator must not share a process with the driver, and least of all with a vendor's SDK: those wait in a busy loop.

Commands, one a line, each answered by a line "done". Every bus understands drop N, corrupt N, cut N, double N, garbage HEX,
silence ID, speak ID, echo, no-echo, delay MS, unplug, plug and quit; a module adds its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol, TypeVar

from sim.serial.bus import BusFaults
from sim.serial.pty_port import PtyPort

Commands = Mapping[str, Callable[[list[str]], None]]
Self = TypeVar("Self", bound="BusProcess")


class BusProcess:
    """The other end of stdin: `python -m MODULE PORT` for as long as the `with` block lasts."""

    MODULE: ClassVar[str]  # whose main calls `serve_bus`

    def __init__(self, path: Path) -> None:
        """Remember where the port shall be."""
        self.path = path
        self._arguments = [str(path.absolute())]

    def __enter__(self: Self) -> Self:
        """Start it, and return once the port is there."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.MODULE, *self._arguments],
            cwd=Path(__file__).parents[2],
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
            raise RuntimeError(f"{self.MODULE} said {line!r}; expected {answer!r}")


class Plug(Protocol):
    """What can be plugged in and out."""

    def open(self) -> None:
        """Plug in."""
        ...

    def close(self) -> None:
        """Unplug."""
        ...


def serve_bus(port: PtyPort, faults: BusFaults, commands: Commands) -> None:
    """Serve on `port`, and do what is told, until stdin ends; `commands` are those that only this bus has."""
    serve(port, {**fault_commands(port, faults), **commands})


def serve(port: Plug, commands: Commands) -> None:
    """Serve on `port`, and do what is told, until stdin ends."""
    port.open()
    _say("ready")
    for line in sys.stdin:
        name, *arguments = line.split()
        if name == "quit":
            break
        commands[name](arguments)
        _say("done")
    port.close()


def fault_commands(port: PtyPort, faults: BusFaults) -> Commands:
    """Return the commands that every bus understands."""
    return {
        "drop": lambda arguments: setattr(faults, "n_drop", int(arguments[0])),
        "corrupt": lambda arguments: setattr(faults, "n_corrupt", int(arguments[0])),
        "cut": lambda arguments: setattr(faults, "n_cut", int(arguments[0])),
        "double": lambda arguments: setattr(faults, "n_double", int(arguments[0])),
        "garbage": lambda arguments: setattr(faults, "garbage", bytes.fromhex(arguments[0])),
        "silence": lambda arguments: faults.silent_ids.add(int(arguments[0])),
        "speak": lambda arguments: faults.silent_ids.discard(int(arguments[0])),
        "echo": lambda _: setattr(faults, "echo", True),
        "no-echo": lambda _: setattr(faults, "echo", False),
        "delay": lambda arguments: setattr(faults, "delay_ns", round(float(arguments[0]) * 1e6)),
        "unplug": lambda _: port.close(),
        "plug": lambda _: port.open(),
    }


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
