"""Looks again and again, while the policy acts, whether the camera still stands where it was judged to: a bump in mid-shift.

One picture every ten seconds is judged beside the frames, in a thread of its own: no frame waits for it. It only raises a
suspicion. Two such looks in a row, and the guard stops the frames and judges anew, from several, as after opening. So a false
suspicion costs half a second of holding, and a bumped camera is followed for some eleven seconds at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np

from interfaces.calibration_config import CalibrationConfig
from interfaces.messages import Frame
from runtime.policy.view.moved_view import ViewMotion, nothing_known
from runtime.policy.view.pinhole import rotation_angle_deg
from runtime.policy.view.verdict import known_well

LOOK_NS = 10_000_000_000
AGAIN_NS = 1_000_000_000  # after a look that raised a suspicion
SUSPICIONS_MAX = 2  # in a row

Beside = Callable[[Callable[[], None]], None]


def in_a_thread(work: Callable[[], None]) -> None:
    """Do work beside whoever calls."""
    threading.Thread(target=work, name="view watch", daemon=True).start()


class ViewWatch:
    """Of one camera, from the moment it was judged; for the camera's thread only."""

    def __init__(
        self,
        look: Callable[[Frame], ViewMotion],
        judged: ViewMotion,
        config: CalibrationConfig,
        beside: Beside = in_a_thread,
    ) -> None:
        """`look` tells how far the camera has moved since its record, `judged` is what it told when the frames were let through."""
        self._look, self._judged, self._config, self._beside = look, judged, config, beside
        self._told: list[ViewMotion] = []  # by the look underway, when it is done
        self._looking = False
        self._suspicions = 0
        self._t_look_ns: int | None = None

    def seems_moved(self, frame: Frame) -> bool:
        """Take a frame on its way to the policy; return whether the camera should be judged anew."""
        if self._told:
            self._looking = False
            suspicious = bumped(self._told.pop(), self._judged, self._config)
            self._suspicions = self._suspicions + 1 if suspicious else 0
            self._t_look_ns = frame.t_arrival_ns + (AGAIN_NS if suspicious else LOOK_NS)
        if self._t_look_ns is None:
            self._t_look_ns = frame.t_arrival_ns + LOOK_NS
        if not self._looking and frame.t_arrival_ns >= self._t_look_ns:
            self._looking = True
            self._beside(lambda: self._told.append(self._looked(frame)))
        return self._suspicions >= SUSPICIONS_MAX

    def _looked(self, frame: Frame) -> ViewMotion:
        """Look; a look that fails tells nothing, and is not the last one."""
        try:
            return self._look(frame)
        except (cv2.error, ArithmeticError, ValueError) as error:  # numpy's LinAlgError is a ValueError
            return nothing_known(str(error))


def bumped(now: ViewMotion, judged: ViewMotion, config: CalibrationConfig) -> bool:
    """Return whether the camera moved between two looks, farther than the robot file lets it; one that tells nothing says nothing."""
    if now.cannot_tell or not known_well(now, config):
        return False
    now_from_judged = now.now_from_then @ np.linalg.inv(judged.now_from_then)
    moved_mm = 1e3 * float(np.linalg.norm(now_from_judged[:3, :3].T @ now_from_judged[:3, 3]))
    return (
        moved_mm > config.view_moved_max_mm or rotation_angle_deg(now_from_judged[:3, :3]) > config.view_moved_max_deg
    )
