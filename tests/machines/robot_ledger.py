"""What the trials came to: a line when each ends, and a table at the end."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.machines.nspawn_machine import MachineError

TABLE_WIDTH = 200
FAILED, RERUN = "FAILED", "RERUN"


@dataclass
class Entry:
    """A step or a trial."""

    name: str
    verdict: str = "ok"
    text: str = ""
    seconds: float = 0.0


@dataclass
class Ledger:
    """Everything that was done, in order."""

    entries: list[Entry] = field(default_factory=list[Entry])
    t_start_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def failed(self) -> bool:
        """Return whether anything did."""
        return any(entry.verdict == FAILED for entry in self.entries)

    @contextmanager
    def step(self, name: str) -> Generator[Entry]:
        """Do something and note how long it took; `text` of what is yielded may be filled in. What it raises goes on."""
        entry = Entry(name)
        self.entries.append(entry)
        t_start_ns = time.monotonic_ns()
        try:
            yield entry
        except BaseException as error:
            entry.verdict, entry.text = FAILED, str(error)
            raise
        finally:
            entry.seconds = (time.monotonic_ns() - t_start_ns) * 1e-9
            say(f"[{(time.monotonic_ns() - self.t_start_ns) * 1e-9:4.0f} s] {_line(entry)}")

    @contextmanager
    def trial(self, name: str, *, is_last: bool = True) -> Generator[Entry]:
        """Do a trial, which fails alone: what it did not see is noted, as a failure where there is no other attempt."""
        entry = Entry(name)
        try:
            with self.step(name) as entry:
                yield entry
        except (AssertionError, MachineError, OSError, subprocess.TimeoutExpired) as error:
            entry.verdict = FAILED if is_last else RERUN
            entry.text = f"{type(error).__name__}: {error}"

    def print_table(self) -> None:
        """Print it all once more, and what it took."""
        say("")
        for entry in self.entries:
            say(_line(entry).splitlines()[0][:TABLE_WIDTH])
        n_failed = sum(entry.verdict == FAILED for entry in self.entries)
        seconds = (time.monotonic_ns() - self.t_start_ns) * 1e-9
        say(f"a robot installed, booted and maltreated: {len(self.entries)} steps, {n_failed} failed, {seconds:.0f} s")


def _line(entry: Entry) -> str:
    return f"{entry.verdict:<7}{entry.seconds:6.1f} s  {entry.name:<18} {entry.text}".rstrip()


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
