"""How well the gate follows and what a period of it costs: smooth motions, chunks, contradicting seams, jumps, holds.

    python -m bench.gate [ROUNDS]

Every motion is commanded twice: with the target's speed, acceleration and future, as the command stage does it from chunks,
and as mere places. Errors are against what was wanted at the instant of the command; jerk is the third difference of what
was commanded, so it is what the servos see. Where a motion cannot be followed (a seam of 0.1 rad within 60 ms asks for
170 rad/s2), an error is what the limits cost, and no error at all would be wrong.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from interfaces.arm_config import ArmConfig
from interfaces.messages import ActionChunk, JointRows
from interfaces.robot_config import load_robot
from runtime.command.chunk import Anchor, ChunkFollower
from runtime.command.gate import Gate
from runtime.command.motion import Motion

ARM = load_robot(Path(__file__).parents[1] / "robots" / "simulated.toml").arm
N = len(ARM.joints)
RATES_HZ = (100.0, 200.0)
SECONDS = 2.4
ROW_S = 0.05
NEW_CHUNK_S = 0.15

Wanted = Callable[[Gate, float, float], Motion | None]  # at an instant, and so much later; None holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one gate made of one motion."""

    error_rms_rad: float
    error_end_rad: float
    jerk_peak_rad_s3: float
    jerk_rms_rad_s3: float
    cost_us: list[float]


def main(rounds: int) -> None:
    """Print a table for each rate of commands."""
    limits = ARM.joints[0]
    sys.stdout.write(
        f"{N} joints, limits {limits.velocity_max_rad_s} rad/s, {limits.acceleration_max_rad_s2} rad/s2,"
        f" {limits.jerk_max_rad_s3} rad/s3; {rounds} rounds of {SECONDS} s, cost with the chunk's part\n"
    )
    for rate_hz in RATES_HZ:
        arm = replace(ARM, rate_hz=rate_hz)
        sys.stdout.write(
            f"\n{f'at {rate_hz:.0f} Hz':30}{'error rms':>11}{'at the end':>12}{'jerk peak':>11}{'rms':>7}{'cost p50':>10}{'p99':>7}\n"
            f"{'':30}{'mrad':>11}{'mrad':>12}{'rad/s3':>11}{'':>7}{'us':>10}{'us':>7}\n"
        )
        for name, make_wanted in MOTIONS.items():
            for way, future in (("", True), (", places only", False)):
                runs = [figures(arm, make_wanted(), future=future) for _ in range(rounds)]
                last, costs_us = runs[-1], np.concatenate([run.cost_us for run in runs])
                p50, p99 = np.percentile(costs_us, [50, 99])
                sys.stdout.write(
                    f"{name + way:30}{last.error_rms_rad * 1e3:11.3f}{last.error_end_rad * 1e3:12.3f}"
                    f"{last.jerk_peak_rad_s3:11.0f}{last.jerk_rms_rad_s3:7.0f}{p50:10.0f}{p99:7.0f}\n"
                )


def figures(arm: ArmConfig, wanted: Wanted, *, future: bool) -> Figures:
    """Return how the gate follows one motion, from rest where it begins."""
    gate, period_s = Gate(arm), arm.period_ns * 1e-9
    start = wanted(gate, 0.0, 0.0)
    pose_rad = np.zeros(N) if start is None else start.position_rad
    gate.begin(pose_rad)
    gate.hold()
    path, errors, cost_us = [pose_rad] * 4, list[float](), list[float]()
    for k in range(1, round(SECONDS / period_s)):
        t_begin_ns = time.monotonic_ns()
        ahead_ns = gate.look_ahead_ns if future else (0,)
        ahead = [motion for ns in ahead_ns if (motion := wanted(gate, k * period_s, ns * 1e-9)) is not None]
        if ahead:
            gate.follow(ahead[0].position_rad, ahead if future else None)
        else:
            gate.hold()
        cost_us.append((time.monotonic_ns() - t_begin_ns) * 1e-3)
        path.append(gate.position_rad)
        if ahead:
            errors.append(float(gate.position_rad[0] - ahead[0].position_rad[0]))
    jerk = np.diff(np.array(path)[:, 0], 3) / period_s**3
    return Figures(
        error_rms_rad=float(np.sqrt(np.square(errors).sum() / len(errors))),
        error_end_rad=max(map(abs, errors[-10:])),
        jerk_peak_rad_s3=float(np.abs(jerk).max()),
        jerk_rms_rad_s3=float(np.sqrt(np.square(jerk).sum() / len(jerk))),
        cost_us=cost_us,
    )


def sine() -> Wanted:
    """Return 0.1 rad to and fro at 8 rad/s."""

    def wanted(_gate: Gate, t_s: float, ahead_s: float) -> Motion:
        x, ones = 8.0 * (t_s + ahead_s), np.ones(N)
        return Motion(
            position_rad=0.1 * (1 - np.cos(x)) * ones,
            velocity_rad_s=0.8 * np.sin(x) * ones,
            acceleration_rad_s2=6.4 * np.cos(x) * ones,
        )

    return wanted


def jump() -> Wanted:
    """Return 0.5 rad at once, after 0.1 s."""
    return lambda _gate, t_s, _ahead_s: Motion.at_rest(np.full(N, 0.5 if t_s >= 0.1 else 0.0))


def chunks(*, contradiction_rad: float, pause_s: float = 0.0) -> Wanted:
    """Return rows of 50 ms with 2 mrad of noise, a new chunk each 150 ms, every other one shifted; with pauses without any."""
    random = np.random.default_rng(3)
    follower = ChunkFollower(latency_ns=0, age_max_ns=10**9, blend_ns=60_000_000)
    n_adopted = 0

    def rows(t_s: float) -> JointRows:
        t_rows_s = t_s + ROW_S * np.arange(16)
        way = 0.5 * np.sin(1.5 * t_rows_s) + 0.25 * np.sin(4.0 * t_rows_s)
        noise = random.normal(0.0, 0.002, (16, N)) if n_adopted else np.zeros((16, N))
        return way[:, None] + noise + contradiction_rad * (n_adopted % 2)

    def wanted(gate: Gate, t_s: float, ahead_s: float) -> Motion | None:
        nonlocal n_adopted
        t_ns = round(t_s * 1e9)
        if ahead_s == 0.0 and n_adopted <= t_s / NEW_CHUNK_S:
            first = n_adopted == 0
            chunk = ActionChunk(
                sequence=n_adopted,
                t_capture_ns=0,
                t_state_ns=t_ns,
                t_first_ns=t_ns,
                step_ns=round(ROW_S * 1e9),
                foresight_age_ns=0,
                position_rad=rows(t_s),
            )
            sent = Anchor(
                t_ns=t_ns,
                position_rad=chunk.position_rad[0] if first else gate.position_rad,
                velocity_rad_s=gate.velocity_rad_s,
                acceleration_rad_s2=gate.acceleration_rad_s2,
            )
            follower.adopt(chunk, sent)
            n_adopted += 1
        if pause_s and t_s % 0.6 > 0.6 - pause_s:
            return None
        return follower.motion(t_ns, round(ahead_s * 1e9))

    return wanted


MOTIONS: dict[str, Callable[[], Wanted]] = {
    "sine": sine,
    "chunks": lambda: chunks(contradiction_rad=0.0),
    "chunks 0.1 rad apart": lambda: chunks(contradiction_rad=0.1),
    "chunks with holds": lambda: chunks(contradiction_rad=0.0, pause_s=0.25),
    "a jump": jump,
}

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
