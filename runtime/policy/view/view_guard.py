"""Stands between a camera and the policy: frames go on once the camera is known to stand where it should, or are corrected.

    LOOKING --in place--> IN PLACE      frames go on as they are
       |----moved, and it may be corrected--> CORRECTED   frames go on warped
       `----moved too far, or cannot tell--> REFUSED      no frame goes on; looks again every second, for who pushes it back

A camera that was opened anew is looked at anew, and so is one that seems to have been bumped since (view_watch.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from interfaces.calibration_config import CalibrationConfig
from interfaces.messages import Frame
from runtime.policy.view.landmarks import Landmarks
from runtime.policy.view.moved_view import ViewMotion, how_moved, one_picture
from runtime.policy.view.pinhole import Pinhole
from runtime.policy.view.verdict import Verdict, judge
from runtime.policy.view.view_correction import ViewCorrection
from runtime.policy.view.view_watch import Beside, ViewWatch, in_a_thread

_log = logging.getLogger(__name__)

N_FRAMES = 8
LOOK_AGAIN_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownView:
    """What is known of one camera's view, from its record."""

    landmarks: Landmarks
    pinhole: Pinhole
    aligned: bool  # its depth is pixel on pixel with its colour
    command: str  # that records it anew


class ViewGuard:
    """Of one camera; for its thread only."""

    def __init__(self, known: KnownView, config: CalibrationConfig, beside: Beside = in_a_thread) -> None:
        """Take what the camera should see, and how far it may have moved; `beside` does the looks while frames go on."""
        self._known, self._config, self._beside = known, config, beside
        self.begin()

    def begin(self) -> None:
        """Trust nothing: the camera was opened."""
        self._frames: list[Frame] = []
        self._pass: Callable[[Frame], Frame] | None = None
        self._watch: ViewWatch | None = None
        self._t_look_ns = 0
        self.fault: str | None = None  # why frames do not go on, once that is known
        self.motion: ViewMotion | None = None  # as measured last

    def take(self, frame: Frame) -> Frame | None:
        """Return the frame as the policy may see it, or None while it may not."""
        if self._watch is not None and self._watch.seems_moved(frame):
            _log.warning("the camera seems to have been moved: it is judged anew")
            self.begin()
        if self._pass is not None:
            return self._pass(frame)
        if frame.t_arrival_ns < self._t_look_ns:
            return None
        self._frames.append(frame)
        if len(self._frames) < N_FRAMES:
            return None
        self._look()
        return self._pass(frame) if self._pass is not None else None

    def _look(self) -> None:
        known, t_last_ns = self._known, self._frames[-1].t_arrival_ns
        picture = one_picture(self._frames, known.pinhole, aligned=known.aligned)
        self._frames = []
        self.motion = how_moved(picture, known.landmarks, known.pinhole)
        name, fault = judge(self.motion, self._config, known.command)
        self.fault = fault
        if name is Verdict.IN_PLACE:
            self._pass = _unchanged
            _log.info("the camera stands where it should: moved %s", self.motion.words)
        elif name is Verdict.CORRECTED:
            correction = ViewCorrection(self.motion.now_from_then, known.landmarks.plane, known.pinhole)
            self._pass = correction.corrected
            _log.warning("the camera was moved by %s; its pictures are corrected", self.motion.words)
        else:
            self._t_look_ns = t_last_ns + LOOK_AGAIN_NS
        if self._pass is not None:
            self._watch = ViewWatch(self._glance, self.motion, self._config, self._beside)

    def _glance(self, frame: Frame) -> ViewMotion:
        """Return what one frame tells; beside the camera's thread, so nothing of this object is changed."""
        picture = one_picture([frame], self._known.pinhole, aligned=self._known.aligned)
        return how_moved(picture, self._known.landmarks, self._known.pinhole)


def _unchanged(frame: Frame) -> Frame:
    return frame
