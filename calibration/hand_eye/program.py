"""Find where a camera stands: beside the arm (eye-to-hand, board in the gripper), or on its hand (eye-in-hand, board on the table).

The arm goes to some two dozen poses by itself, or is moved there by hand (--by-hand), and the board is photographed in each. On
an arm of servos the joints' own zeros are estimated along with the camera (--joint-sigma-deg; 0 for joints that are exact).

Steps asked: "place-board", "support-arm", "pose-arm" (until the board is seen), "clear-table", "arm-moves", "many-poses" (by
hand, from pose to pose), "let-go", "refine-homes", "accept"."""

from __future__ import annotations

import argparse

import numpy as np

from calibration.board.arguments import add_board_arguments, board_of
from calibration.board.board import BoardFinder
from calibration.geometry.chain import chain_of
from calibration.hand_eye.conclude import Session, conclude
from calibration.hand_eye.model import HandEyeModel
from calibration.hand_eye.poses import Wishes, collect
from calibration.hand_eye.sighting import Mounting
from calibration.hand_eye.still_pictures import Eye
from calibration.records.lens import lens_of
from calibration.session.workplace import Workplace
from interfaces.calibration.record import ArmIdentity, CameraIdentity
from interfaces.errors import RefusedError

MOUNTINGS: dict[str, Mounting] = {"eye-to-hand": "eye_to_hand", "eye-in-hand": "eye_in_hand"}
PLACE_BOARD: dict[Mounting, str] = {
    "eye_to_hand": "Fix the board in the gripper, its face away from the hand, so that it can neither slip nor bend: on a plate that"
    " the fingers grip, not held by its paper.",
    "eye_in_hand": "Lay the board flat on the table before the arm, and tape it down: it must not move until the end.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--camera", help="its name in the robot file; not needed where there is one")
    parser.add_argument(
        "--mounting", choices=list(MOUNTINGS), default="eye-to-hand", help="beside the arm (default), or on its hand"
    )
    parser.add_argument("--by-hand", action="store_true", help="move the limp arm by hand; it never moves by itself")
    parser.add_argument("--poses", type=int, default=24, help="how many to take (default 24)")
    parser.add_argument(
        "--joint-sigma-deg",
        type=float,
        default=0.3,
        help="how far the joints' zeros may be off, one sigma; 0 where joints are exact, as of an industrial arm (default 0.3)",
    )
    parser.add_argument(
        "--table-z", type=float, default=0.0, metavar="M", help="height of the table over the arm's base (default 0)"
    )
    parser.add_argument(
        "--clearance", type=float, default=0.03, metavar="M", help="how far all stays above the table (default 0.03)"
    )
    add_board_arguments(parser)


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Calibrate, and write the record where it is good and accepted."""
    wishes = _wishes(arguments)
    config = workplace.camera_config(arguments.camera)
    mounting = MOUNTINGS[arguments.mounting]
    model = HandEyeModel(chain_of(workplace.robot), mounting)
    board = board_of(arguments, workplace.operator)
    workplace.operator.wait("place-board", PLACE_BOARD[mounting])
    camera = workplace.make_camera(config)
    camera.open()
    try:
        facts = camera.facts()
        lens, source = lens_of(workplace, config, facts)
        workplace.operator.say(f"camera {config.name}: lens as of {source}, focal length {lens.focal_x_px:.1f} px")
        with workplace.arm_session() as arm:
            eye = Eye(camera, BoardFinder(board), lens, arm, workplace.clock)
            shots = collect(workplace, arm, eye, model, board, wishes)
            session = Session(
                workplace=workplace,
                model=model,
                board=board,
                lens=lens,
                camera_name=config.name,
                camera=CameraIdentity(model=facts.model, serial=facts.serial),
                arm=ArmIdentity(driver=workplace.robot.arm.driver, motors=arm.identity),
                offset_sigma_rad=wishes.offset_sigma_rad,
                shots=shots,
                joints=arm.read(),
            )
    finally:
        camera.close()
    return conclude(session)


def _wishes(arguments: argparse.Namespace) -> Wishes:
    """Return the options; raises RefusedError for those that make no sense."""
    if not 6 <= arguments.poses <= 200:
        raise RefusedError(f"--poses {arguments.poses}; expected 6 to 200, and fewer than 10 do not pass")
    if not 0.0 <= arguments.joint_sigma_deg <= 5.0:
        raise RefusedError(f"--joint-sigma-deg {arguments.joint_sigma_deg:g}; expected 0 to 5")
    return Wishes(
        n_poses=arguments.poses,
        by_hand=arguments.by_hand,
        offset_sigma_rad=float(np.radians(arguments.joint_sigma_deg)),
        table_z_m=arguments.table_z,
        clearance_m=arguments.clearance,
    )
