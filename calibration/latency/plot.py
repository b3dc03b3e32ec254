"""The three signals before and after they are put over one another, and what is left at each lag: for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calibration.latency.judgement import COMMAND_LAGS_S, PICTURE_LAGS_S, Latencies
from calibration.latency.recording import Recording
from calibration.signals.lag_fit import Array, residual_over_lags

SHOWN_S = 2.5  # of the quickest part
LAG_STEP_S = 0.002


def save_plot(path: Path, recording: Recording, found: Latencies) -> None:
    """Write the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(9, 8), constrained_layout=True)
    _signals(axes[0], recording, found, aligned=False)
    axes[0].set_title("as stamped")
    _signals(axes[1], recording, found, aligned=True)
    axes[1].set_title(f"commands {found.command_ms.text()} ms later, frames {found.picture_ms.text()} ms earlier")
    _residuals(axes[2], recording, found)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _signals(axis: Any, recording: Recording, found: Latencies, *, aligned: bool) -> None:
    command_s = 1e-3 * found.command_ms.value if aligned else 0.0
    picture_s = 1e-3 * found.picture_ms.value if aligned else 0.0
    middle = float(np.mean(recording.commands.value))
    seen = found.motion.signal
    axis.plot(
        recording.commands.t_s + command_s, _degrees(recording.commands.value, middle), drawstyle="steps-post",
        color="0.6", label="commanded",
    )  # fmt: skip
    axis.plot(recording.measured.t_s, _degrees(recording.measured.value, middle), lw=1, label="measured")
    axis.plot(seen.t_s - picture_s, _seen_degrees(found, middle), "o", ms=3, label="seen")
    t_last_s = float(recording.commands.t_s[-1])
    axis.set_xlim(t_last_s - SHOWN_S - 1.5, t_last_s - 1.0)
    axis.set_ylabel("degrees")
    axis.set_xlabel("s")
    axis.legend(loc="upper left", ncols=3, fontsize=8)


def _seen_degrees(found: Latencies, middle: float) -> Array:
    """Return the pictures' motion as an angle: by the curve from one to the other."""
    slope, offset = np.polyfit(
        found.picture.predicted, found.joint.at(found.motion.signal.t_s - found.picture.lag_s.value), 1
    )
    return _degrees(slope * found.motion.signal.value + offset, middle)


def _residuals(axis: Any, recording: Recording, found: Latencies) -> None:
    for name, earlier, later, lags_s, lag_ms in (
        ("measured after commanded", recording.commands, recording.measured, COMMAND_LAGS_S, found.command_ms),
        ("seen after measured", found.joint, found.motion.signal, PICTURE_LAGS_S, found.picture_ms),
    ):
        lags = np.arange(*lags_s, LAG_STEP_S)
        (line,) = axis.plot(1e3 * lags, residual_over_lags(earlier, later, lags), label=f"{name}: {lag_ms.text()} ms")
        axis.axvline(lag_ms.value, color=line.get_color(), lw=1, ls=":")
    axis.set_xlabel("lag, ms")
    axis.set_ylabel("share left unexplained")
    axis.set_ylim(0, 1)
    axis.legend(fontsize=8)


def _degrees(value: Array, middle: float) -> Array:
    return np.degrees(value - middle)
