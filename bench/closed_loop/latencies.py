"""How late things are in real time, put into lockstep so that it measures the robot and not an ideal.

The defaults were measured by `forerun demo` (docs/results/closed-loop.md) on two cores of an x86-64 server; `forerun eval` takes others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Delays of one loop."""

    camera_ms: float = 5.0  # from capture to the frame in its slot
    foresight_ms: float = 1.5  # from starting to foresee to foresight in its slot
    action_ms: float = 0.5  # from joint state to chunk at the command process
