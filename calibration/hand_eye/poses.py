"""Collecting the poses: by the arm itself, or by hand; torque, and whoever must support the arm, looked after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.table import Table

from calibration.board.board import BoardSpec
from calibration.hand_eye.by_hand import HandHeld
from calibration.hand_eye.by_itself import SelfMoving, Surroundings
from calibration.hand_eye.coverage import coverage_table, needs
from calibration.hand_eye.model import HandEyeModel
from calibration.hand_eye.still_pictures import Eye, Shot
from calibration.session.arm_session import ArmSession
from calibration.session.workplace import Workplace

SEEN_SHARE = 0.7  # of the board's corners, to begin with
SEEN_GLANCES = 3  # in a row
SUPPORT = "Take the arm with both hands: it is about to go limp, or is."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the operator asked for."""

    n_poses: int
    by_hand: bool
    offset_sigma_rad: float
    table_z_m: float
    clearance_m: float


def collect(
    workplace: Workplace, arm: ArmSession, eye: Eye, model: HandEyeModel, board: BoardSpec, wishes: Wishes
) -> list[Shot]:
    """Return shots of the board; at the end the arm is held where it began, or hangs in the operator's hands."""
    if wishes.by_hand:
        return _by_hand(workplace, arm, eye, model, wishes)
    _hold_where_board_is_seen(workplace, arm, eye)
    operator = workplace.operator
    operator.wait("clear-table", "Clear everything off the table that the arm or the board could touch.")
    if not operator.confirm(
        "arm-moves",
        "May the arm move by itself, slowly, from pose to pose? Keep your hands away, and Ctrl-C within reach.",
        default=True,
    ):
        return _by_hand(workplace, arm, eye, model, wishes)
    return _by_itself(workplace, arm, eye, model, _surroundings(workplace, board, wishes), wishes.n_poses)


def _by_hand(workplace: Workplace, arm: ArmSession, eye: Eye, model: HandEyeModel, wishes: Wishes) -> list[Shot]:
    workplace.operator.wait("support-arm", SUPPORT)
    arm.release()
    held = HandHeld(arm=arm, eye=eye, chain=model.chain, clock=workplace.clock, n_wanted=wishes.n_poses)
    workplace.operator.watch(
        "many-poses",
        "Move the arm from pose to pose, and hold it still in each for a second: a picture is taken when the board is seen."
        " The table says which poses are missing; ENTER when there are enough.",
        held.look,
        held.done,
    )
    return held.shots


def _by_itself(
    workplace: Workplace, arm: ArmSession, eye: Eye, model: HandEyeModel, around: Surroundings, n_poses: int
) -> list[Shot]:
    mover = SelfMoving(arm=arm, eye=eye, model=model, operator=workplace.operator, around=around, n_wanted=n_poses)
    rest_rad = workplace.robot.arm.vector("rest_rad")
    arm.may_rest = lambda: mover.may_go(rest_rad)  # also where it ends early: the board hangs lower than the hand
    mover.collect()
    mover.go_back()
    rows = arm.while_computing(lambda: needs(mover.sightings, model.chain, eye.intrinsics, n_poses))
    workplace.operator.say(coverage_table(rows, f"{len(mover.shots)} poses taken"))
    return mover.shots


def _surroundings(workplace: Workplace, board: BoardSpec, wishes: Wishes) -> Surroundings:
    config = workplace.robot.arm
    return Surroundings(
        board=board,
        travel_rad=np.stack([config.vector("position_min_rad"), config.vector("position_max_rad")], axis=1),
        table_z_m=wishes.table_z_m,
        clearance_m=wishes.clearance_m,
        offset_sigma_rad=wishes.offset_sigma_rad,
    )


def _hold_where_board_is_seen(workplace: Workplace, arm: ArmSession, eye: Eye) -> None:
    """Hold the arm; where the board is not seen from there, the operator poses it first."""
    if all(arm.torque_before):
        arm.hold()
        if eye.shoot().sighting is not None:
            return
    workplace.operator.wait("support-arm", SUPPORT)
    arm.release()
    seen: list[int] = []

    def look() -> Table:
        arm.read()
        corners = eye.glance()
        seen.append(0 if corners is None else len(corners.ids))
        table = Table(show_header=False)
        table.add_row("board", f"[green]{seen[-1]} corners[/]" if seen[-1] else "[yellow]not seen[/]")
        return table

    workplace.operator.watch(
        "pose-arm",
        "Hold the arm so that the camera sees the whole board in the middle of its picture, nearly from the front, hand and"
        " board well above the table; then ENTER, and the arm holds itself.",
        look,
        lambda: len(seen) >= SEEN_GLANCES and min(seen[-SEEN_GLANCES:]) > SEEN_SHARE * eye.finder.spec.n_corners,
    )
    arm.hold()
