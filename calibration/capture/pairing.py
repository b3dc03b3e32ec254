"""Pictures and the joints at the instant they were taken: of several cameras one set, of one instant. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from interfaces.messages import Frame, JointState, JointVector

REMEMBERED = 400  # joint states: seconds, where pictures take tenths


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture of each camera, and the joints between the readings just before and just after them."""

    t_capture_ns: int
    frames: Mapping[str, Frame]  # by camera
    position_rad: JointVector
    velocity_rad_s: JointVector
    effort_ratio: JointVector


class JointTrack:
    """The joint states of the last seconds."""

    def __init__(self) -> None:
        self._states: deque[JointState] = deque(maxlen=REMEMBERED)

    def note(self, joints: JointState) -> None:
        """Remember a state; one that is not newer than the last is left out."""
        if not self._states or joints.t_measured_ns > self._states[-1].t_measured_ns:
            self._states.append(joints)

    def is_ahead_of(self, t_ns: int) -> bool:
        """Return whether a state later than this instant is known."""
        return bool(self._states) and self._states[-1].t_measured_ns >= t_ns

    def sample(self, t_capture_ns: int, frames: Mapping[str, Frame]) -> Sample | None:
        """Return pictures with the joints at their instant; None where that lies outside what is remembered."""
        if not self.is_ahead_of(t_capture_ns) or self._states[0].t_measured_ns > t_capture_ns:
            return None
        after = next(state for state in self._states if state.t_measured_ns >= t_capture_ns)
        before = next(state for state in reversed(self._states) if state.t_measured_ns <= t_capture_ns)
        width_ns = after.t_measured_ns - before.t_measured_ns
        share = (t_capture_ns - before.t_measured_ns) / width_ns if width_ns else 0.0
        return Sample(
            t_capture_ns=t_capture_ns,
            frames=frames,
            position_rad=_between(before.position_rad, after.position_rad, share),
            velocity_rad_s=_between(before.velocity_rad_s, after.velocity_rad_s, share),
            effort_ratio=_between(before.effort_ratio, after.effort_ratio, share),
        )


class FrameSets:
    """The newest picture of each camera, and whether they are of one instant."""

    def __init__(self, cameras: tuple[str, ...], tolerance_ns: int) -> None:
        self._cameras = cameras
        self._tolerance_ns = tolerance_ns
        self._newest: dict[str, Frame] = {}

    def note(self, frame: Frame) -> None:
        """Take the newest picture of a camera."""
        self._newest[frame.camera] = frame

    def take(self) -> tuple[int, Mapping[str, Frame]] | None:
        """Return the instant (ns, the middle) and pictures of a new set; None until each camera has one that is new, close together.

        What is returned once is not returned again.
        """
        if len(self._newest) < len(self._cameras):
            return None
        instants = [self._newest[camera].t_capture_ns for camera in self._cameras]
        if max(instants) - min(instants) > self._tolerance_ns:
            oldest = min(self._newest.values(), key=lambda frame: frame.t_capture_ns)
            del self._newest[oldest.camera]
            return None
        frames, self._newest = self._newest, {}
        return (min(instants) + max(instants)) // 2, frames


def _between(before: JointVector, after: JointVector, share: float) -> JointVector:
    return np.asarray(before + share * (after - before), np.float64)
