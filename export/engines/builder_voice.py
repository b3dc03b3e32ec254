"""What TensorRT says while it builds, for people: warnings and errors kept, its phases as one share of the whole."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

from interfaces.progress import Progress

_KEPT_MAX = 30  # a graph may give one warning per node
_LINE_MAX = 1000  # characters
_WEIGHTS = re.compile(r"Total Weights Memory: (\d+) bytes")
SHARES = 1000  # how fine the progress of one build is told


@dataclass(slots=True)
class Said:
    """The messages of one build."""

    warnings: list[str] = field(default_factory=list[str])  # each once
    errors: list[str] = field(default_factory=list[str])
    weights_bytes: int = 0  # as stored in the engine; 0 where TensorRT does not tell

    def take(self, severity: str, text: str) -> None:
        """Keep what matters of a message; `severity` as TensorRT calls it."""
        weights = _WEIGHTS.search(text)
        if weights:
            self.weights_bytes += int(weights.group(1))
        kept = {"WARNING": self.warnings, "ERROR": self.errors, "INTERNAL_ERROR": self.errors}.get(severity)
        line = " ".join(text.split())[:_LINE_MAX]
        if kept is not None and line not in kept and len(kept) < _KEPT_MAX:
            kept.append(line)


class Phases:
    """The phases of a build, one inside the other, as one share from 0 to 1 that never falls."""

    def __init__(self, progress: Progress) -> None:
        """Tell `progress` of every step that moves the share."""
        self._progress = progress
        self._open: list[tuple[str, int, int]] = []  # name, steps done, steps in all
        self._told = -1
        self._lock = threading.Lock()  # TensorRT calls from several threads

    def start(self, name: str, steps: int) -> None:
        """Open a phase inside the one that is open."""
        with self._lock:
            self._open.append((name, 0, max(steps, 1)))

    def step(self, name: str, step: int) -> None:
        """Note that a step, counted from 0, is done."""
        with self._lock:
            for index, (open_name, _, steps) in enumerate(self._open):
                if open_name == name:
                    self._open[index] = (name, min(step + 1, steps), steps)
            done = int(SHARES * self._share())
            if done > self._told:
                self._told = done
                self._progress(done, SHARES, name)

    def finish(self, name: str) -> None:
        """Close a phase, and whatever was left open inside it."""
        with self._lock:
            names = [open_name for open_name, _, _ in self._open]
            if name in names:
                del self._open[names.index(name) :]

    def _share(self) -> float:
        share, width = 0.0, 1.0
        for _, done, steps in self._open:
            share += width * done / steps
            width /= steps
        return min(share, 1.0)


def make_logger(trt: Any, said: Said) -> Any:
    """Return a logger of that TensorRT which puts everything into `said`."""

    class _Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            said.take(severity.name, msg)

    return _Logger()


def make_monitor(trt: Any, phases: Phases) -> Any:
    """Return a progress monitor of that TensorRT; the names of its methods are TensorRT's."""

    class _Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            del parent_phase
            phases.start(phase_name, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            phases.step(phase_name, step)
            return True

        def phase_finish(self, phase_name: str) -> None:
            phases.finish(phase_name)

    return _Monitor()
