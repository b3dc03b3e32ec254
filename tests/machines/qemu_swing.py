"""An arm in the virtual machine follows a slow swing, however busy the machine below is."""

from __future__ import annotations

import time

import numpy as np

from drivers.arm import Arm
from interfaces.errors import BusTimeoutError
from interfaces.messages import JointState, JointVector
from tests.machines.qemu_inside import PATIENCE_S, HostLine, error_of, wait_until

N_ANSWERED = 100
WRONG_RAD = 0.002  # more than any encoder's step


def open_and_hold(arm: Arm) -> JointVector:
    """Return the pose that is held; tried again where an answer is too late, as the command process does."""
    held: list[JointVector] = []

    def done() -> bool:
        return error_of(arm.open) is None and error_of(lambda: held.append(arm.hold().position_rad)) is None

    wait_until(done, "the arm holds")
    return held[-1]


def swing(host: HostLine, arm: Arm, held_rad: JointVector, what: str) -> JointVector:
    """Exchange until enough targets were answered, and report times, silences and wrong answers; return the last target.

    The motors are where they are sent at once, so every answer has to tell the target it came with.
    """
    took_ms: list[float] = []
    n_silent = n_wrong = 0
    target_rad = held_rad
    t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
    while len(took_ms) < N_ANSWERED and time.monotonic_ns() < t_end_ns:
        target_rad = held_rad + 0.05 * np.sin(2 * np.pi * len(took_ms) / N_ANSWERED)
        t_start_ns = time.monotonic_ns()
        state = attempt(arm, target_rad)
        if state is None:
            n_silent += 1
            continue
        took_ms.append((time.monotonic_ns() - t_start_ns) * 1e-6)
        n_wrong += float(np.abs(state.position_rad - target_rad).max()) > WRONG_RAD
    host.check(
        f"{what}, {len(took_ms)} exchanges answered",
        f"p50 {np.percentile(took_ms, 50):.1f} ms, p99 {np.percentile(took_ms, 99):.1f} ms; {n_wrong} told another pose"
        f" than the target, {n_silent} more without an answer in time",
        ok=len(took_ms) == N_ANSWERED and n_wrong == 0,
    )
    return target_rad


def attempt(arm: Arm, target_rad: JointVector) -> JointState | None:
    """Return the state of one exchange, None where motors stayed silent."""
    try:
        return arm.exchange(target_rad)
    except BusTimeoutError:
        return None
