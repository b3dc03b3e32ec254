"""Poses by the arm itself: small motions around a pose that sees the board, a first estimate, and from there wherever it is worth it.

Each motion is checked on the chain before it is made (calibration/hand_eye/space.py), goes at a quarter of the arm's speed, and
ends at a touch. The poses grow outward: each round goes a little beyond those from which the board has been seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from calibration.board.board import BoardSpec
from calibration.geometry.chain import Chain
from calibration.geometry.transforms import Array
from calibration.hand_eye.coverage import turn_spreads_deg
from calibration.hand_eye.design import LIMIT_MARGIN_RAD, candidates, choose, information, known_before
from calibration.hand_eye.estimate import Estimate, estimate
from calibration.hand_eye.model import HandEyeModel
from calibration.hand_eye.refine import Doubts
from calibration.hand_eye.sighting import Sighting
from calibration.hand_eye.space import Space
from calibration.hand_eye.still_pictures import Eye, Shot
from calibration.session.arm_session import ArmSession
from calibration.session.person import Operator
from calibration.session.touch import TouchError
from interfaces.errors import RefusedError
from interfaces.messages import JointVector

FIRST_RAD = np.radians(10.0)  # how far each joint goes in the first motions
N_FIRST = 7
FEWEST_FIRST = 5  # sightings for a first estimate
LOWER_MAX_M = 0.015  # as long as nothing is known, the tip goes no lower than this below where the operator put it
REACH_FIRST_RAD, REACH_GROWS = np.radians(20.0), 1.6
REACH_MAX_RAD = np.radians(120.0)
BATCH = 4  # poses between two estimates
N_ROUNDS = 20
TOUCHES_MAX = 3
SHUNNED_RAD = np.radians(8.0)  # around poses from which the board was not seen after all
SPREAD_LEAST_RAD = np.radians(0.03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the operator said of the workplace and of the arm."""

    board: BoardSpec
    travel_rad: Array  # (joint, 2)
    table_z_m: float
    clearance_m: float
    offset_sigma_rad: float


@dataclass(slots=True)
class SelfMoving:
    """Moves the arm, which is held in a pose that sees the board, and collects shots."""

    arm: ArmSession
    eye: Eye
    model: HandEyeModel
    operator: Operator
    around: Surroundings
    n_wanted: int
    shots: list[Shot] = field(default_factory=list[Shot])
    space: Space | None = None  # as last estimated
    _shunned: list[JointVector] = field(default_factory=list[JointVector])
    _touches: int = 0
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def sightings(self) -> list[Sighting]:
        """Return what was collected."""
        return [shot.sighting for shot in self.shots if shot.sighting is not None]

    def collect(self) -> None:
        """Take as many poses as wanted, or as there are; raises RefusedError where the arm finds no way to begin."""
        self._begin()
        reach_rad = REACH_FIRST_RAD
        for _ in range(N_ROUNDS):
            if len(self.shots) >= self.n_wanted:
                return
            chosen = self._next_poses(reach_rad)
            if not chosen and reach_rad >= REACH_MAX_RAD:
                return
            for pose_rad in chosen:
                self._visit(pose_rad)
            reach_rad = min(REACH_MAX_RAD, reach_rad * REACH_GROWS)

    def go_back(self) -> None:
        """Go back to where the motions began, straight where that is clear, else the way it came."""
        for shot in reversed(self.shots):
            if self.may_go(self.shots[0].position_rad):
                break
            self.arm.move(shot.position_rad)
        self.arm.move(self.shots[0].position_rad)

    def may_go(self, pose_rad: JointVector) -> bool:
        """Return whether the straight way to a pose is clear, as far as is known."""
        return self.space is not None and bool(self.space.clear_way(self._at_rad, pose_rad[None])[0])

    def _begin(self) -> None:
        """Take the first pose, and those of small motions around it."""
        first = self.eye.shoot()
        if first.sighting is None:
            raise RefusedError(f"the arm stands where no calibration can begin: {first.refusal}")
        self.shots.append(first)
        reach_rad = FIRST_RAD
        for _ in range(2):
            for pose_rad in self._first_poses(first.position_rad, reach_rad):
                self._visit(pose_rad)
            if len(self.shots) >= FEWEST_FIRST:
                return
            reach_rad /= 2.0
        raise RefusedError(
            f"the board is seen from {len(self.shots)} poses around the first only; begin where it is in the picture's"
            " middle, seen from the front, or pose the arm by hand: --by-hand"
        )

    def _first_poses(self, start_rad: JointVector, reach_rad: float) -> list[JointVector]:
        return self.arm.while_computing(
            lambda: first_motions(self.model.chain, start_rad, reach_rad, self.around, self._rng)
        )

    def _next_poses(self, reach_rad: float) -> list[JointVector]:
        """Return where to go next, short ways first; none where nothing is left that is safe, seen and new."""
        result = self._estimate()
        chosen = self.arm.while_computing(lambda: self._chosen(result, reach_rad))
        return self._in_order(chosen)

    def _estimate(self) -> Estimate:
        result = self.arm.while_computing(
            lambda: estimate(
                self.model, self.sightings, self.eye.intrinsics, offset_sigma_rad=self.around.offset_sigma_rad
            )
        )
        self.space = Space(
            model=self.model,
            guess=result.refined.guess,
            board=self.around.board,
            intrinsics=self.eye.intrinsics,
            table_z_m=self.around.table_z_m,
            clearance_m=self.around.clearance_m,
        )
        place_mm = result.refined.position_sigma_m * 1e3
        turn_deg = np.degrees(result.refined.turn_sigma_rad)
        self.operator.say(
            f"{len(self.shots)} of {self.n_wanted} poses; camera known to {place_mm:.2f} mm, {turn_deg:.3f} deg"
        )
        return result

    def _chosen(self, result: Estimate, reach_rad: float) -> list[JointVector]:
        """Return the next poses: of those that are safe and see the board, the ones that tell most."""
        assert self.space is not None
        seen_from = np.stack([sighting.position_rad for sighting in self.sightings])
        offered = candidates(self.space, seen_from, reach_rad, self.around.travel_rad, self._rng)
        for shunned in self._shunned:
            offered = offered[np.abs(offered - shunned).max(axis=1) > SHUNNED_RAD]
        if not len(offered):
            return []
        exact = self.around.offset_sigma_rad == 0
        spread_rad = 0.0 if exact else max(SPREAD_LEAST_RAD, result.refined.spread_rad)
        doubts = Doubts(pixel_px=result.pixel_px, offset_rad=self.around.offset_sigma_rad, spread_rad=spread_rad)
        known = known_before(len(self.model.chain.axes), doubts)
        known = known + information(self.space, seen_from, doubts).sum(axis=0)
        n_next = min(BATCH, self.n_wanted - len(self.shots))
        return [offered[k] for k in choose(known, information(self.space, offered, doubts), n_next)]

    def _in_order(self, poses_rad: list[JointVector]) -> list[JointVector]:
        """Return the poses in a short round."""
        left, at_rad = list(poses_rad), self._at_rad
        order: list[JointVector] = []
        while left:
            nearest = min(range(len(left)), key=lambda k: float(np.abs(left[k] - at_rad).max()))
            at_rad = left.pop(nearest)
            order.append(at_rad)
        return order

    def _visit(self, pose_rad: JointVector) -> None:
        """Go to a pose and take a shot; one that is not safe to go to, or shows no board, is shunned from then on."""
        if self.space is not None and not self.may_go(pose_rad):
            self._shunned.append(pose_rad)
            return
        try:
            self.arm.move(pose_rad)
        except TouchError as error:
            self._touched(error)
            self._shunned.append(pose_rad)
            return
        shot = self.eye.shoot()
        if shot.sighting is None:
            self._shunned.append(pose_rad)
            return
        self.shots.append(shot)
        self.operator.progress("poses", min(1.0, len(self.shots) / self.n_wanted))

    def _touched(self, error: TouchError) -> None:
        """Go back to the last good pose; raises RefusedError, holding, when that happens too often."""
        self._touches += 1
        if self._touches > TOUCHES_MAX:
            raise RefusedError(f"touched {self._touches} times; clear the table, or pose the arm by hand: --by-hand")
        self.operator.say(f"[yellow]{error}; going back[/]")
        self.arm.move(self.shots[-1].position_rad)

    @property
    def _at_rad(self) -> JointVector:
        return self.arm.read().position_rad


def first_motions(
    chain: Chain, start_rad: JointVector, reach_rad: float, around: Surroundings, rng: np.random.Generator
) -> list[JointVector]:
    """Return small motions around a pose, all joints of the chain at once, that turn the hand about as many axes as they can.

    Nothing but the chain is known yet, so the tip is kept from going lower than a little, and links above the table.
    """
    drawn = np.tile(start_rad, (400, 1))
    turning = list(chain.joint_indices)
    drawn[:, turning] += reach_rad * rng.choice((-1.0, -0.5, 0.0, 0.5, 1.0), (len(drawn), len(turning)))
    low_rad, high_rad = around.travel_rad[:, 0] + LIMIT_MARGIN_RAD, around.travel_rad[:, 1] - LIMIT_MARGIN_RAD
    inside = ((drawn >= low_rad) & (drawn <= high_rad))[:, turning].all(axis=1)
    lowest_m = float(chain.tip(start_rad)[2]) - LOWER_MAX_M
    frames = chain.link_frames(drawn)
    high = (chain.tips(drawn)[:, 2] >= lowest_m) & (
        frames[:, 2:, 2, 3].min(axis=1) > around.table_z_m + around.clearance_m
    )
    drawn = drawn[inside & high]
    chosen: list[JointVector] = []
    while len(drawn) and len(chosen) < N_FIRST:
        worths = [turn_spreads_deg([start_rad, *chosen, pose], chain) for pose in drawn]
        best = max(range(len(drawn)), key=lambda k: worths[k][0] + 3.0 * worths[k][1] + 9.0 * worths[k][2])
        chosen.append(drawn[best])
        drawn = np.delete(drawn, best, axis=0)
    return chosen
