"""Draw how a homing offset moves an encoder's seam out of a joint's travel, for docs/calibration/joints.md.

python -m bench.calibration.seam_picture docs/pictures/calibration-joints-seam.png
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

INK, TRAVEL, SEAM, REST = "#222222", "#2a7f9e", "#c8442f", "#dddddd"
STOPS_DEG = (-30.0, 180.0)
MOUNTED_DEG, OPPOSITE_DEG = 55.0, 255.0  # where the seam is, before and after
TURN = 4096


def draw(path: Path) -> None:
    """Write the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(9.6, 3.6), gridspec_kw={"width_ratios": [1, 1, 1.25]})
    _dial(axes[0], MOUNTED_DEG, "as mounted:\nthe seam inside the travel")
    _dial(axes[1], OPPOSITE_DEG, "offset chosen after the sweep:\nas much room on both sides")
    _curves(axes[2])
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _dial(axes: Any, seam_deg: float, title: str) -> None:
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-1.5, 1.5)
    for start_deg, end_deg, colour in ((0.0, 360.0, REST), (*STOPS_DEG, TRAVEL)):
        arc = np.radians(np.linspace(start_deg, end_deg, 300))
        axes.plot(np.cos(arc), np.sin(arc), color=colour, lw=12, solid_capstyle="butt")
    for angle_deg, inner, outer, colour in (
        *((stop, 0.86, 1.14, INK) for stop in STOPS_DEG),
        (seam_deg, 0.8, 1.2, SEAM),
    ):
        angle = np.radians(angle_deg)
        axes.plot(*np.array([[inner, outer]]).repeat(2, 0) * [[np.cos(angle)], [np.sin(angle)]], color=colour, lw=2.5)
    for off_deg, label in ((15.0, "0"), (-15.0, str(TURN - 1))):
        angle = np.radians(seam_deg + off_deg)
        axes.text(1.36 * np.cos(angle), 1.36 * np.sin(angle), label, color=SEAM, ha="center", va="center", fontsize=8)
    axes.text(0, 0, "travel,\nstop to stop", ha="center", va="center", color=TRAVEL, fontsize=9)
    axes.set_title(title, fontsize=10, color=INK)


def _curves(axes: Any) -> None:
    angle_deg = np.linspace(*STOPS_DEG, 800)
    for seam_deg, colour, label, x_deg, y in (
        (MOUNTED_DEG, SEAM, "as mounted", 62.0, 3500),
        (OPPOSITE_DEG, TRAVEL, "with the offset", 95.0, 1750),
    ):
        ticks = (angle_deg - seam_deg) % 360 / 360 * TURN
        ticks[1:][np.abs(np.diff(ticks)) > TURN / 2] = np.nan
        axes.plot(angle_deg, ticks, color=colour, lw=2)
        axes.text(x_deg, y, label, color=colour, fontsize=9)
    axes.set_xlim(*STOPS_DEG)
    axes.set_ylim(0, TURN - 1)
    axes.set_yticks([0, TURN // 2, TURN - 1])
    axes.set_xticks([STOPS_DEG[0], sum(STOPS_DEG) / 2, STOPS_DEG[1]], ["stop", "middle", "stop"])
    axes.tick_params(labelsize=8)
    axes.set_title("the position that the servo tells", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw it into the file named."""
    (path,) = sys.argv[1:] if argv is None else argv
    draw(Path(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
