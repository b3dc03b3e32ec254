"""The board's corners in photographs through a lens with distortion: as true as docs/calibration/board.md says, about."""

from __future__ import annotations

import numpy as np

from bench.calibration.board import SPEC, OpenCvFinder, accuracy
from bench.workplace.photograph import Light
from calibration.board.board import BoardFinder
from interfaces.device_facts import CameraIntrinsics

LENS = CameraIntrinsics(
    width_px=640,
    height_px=360,
    focal_x_px=456.0,
    focal_y_px=455.5,
    centre_x_px=320.0,
    centre_y_px=178.5,
    distortion=(0.08, -0.2, 0.0005, -0.0003, 0.0),
)


def test_corners_are_true_to_hundredths_of_a_pixel_and_better_than_opencvs() -> None:
    ours = accuracy(BoardFinder(SPEC).find, Light(), LENS, 4)
    theirs = accuracy(OpenCvFinder(SPEC).find, Light(), LENS, 4)
    assert len(ours.errors_px) > 0.95 * ours.in_sight
    assert ours.rms_px < 0.03
    assert np.abs(ours.errors_px.mean(axis=0)).max() < 0.01
    assert theirs.rms_px > 2 * ours.rms_px


def test_noise_costs_little() -> None:
    result = accuracy(BoardFinder(SPEC).find, Light(image_noise=8.0, contrast_ratio=0.4), LENS, 3)
    assert result.rms_px < 0.09
    assert len(result.errors_px) > 0.8 * result.in_sight
