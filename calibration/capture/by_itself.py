"""The arm shows itself: slowly from pose to pose, all over its ranges where the table leaves room, looked at on the way.

Each way is checked on the chain before it is gone (room.py), at a quarter of the arm's speed; a touch ends it, and the arm goes
back where it came from. What was kept is written while the arm stands, which it is told meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from calibration.capture.balance import Array
from calibration.capture.collector import Collector
from calibration.capture.poses import choose_poses, find_way, is_clear, short_order, way_points
from calibration.capture.room import Room
from calibration.session.arm_session import ArmSession, Beat
from calibration.session.person import Operator
from calibration.session.touch import TouchError
from interfaces.arm_config import ArmConfig
from interfaces.errors import DeviceError

SAMPLES_PER_POSE = 2  # the longer the way, the better it covers: this one decides how long it takes
POSES_MIN = 8
ROUNDS_MAX = 3  # of that many poses, where one is not enough
TOUCHES_MAX = 3
NEAR_RAD = 0.1


@dataclass(slots=True)
class SelfShow:
    """One walk of the arm over its workspace."""

    session: ArmSession
    collector: Collector
    room: Room
    operator: Operator
    rng: np.random.Generator
    n_touches: int = 0
    home_rad: Array = field(default_factory=lambda: np.empty(0))  # where it began
    detours_rad: Array = field(default_factory=lambda: np.empty((0, 0)))  # that are clear

    def run(self) -> None:
        """Go from pose to pose until enough is kept, then back to where it began; the arm is held."""
        balance = self.collector.balance
        self.home_rad = self.session.hold().position_rad
        self.session.may_rest = self._may_rest  # also where it ends on the way, far from home
        n_before, n_left = balance.n_kept, balance.n_wanted - balance.n_kept
        n_poses = max(POSES_MIN, -(-n_left // SAMPLES_PER_POSE))
        for k, pose_rad in enumerate(self._poses(n_poses), start=1):
            self._go(pose_rad)
            self._write()
            if balance.is_complete:
                break
            if balance.n_kept < n_before + min(1.0, k / n_poses) * n_left:
                balance.relax()
            else:
                balance.tighten()
            least = balance.coverage().covered_ratio.min()
            said = (
                f"{balance.n_kept} of {balance.n_wanted} samples, pose {k} of {n_poses}, each joint's range {least:.0%}"
            )
            self.operator.progress(said, min(0.999, balance.n_kept / balance.n_wanted))
        self._go(self.home_rad)
        self._write()
        self.operator.progress(f"{balance.n_kept} of {balance.n_wanted} samples", 1.0)

    def _poses(self, n_poses: int) -> Iterator[Array]:
        """Return the poses to go to, round after round, each round where the ones before left most room."""
        config = self.session.config
        here_rad = self.home_rad
        for _ in range(ROUNDS_MAX):
            poses = self.session.while_computing(partial(self._round, config, here_rad, n_poses))
            yield from poses
            here_rad = poses[-1]

    def _round(self, config: ArmConfig, here_rad: Array, n_poses: int) -> Array:
        balance = self.collector.balance
        poses = choose_poses(config, self.room, self.home_rad, balance.kept, n_poses, self.rng)
        self.detours_rad = poses
        poses = short_order(here_rad, poses, config)
        balance.expect(way_points(here_rad, poses))
        return poses

    def _go(self, pose_rad: Array) -> None:
        """Go to a pose where there is a clear way; after a touch, back."""
        here_rad = self.session.read().position_rad
        way = self.session.while_computing(
            lambda: find_way(self.room, self.session.config, here_rad, pose_rad, self.home_rad, self.detours_rad)
        )
        for step_rad in way or []:
            try:
                self.session.move(step_rad, each_beat=self._see)
            except TouchError as error:
                self._back(here_rad, error)
                return
            here_rad = step_rad

    def _back(self, to_rad: Array, error: TouchError) -> None:
        self.n_touches += 1
        self.operator.say(f"[yellow]{error}[/]; it goes back where it came from.")
        if self.n_touches > TOUCHES_MAX:
            raise DeviceError(f"{self.n_touches} touches: clear the table, or check --table-z; {error}") from error
        self.session.move(to_rad)

    def _may_rest(self) -> bool:
        """Return whether the straight way to rest is clear; from home, where it hung limp, and beside rest, it is short."""
        here_rad, rest_rad = self.session.read().position_rad, self.session.config.vector("rest_rad")
        if min(np.abs(here_rad - near_rad).max() for near_rad in (self.home_rad, rest_rad)) < NEAR_RAD:
            return True
        return is_clear(self.room, here_rad, rest_rad, home_rad=rest_rad)

    def _see(self, beat: Beat) -> None:
        self.collector.see(beat.joints)

    def _write(self) -> None:
        while self.collector.write_one():
            self.session.read()  # one period: what is held stays held
