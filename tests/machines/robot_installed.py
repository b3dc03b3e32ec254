"""The installed robot as trials see it: systemd's own state of its units, its journal, what its processes answer, and its motors."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interfaces import installed
from interfaces.errors import DeviceError, RefusedError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorOrder, Order
from interfaces.request_socket import RequestClient
from runtime.operator_link import OperatorAsker
from tests.machines.nspawn_machine import NspawnMachine, until
from tests.machines.nspawn_world import OutsideWorld

CLONE_NEWNET = 0x40000000
ANSWER_S = 1.0
JOURNAL_LINES = 80
PATIENCE_S = 30.0
ENDED = ("inactive", "failed")
UNITS = (installed.COMMAND_UNIT, installed.POLICY_UNIT, installed.RECORD_UNIT, installed.PAGE_UNIT)


@dataclass(frozen=True)
class InstalledRobot:
    """One machine with its robot; every trial leaves it following, or says why it cannot."""

    machine: NspawnMachine
    world: OutsideWorld
    checkouts: Path  # what it is installed from

    def show(self, unit: str, what: str) -> str:
        """Return a property of a unit, or of systemd itself where that is empty, as `systemctl show` tells it."""
        return self.machine.do("systemctl", "show", "--property", what, "--value", *([unit] if unit else []))

    def number(self, unit: str, what: str) -> int:
        """Return a property that is a number; 0 where it is none."""
        value = self.show(unit, what)
        return int(value) if value.isdecimal() else 0

    def is_active(self, unit: str) -> bool:
        """Return whether a unit is active, which for our services means: it said READY."""
        return self.show(unit, "ActiveState") == "active"

    def kill(self, unit: str, number: signal.Signals) -> int:
        """Send the main process of a unit a signal, as an accident would; return when, on the monotonic clock."""
        pid = self.number(unit, "MainPID")
        assert pid, f"{unit} has no process"
        t_now_ns = time.monotonic_ns()
        self.machine.do("kill", f"-{number.value}", str(pid))
        return t_now_ns

    def cursor(self) -> str:
        """Return the journal's present end."""

        def look() -> str:  # right after the first boot there is no journal yet, and journalctl fails
            said = self.machine.ask("journalctl", "--quiet", "--lines=0", "--show-cursor")[1]
            return said.partition("-- cursor: ")[2].strip()

        return until(look, PATIENCE_S, "the journal has a first line")

    def journal(self, cursor: str) -> list[dict[str, Any]]:
        """Return what the journal has got since, each entry with all its fields.

        Whoever wants some of them looks through them: journalctl takes no cursor together with matches, and passes over one.
        """
        said = self.machine.do("journalctl", "--quiet", "--output=json", "--all", f"--after-cursor={cursor}")
        return [json.loads(line) for line in said.splitlines()]

    def said(self, cursor: str, unit: str = "") -> list[str]:
        """Return the journal's lines since, by or about a unit, or all."""
        entries = self.journal(cursor)
        return [
            str(entry.get("MESSAGE"))
            for entry in entries
            if unit in {"", entry.get("_SYSTEMD_UNIT"), entry.get("UNIT")}
        ]

    def recent_journal(self, cursor: str) -> str:
        """Return the end of the journal since, as people read it, and how the units are."""
        lines = self.machine.ask("journalctl", "--quiet", "--output=short-monotonic", f"--after-cursor={cursor}")[1]
        units = self.machine.ask(
            "systemctl", "--no-pager", "--plain", "--no-legend", "list-units", "--all", "forerun*"
        )[1]
        return "\n".join([*lines.splitlines()[-JOURNAL_LINES:], units])

    def await_line(self, cursor: str, *words: str, unit: str = "", patience_s: float = PATIENCE_S) -> str:
        """Return the first line since that has all the words."""

        def look() -> str:
            lines = self.said(cursor, unit)
            return next((line for line in lines if all(word.lower() in line.lower() for word in words)), "")

        return until(look, patience_s, f"the journal says {' ... '.join(words)}")

    def forerun(self, *arguments: str) -> tuple[int, str]:
        """Run the `forerun` command as a person on the robot does; return its status and what it said."""
        return self.machine.ask("forerun", *arguments)

    def state(self) -> CommandState | None:
        """Return the state of the command process; None where nobody answers."""
        try:
            with _in_network_of(self.machine.leader):  # answers go to an address that belongs to a network namespace
                asker = OperatorAsker(self._run / "operator.sock")
            with closing(asker):
                asker.send(OperatorOrder(order=Order.STATUS))
                answer = asker.receive(ANSWER_S)
        except DeviceError:
            return None
        return answer.state if answer else None

    def policy(self) -> dict[str, Any]:
        """Return the status of the policy process; nothing where it does not answer."""
        try:
            with RequestClient(self._run / "control.sock", ANSWER_S) as client:
                return client.request({"status": True})
        except RefusedError:
            return {}

    def await_state(self, *states: CommandState, patience_s: float = PATIENCE_S) -> int:
        """Wait for one of some states; return when, on the monotonic clock."""
        names = " or ".join(state.name for state in states)
        until(lambda: self.state() in states, patience_s, f"the command process is {names}")
        return time.monotonic_ns()

    def await_active(self, *units: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until units are active."""
        for unit in units:
            until(lambda unit=unit: self.is_active(unit), patience_s, f"{unit} is active")

    def await_another(self, unit: str, n_before: int, patience_s: float = PATIENCE_S) -> None:
        """Wait until systemd has started a unit again, and it is ready."""
        until(lambda: self.number(unit, "NRestarts") > n_before, patience_s, f"{unit} is started again")
        self.await_active(unit, patience_s=patience_s)

    def start(self) -> None:
        """Start it as the boot does, and wait for nothing; how often it was started before does not count."""
        self.machine.do("systemctl", "reset-failed", "--all", "forerun*")
        self.machine.do("systemctl", "start", "--no-block", installed.TARGET_UNIT)

    def stop(self) -> None:
        """Stop it in order, and wait until all of it has ended."""
        self.machine.do("systemctl", "stop", installed.TARGET_UNIT)
        for unit in UNITS:
            until(lambda unit=unit: self.show(unit, "ActiveState") in ENDED, PATIENCE_S, f"{unit} has ended")

    def follow_again(self) -> None:
        """Bring everything back, whatever a trial left."""
        self.world.tell({"plug": "bus"})
        self.world.tell({"camera": "well", "ms": 0})
        if self.is_active(installed.SAFE_UNIT) or not all(self.is_active(unit) for unit in UNITS):
            self.forerun("start")
        self.await_active(*UNITS)
        if self.state() in {CommandState.FAULT, CommandState.ESTOP}:
            self.forerun("clear")
        self.await_state(CommandState.FOLLOWING)

    @property
    def _run(self) -> Path:
        return self.machine.files / installed.Installation().run.relative_to("/")


@contextmanager
def _in_network_of(pid: int) -> Generator[None]:
    """Let this thread make sockets in the network namespace of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open("rb") as ours, Path(f"/proc/{pid}/ns/net").open("rb") as theirs:
        _enter(libc, theirs.fileno())
        try:
            yield
        finally:
            _enter(libc, ours.fileno())


def _enter(libc: ctypes.CDLL, namespace_fd: int) -> None:
    if libc.setns(namespace_fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
