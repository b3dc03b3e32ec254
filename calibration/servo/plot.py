"""Effort over speed, the loop of a slow way to and fro, and how each rung was followed: for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calibration.servo.following import ERROR_MAX_RAD
from calibration.servo.procedure import JointFound


def save_plot(path: Path, found: JointFound) -> None:
    """Write the picture of one joint."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), constrained_layout=True)
    _friction(axes[0], found)
    _loop(axes[1], found)
    _rungs(axes[2], found)
    figure.suptitle(found.config.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=70)
    plt.close(figure)


def _friction(axis: Any, found: JointFound) -> None:
    friction = found.friction
    speeds = np.linspace(0, 1.1 * max(friction.speeds_rad_s), 2)
    axis.plot(friction.speeds_rad_s, np.multiply(100, friction.at_speed_ratio), "o", label="measured")
    axis.plot(speeds, 100 * (friction.dry_ratio.value + friction.per_speed_ratio * speeds), label="line")
    axis.set_xlabel("speed, rad/s")
    axis.set_ylabel("friction, % of the effort")
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8)


def _loop(axis: Any, found: JointFound) -> None:
    run = found.loop
    commanded = np.interp(run.t_s - found.play.lag_s.value, run.t_command_s, run.commanded_rad)
    axis.plot(np.degrees(commanded - commanded.mean()), np.degrees(run.measured_rad - commanded), lw=0.8)
    half = np.degrees(found.play.play_rad.value / 2)
    for side in (-half, half):
        axis.axhline(side, color="0.6", ls=":")
    axis.set_xlabel("commanded, degrees")
    axis.set_ylabel("measured less commanded, degrees")
    axis.set_title(f"play {np.degrees(found.play.play_rad.value):.2f} degrees", fontsize=9)


def _rungs(axis: Any, found: JointFound) -> None:
    speeds = [rung.velocity_rad_s for rung in found.velocities]
    axis.plot(
        speeds, [np.degrees(rung.beside_lag_rad) for rung in found.velocities], "o-", label="error beside the lag"
    )
    axis.plot(speeds, [np.degrees(rung.error_rad) for rung in found.velocities], "s:", label="error")
    axis.axhline(np.degrees(ERROR_MAX_RAD), color="r", lw=0.8)
    axis.set_xlabel("speed, rad/s")
    axis.set_ylabel("degrees")
    axis.legend(fontsize=8, loc="upper left")
    effort = axis.twinx()
    effort.plot(speeds, [100 * rung.effort_ratio for rung in found.velocities], "^--", color="0.5")
    effort.set_ylabel("effort, %")
    effort.set_ylim(0, 105)
