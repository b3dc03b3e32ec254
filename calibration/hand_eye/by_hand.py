"""Poses by hand: the arm hangs limp in the operator's hands, and a picture is taken wherever they hold it still."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from rich.table import Table

from calibration.geometry.chain import Chain
from calibration.hand_eye.coverage import coverage_table, is_new, needs
from calibration.hand_eye.sighting import Sighting, sighting_of
from calibration.hand_eye.still_pictures import Eye, Shot
from calibration.session.arm_session import ArmSession
from calibration.session.clock import Clock
from interfaces.errors import DeviceError
from interfaces.messages import JointVector

STILL_RAD = np.radians(0.3)  # a limp arm held by hand trembles by a step or two of its encoders
STILL_NS = 500_000_000


@dataclass(slots=True)
class HandHeld:
    """Collects shots while the operator moves the arm: `look` is called all the time, and does it."""

    arm: ArmSession
    eye: Eye
    chain: Chain
    clock: Clock
    n_wanted: int
    shots: list[Shot] = field(default_factory=list[Shot])
    _recent: deque[tuple[int, JointVector]] = field(default_factory=deque[tuple[int, JointVector]])
    _status: str = ""

    @property
    def sightings(self) -> list[Sighting]:
        """Return what was collected."""
        return [shot.sighting for shot in self.shots if shot.sighting is not None]

    def look(self) -> Table:
        """Look at joints and picture once, take a still where there is something new, and return the table."""
        self._status = self._step()
        return coverage_table(
            needs(self.sightings, self.chain, self.eye.intrinsics, self.n_wanted), f"now: {self._status}"
        )

    def done(self) -> bool:
        """Return whether the poses are enough."""
        return all(need.met for need in needs(self.sightings, self.chain, self.eye.intrinsics, self.n_wanted))

    def _step(self) -> str:
        if not self._stands(self.arm.read().position_rad):
            return "moving"
        corners = self.eye.glance()
        if corners is None:
            return "still, but the board is not seen"
        try:
            glanced = sighting_of(corners, self._recent[-1][1], self.eye.intrinsics)
        except DeviceError as error:
            return str(error)
        if not is_new(glanced, self.sightings):
            return "taken: go on to another pose"
        shot = self.eye.shoot()
        self._recent.clear()
        if shot.sighting is None:
            return shot.refusal
        self.shots.append(shot)
        return f"pose {len(self.shots)} taken: go on to another"

    def _stands(self, position_rad: JointVector) -> bool:
        """Return whether no joint has moved for a while."""
        t_now_ns = self.clock.now_ns()
        self._recent.append((t_now_ns, position_rad))
        while t_now_ns - self._recent[0][0] > STILL_NS:
            self._recent.popleft()
        long_enough = t_now_ns - self._recent[0][0] > 0.8 * STILL_NS
        places = np.stack([place for _, place in self._recent])
        return long_enough and bool((np.ptp(places, axis=0) < STILL_RAD).all())
