"""`forerun calibrate camera` end to end on the simulated robot: rendered boards, a hand that shows them, a record at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.calibration.camera import D435_LIKE, TrueLens, table_of, trial

SIZE_PX = (424, 240)


@pytest.mark.slow  # tests/calibration/camera/test_program.py has the same without rendering
def test_right_makers_values_are_recorded_as_the_makers(tmp_path: Path) -> None:
    outcome = trial(TrueLens(), SIZE_PX, 1, tmp_path)
    assert outcome.source == "factory"
    assert outcome.rms_px < 0.05
    assert outcome.focal_error_ratio < 1e-6


def test_a_longer_lens_with_distortion_and_noise_is_found(tmp_path: Path) -> None:
    lens = TrueLens(focal_ratio=1.02, distortion=D435_LIKE, image_noise=4.0)
    outcome = trial(lens, SIZE_PX, 2, tmp_path)
    assert outcome.source == "estimated"
    assert outcome.focal_error_ratio < 0.002
    assert outcome.centre_error_px < 1.0
    assert table_of([(lens, [outcome])], SIZE_PX).row_count == 1
