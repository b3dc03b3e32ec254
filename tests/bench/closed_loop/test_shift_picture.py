"""The sheet has a picture for each shift, and each of them differs from the one without."""

import numpy as np

from bench.closed_loop.shift_picture import CAPTION_PX, GAP_PX, sheet_of
from sim.camera.renderer import HEIGHT_PX, WIDTH_PX
from sim.shifts.named import SHIFTS


def test_each_shift_is_on_the_sheet() -> None:
    sheet = np.asarray(sheet_of(["reach"], 3))
    pictures = [
        sheet[CAPTION_PX:, left : left + WIDTH_PX]
        for left in range(0, len(SHIFTS) * (WIDTH_PX + GAP_PX), WIDTH_PX + GAP_PX)
    ]
    assert sheet.shape[0] == CAPTION_PX + HEIGHT_PX
    for picture in pictures[1:]:
        assert np.abs(picture.astype(int) - pictures[0]).mean() > 0.2
