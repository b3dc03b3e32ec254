"""The board shown to the camera by hand: a view is taken by itself when the board is still and shows something new."""

from __future__ import annotations

import numpy as np
from rich.console import RenderableType

from calibration.board.board import BoardCorners, BoardFinder
from calibration.board.pose import pose_of_board
from calibration.camera.coverage import CORNERS_MIN, Coverage
from calibration.camera.screen import coverage_screen
from calibration.session.clock import Clock
from drivers.camera import Camera
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import DeviceError
from interfaces.messages import Frame, Rgb

STILL_MAX_WIDTHS_S = 0.016  # of the picture: 20 px of 1280 a second are 0.2 px of blur at 10 ms of exposure
STILL_FRAMES = 2  # in a row
READ_S = 0.05
PATIENCE_NS = 3_000_000_000


class BoardShow:
    """Looks through one camera, and keeps the views worth keeping."""

    def __init__(self, camera: Camera, finder: BoardFinder, lens: CameraIntrinsics, clock: Clock) -> None:
        """`lens` need only be about right."""
        self.coverage = Coverage(lens)
        self.sample: Rgb | None = None  # the picture of the view with the most of the board in it
        self._camera, self._finder, self._lens, self._clock = camera, finder, lens, clock
        self._t_frame_ns = clock.now_ns()
        self._before: tuple[int, BoardCorners] | None = None  # when, and what
        self._n_still = 0
        self._sample_px2 = 0.0

    def look(self) -> RenderableType:
        """Look at the next frame, take it where it is worth it, and return what to show the operator."""
        frame = self._camera.read(READ_S)
        if frame is None:
            if self._clock.now_ns() - self._t_frame_ns > PATIENCE_NS:
                raise DeviceError(f"camera {self._camera.name} gave no picture for 3 s")
            return coverage_screen(self.coverage, None, "waiting for a picture")
        self._t_frame_ns = self._clock.now_ns()
        corners = self._finder.find(frame.rgb)
        self._n_still = self._n_still + 1 if self._is_still(frame, corners) else 0
        self._before = None if corners is None else (frame.t_capture_ns, corners)
        if corners is None:
            return coverage_screen(self.coverage, None, "no board in sight")
        return coverage_screen(self.coverage, corners, self._consider(frame, corners))

    def _consider(self, frame: Frame, corners: BoardCorners) -> str:
        """Take the view where it is worth it, and say what became of it."""
        if self._n_still < STILL_FRAMES:
            return "hold it still"
        if len(corners.ids) < CORNERS_MIN:
            return f"only {len(corners.ids)} corners in sight, {CORNERS_MIN} are needed"
        view = self.coverage.view(corners, pose_of_board(corners, self._lens))
        if not self.coverage.wants(view):
            return "that was seen; show it elsewhere, or lean it another way"
        self.coverage.add(view)
        width_px, height_px = np.ptp(corners.pixels, axis=0).tolist()
        shown_px2 = width_px * height_px
        if shown_px2 > self._sample_px2:
            self.sample, self._sample_px2 = frame.rgb.copy(), shown_px2
        return "taken"

    def _is_still(self, frame: Frame, corners: BoardCorners | None) -> bool:
        if corners is None or self._before is None:
            return False
        t_before_ns, before = self._before
        _, here, there = np.intersect1d(corners.ids, before.ids, return_indices=True)
        if not len(here) or frame.t_capture_ns <= t_before_ns:
            return False
        moved_px = np.median(np.linalg.norm(corners.pixels[here] - before.pixels[there], axis=1))
        speed_px_s = float(moved_px) / ((frame.t_capture_ns - t_before_ns) * 1e-9)
        return speed_px_s < STILL_MAX_WIDTHS_S * self._lens.width_px
