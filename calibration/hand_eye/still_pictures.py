"""One pose looked at: several pictures of an arm that stands, their corners averaged, and the joints measured meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.board.board import BoardCorners, BoardFinder
from calibration.hand_eye.sighting import Sighting, sighting_of
from calibration.session.arm_session import ArmSession
from calibration.session.clock import Clock
from calibration.session.stills import take_still
from drivers.camera import Camera
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import DeviceError
from interfaces.messages import JointVector, Rgb

SWAYED_MAX_PX = 1.0  # corners that wander more between pictures: something moved
MOVED_MAX_RAD = np.radians(0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What one pose gave: a sighting, or why there is none."""

    position_rad: JointVector
    rgb: Rgb  # the first picture
    sighting: Sighting | None
    refusal: str = ""


class Eye:
    """The camera, the board it looks for, and the arm that must stand meanwhile."""

    def __init__(
        self, camera: Camera, finder: BoardFinder, intrinsics: CameraIntrinsics, arm: ArmSession, clock: Clock
    ) -> None:
        self.finder, self.intrinsics = finder, intrinsics
        self._camera, self._arm, self._clock = camera, arm, clock
        self._glanced: BoardCorners | None = None

    def glance(self) -> BoardCorners | None:
        """Return the board in the newest picture, None where it is not seen; waits for nothing."""
        frame = self._camera.read(0.0)
        if frame is not None:
            self._glanced = self.finder.find(frame.rgb)
        return self._glanced

    def shoot(self) -> Shot:
        """Return what the camera sees now; raises DeviceError when it gives no pictures."""
        before_rad = self._arm.read().position_rad
        still = take_still(self._camera, self._arm, self._clock)
        moved = float(np.abs(self._arm.read().position_rad - before_rad).max()) > MOVED_MAX_RAD
        rgb = still.frames[0].rgb
        corners, swayed_px = self._arm.while_computing(
            lambda: merged([self.finder.find(frame.rgb) for frame in still.frames])
        )
        if corners is None:
            return Shot(position_rad=still.position_rad, rgb=rgb, sighting=None, refusal="the board is not seen")
        if moved or swayed_px > SWAYED_MAX_PX:
            return Shot(position_rad=still.position_rad, rgb=rgb, sighting=None, refusal="the arm was moving")
        try:
            sighting = sighting_of(corners, still.position_rad, self.intrinsics)
        except DeviceError as error:
            return Shot(position_rad=still.position_rad, rgb=rgb, sighting=None, refusal=str(error))
        return Shot(position_rad=still.position_rad, rgb=rgb, sighting=sighting)


def merged(pictures: Sequence[BoardCorners | None]) -> tuple[BoardCorners | None, float]:
    """Return the corners that all pictures with a board share, averaged, and how much they wander (rms px).

    None where the board is not in most of the pictures, or they share too few corners.
    """
    seen = [picture for picture in pictures if picture is not None]
    if len(seen) <= len(pictures) / 2:
        return None, 0.0
    ids = seen[0].ids
    for picture in seen[1:]:
        ids = np.intersect1d(ids, picture.ids)
    if len(ids) < 6:
        return None, 0.0
    rows = [[int(np.flatnonzero(picture.ids == each)[0]) for each in ids] for picture in seen]
    pixels = np.stack([picture.pixels[row] for picture, row in zip(seen, rows, strict=True)])
    wander_px = float(np.sqrt(((pixels - pixels.mean(axis=0)) ** 2).sum(axis=2).mean()))
    points_m = seen[0].points_m[rows[0]]
    return BoardCorners(ids=ids.astype(np.int32), pixels=pixels.mean(axis=0), points_m=points_m), wander_px
