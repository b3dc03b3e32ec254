"""What was found, to look at: what each lens leaves of the corners, where the board was, and one picture without distortion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration.board.pose import camera_matrix, distortion_of
from calibration.camera.estimate import LensFit
from calibration.camera.judge import Judgement
from interfaces.messages import Rgb

PARTS = 16  # of the width, that residuals are averaged in
FEWEST_IN_PART = 3


def save_pictures(path: Path, judgement: Judgement, sample: Rgb | None) -> None:
    """Write the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    title = f"estimated, views held out: {judgement.estimate_fit.rms_px:.3f} px rms"
    _arrows(axes[0, 1], judgement.estimate_fit, judgement, title)
    if judgement.factory_fit is not None:
        title = f"maker's lens, all views: {judgement.factory_fit.rms_px:.3f} px rms"
        _arrows(axes[0, 0], judgement.factory_fit, judgement, title)
    else:
        axes[0, 0].set_axis_off()
        axes[0, 0].text(0.5, 0.5, "the camera does not tell\nits maker's values", ha="center")
    _difference(axes[1, 0], judgement)
    _undistorted(axes[1, 1], judgement, sample)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _arrows(axis: Any, fit: LensFit, judgement: Judgement, title: str) -> None:
    """Draw where corners were, and what is left of them on average in each part of the picture, much enlarged."""
    width_px, height_px = judgement.intrinsics.width_px, judgement.intrinsics.height_px
    axis.plot(*fit.pixels.T, ".", color="0.8", markersize=2)
    part_px = width_px / PARTS
    parts = (fit.pixels // part_px).astype(int)
    keys, which, counts = np.unique(parts, axis=0, return_inverse=True, return_counts=True)
    means_px = np.zeros((len(keys), 2))
    np.add.at(means_px, which.ravel(), fit.residuals_px)
    means_px /= counts[:, None]
    many = counts >= FEWEST_IN_PART
    keys, means_px = keys[many], means_px[many]
    lengths_px = np.linalg.norm(means_px, axis=1)
    enlarged = part_px / max(float(np.percentile(lengths_px, 95)) if len(lengths_px) else 0.0, 1e-6)
    middle_px = (keys + 0.5) * part_px
    axis.quiver(
        *middle_px.T, *(means_px.T * enlarged), lengths_px, angles="xy", scale_units="xy", scale=1.0, width=0.004
    )
    axis.set_title(f"{title} (arrows {enlarged:.0f} times)", fontsize=10)
    axis.set_xlim(0, width_px)
    axis.set_ylim(height_px, 0)
    axis.set_aspect("equal")


def _difference(axis: Any, judgement: Judgement) -> None:
    """Draw by how much the lens estimated bends the picture: pixels from where a pinhole has them."""
    lens = judgement.estimate.intrinsics
    columns = np.linspace(0, lens.width_px - 1, 64)
    rows = np.linspace(0, lens.height_px - 1, 36)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2)
    matrix = camera_matrix(lens)
    straight = np.asarray(cv2.undistortPoints(pixels, matrix, distortion_of(lens), None, None, matrix))
    bent_px = np.linalg.norm(straight - pixels, axis=2).reshape(36, 64)
    picture = axis.imshow(bent_px, extent=(0, lens.width_px, lens.height_px, 0), cmap="viridis")
    axis.figure.colorbar(picture, ax=axis, label="px")
    axis.set_title("distortion of the lens estimated")


def _undistorted(axis: Any, judgement: Judgement, sample: Rgb | None) -> None:
    axis.set_axis_off()
    if sample is None:
        return
    lens = judgement.intrinsics
    axis.imshow(cv2.undistort(sample, camera_matrix(lens), distortion_of(lens)))
    axis.set_title("one view through the lens believed, undistorted")
