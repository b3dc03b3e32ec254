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

ARROW_SHARE = 0.06  # of the width: how long the arrow of a large residual is drawn


def save_pictures(path: Path, judgement: Judgement, sample: Rgb | None) -> None:
    """Write the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    title = f"estimated lens, views held out: {judgement.estimate_fit.rms_px:.3f} px rms"
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
    """Draw what is left at every corner, much enlarged."""
    lengths_px = np.linalg.norm(fit.residuals_px, axis=1)
    long_px = max(float(np.percentile(lengths_px, 98)), 1e-6)
    enlarged = ARROW_SHARE * judgement.intrinsics.width_px / long_px
    axis.quiver(
        *fit.pixels.T,
        *(fit.residuals_px.T * enlarged),
        lengths_px,
        angles="xy",
        scale_units="xy",
        scale=1.0,
        width=0.002,
    )
    axis.set_title(f"{title}; arrows {enlarged:.0f} times")
    axis.set_xlim(0, judgement.intrinsics.width_px)
    axis.set_ylim(judgement.intrinsics.height_px, 0)
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
