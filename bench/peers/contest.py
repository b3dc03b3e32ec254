"""Who runs, and how: what is the same for all, the two ways in which everybody is set up, and the list of trials.

`usual` is how a stack's own guide has it: a new chunk when half of the last is used up, chunks of 20 rows at 30 Hz and of 50 beyond,
seams smoothed and motion limited as is its default. `freshest` is everybody's best age: a new chunk as often as its runtime can,
nothing smoothed or limited.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Stack = Literal["forerun", "lerobot", "physicalai"]
Mode = Literal["fifo", "no fifo", "sync", "async"]
Tuning = Literal["usual", "freshest"]

CAMERA_HZ = 30.0


@dataclass(frozen=True)
class Setup:
    """What a contestant is told: the same for all but for the last three."""

    port: str  # of the servo bus
    model_ms: float
    code_lasts_s: float  # bench.peers.frame_code.GoalCode
    camera_hz: float
    server_port: int  # where a stack has a server
    mode: Mode
    tuning: Tuning
    rate_hz: float

    @property
    def chunk_rows(self) -> int:
        """Return the rows of a chunk of a peer."""
        return 20 if self.rate_hz <= CAMERA_HZ else 50

    def save(self, file: Path) -> None:
        """Write it to `file`."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Setup:
        """Return what was written to `file`."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))


@dataclass(frozen=True, order=True)
class Trial:
    """One row of the table."""

    stack: Stack
    mode: Mode
    tuning: Tuning
    rate_hz: float
    loaded: bool

    @property
    def name(self) -> str:
        """Return what it is called."""
        freshest = ", freshest" if self.tuning == "freshest" else ""
        load = ", all cores busy" if self.loaded else ""
        return f"{self.stack} {self.mode} {self.rate_hz:.0f} Hz{freshest}{load}"


_RUNS: tuple[tuple[Stack, Mode, Tuning, tuple[float, ...]], ...] = (
    ("forerun", "fifo", "usual", (100.0, 200.0)),
    ("forerun", "fifo", "freshest", (200.0,)),
    ("forerun", "no fifo", "usual", (100.0, 200.0)),
    ("lerobot", "async", "usual", (30.0, 100.0)),
    ("lerobot", "async", "freshest", (30.0, 100.0)),
    ("lerobot", "sync", "usual", (30.0, 100.0)),
    ("lerobot", "sync", "freshest", (30.0,)),
    ("physicalai", "async", "usual", (30.0, 100.0, 200.0)),
    ("physicalai", "async", "freshest", (100.0, 200.0)),
    ("physicalai", "sync", "usual", (30.0, 100.0, 200.0)),
    ("physicalai", "sync", "freshest", (30.0,)),
)


def trials(stacks: list[str], loads: list[bool]) -> list[Trial]:
    """Return the trials of some stacks."""
    return [
        Trial(stack, mode, tuning, rate_hz, loaded)
        for loaded in loads
        for stack, mode, tuning, rates_hz in _RUNS
        if stack in stacks
        for rate_hz in rates_hz
    ]
