"""A picture of a capture for people: where in its range each joint was, where the hand was, and some of what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calibration.capture.balance import Balance
from calibration.geometry.chain import Chain
from interfaces.capture_file import Capture

N_THUMBNAILS = 8
SIZE_IN = (11.0, 5.6)
DPI = 90


def draw_coverage(path: Path, capture: Capture, balance: Balance, chain: Chain | None) -> Path:
    """Write the picture as PNG, and return its path."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure: Any = pyplot.figure(figsize=SIZE_IN, layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(3.6, 1.0))
    left, right = upper.subfigures(1, 2, width_ratios=(1.0, 1.4))
    _draw_joints(left, capture, balance)
    _draw_hand(right, capture, chain)
    _draw_thumbnails(lower, capture)
    figure.suptitle(f"{capture.facts.robot}: {len(capture)} samples")
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)
    return path


def _draw_joints(figure: Any, capture: Capture, balance: Balance) -> None:
    coverage = balance.coverage()
    names = capture.facts.joints
    axes: Any = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axis, name, counts in zip(axes, names, coverage.n_in_bins, strict=True):
        axis.bar((np.arange(len(counts)) + 0.5) / len(counts), counts, 0.9 / len(counts), color="#3b6ea5")
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        axis.set_yticks([])
    axes[-1].set_xlabel("share of the joint's range")


def _draw_hand(figure: Any, capture: Capture, chain: Chain | None) -> None:
    if chain is None or not len(capture):
        axis: Any = figure.subplots()
        axis.text(0.5, 0.5, "no [chain] in the robot file:\nwhere the hand was is not known", ha="center")
        axis.set_axis_off()
        return
    tips_mm = 1e3 * chain.tips(capture.position_rad)
    axes: Any = figure.subplots(1, 2)
    for axis, (i, j), title in zip(axes, ((0, 1), (0, 2)), ("from above", "from the side"), strict=True):
        axis.scatter(tips_mm[:, i], tips_mm[:, j], s=7, c=np.arange(len(tips_mm)), cmap="viridis")
        axis.set_aspect("equal", "datalim")
        axis.set_title(f"fingertips {title}, mm", fontsize=9)
        axis.grid(alpha=0.3)


def _draw_thumbnails(figure: Any, capture: Capture) -> None:
    axes: Any = figure.subplots(1, N_THUMBNAILS)
    shown: list[int] = np.linspace(0, len(capture) - 1, N_THUMBNAILS).astype(int).tolist() if len(capture) else []
    for axis in axes:
        axis.set_axis_off()
    for axis, index in zip(axes, shown, strict=False):
        camera = capture.facts.cameras[index % len(capture.facts.cameras)].name
        axis.imshow(capture.rgb(index, camera))
        axis.set_title(str(int(capture.number[index])), fontsize=8)
