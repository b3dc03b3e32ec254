"""Check a camera's lens with the ChArUco board: are its maker's values right? Where not, or where there are none, find better ones.

No arm is needed, and none is opened. You show the board by hand, or move the camera around a board that lies; views are taken
by themselves whenever the board is still and shows something new: all over the picture, near and far, leaned every way.

Steps asked of the operator: "square-size" (confirm: is the board as large as it should be?), "show-board" (watch: move the board
by hand before the camera), "show-more" (confirm: go on, since something is missing?), "accept" (confirm: write the record?).
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from calibration.board.arguments import add_board_arguments, board_of
from calibration.board.board import BoardFinder, BoardSpec
from calibration.camera.estimate import guess
from calibration.camera.judge import Judgement, judge
from calibration.camera.pictures import save_pictures
from calibration.camera.screen import checks_table, lenses_table
from calibration.camera.show_board import BoardShow
from calibration.camera.stream_size import at_other_size
from calibration.records.header import new_header
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.calibration.camera import CameraRecord
from interfaces.calibration.record import FORMAT, CameraIdentity
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts, CameraIntrinsics
from interfaces.errors import RefusedError

INSTRUCTION = (
    "Show the board to the camera: over the whole picture, into its corners, near and far, leaned to all four sides.\n"
    "Hold it flat, and still for a moment; what is worth it is taken by itself."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--camera", metavar="NAME", help="camera of the robot file; not needed where it has only one")
    parser.add_argument(
        "--size",
        metavar="1280x720",
        type=_size,
        help="measure at another size than the robot file's, and carry over; only cameras that know their own lens can",
    )
    add_board_arguments(parser)


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Show, judge, write; return 0 where the lens is known well enough, 1 where it is not."""
    used = workplace.camera_config(arguments.camera)
    shown = replace(used, width_px=arguments.size[0], height_px=arguments.size[1]) if arguments.size else used
    board = board_of(arguments, workplace.operator)
    maker = _maker_at(workplace, used) if shown != used else None
    show, facts = _show(workplace, shown, board)
    views = [view.corners for view in show.coverage.views]
    judgement = judge(views, (shown.width_px, shown.height_px), facts.intrinsics, show.coverage.checks())
    lens = judgement.intrinsics
    if shown != used:
        lens = at_other_size(lens, facts.intrinsics, maker)
    picture = workplace.pictures / f"camera-{used.name}.png"
    save_pictures(picture, judgement, show.sample)
    _tell(workplace, judgement)
    workplace.operator.say(f"to look at: {picture}")
    return _write(workplace, used, facts, judgement, lens, board)


def _maker_at(workplace: Workplace, config: CameraConfig) -> CameraIntrinsics:
    """Return the maker's values at the size in use; raises RefusedError where the camera does not tell any."""
    camera = workplace.make_camera(config)
    camera.open()
    try:
        maker = camera.facts().intrinsics
    finally:
        camera.close()
    if maker is None:
        raise RefusedError(f"camera {config.name} does not tell how its sizes relate: leave out --size")
    return maker


def _show(workplace: Workplace, config: CameraConfig, board: BoardSpec) -> tuple[BoardShow, CameraFacts]:
    """Return what was shown, and what the camera says of the stream it was shown to."""
    camera, operator = workplace.make_camera(config), workplace.operator
    camera.open()
    try:
        facts = camera.facts()
        lens = facts.intrinsics or guess(config.width_px, config.height_px)
        show = BoardShow(camera, BoardFinder(board), lens, workplace.clock)
        while True:
            operator.watch("show-board", INSTRUCTION, show.look, lambda: show.coverage.complete)
            missing = [need.name for need in show.coverage.needs() if not need.met]
            if show.coverage.complete or not operator.confirm(
                "show-more", f"Missing: {', '.join(missing)}. Go on showing?", default=True
            ):
                return show, facts
    finally:
        camera.close()


def _tell(workplace: Workplace, judgement: Judgement) -> None:
    operator = workplace.operator
    operator.say(lenses_table(judgement, "maker's"))
    if judgement.against_factory and judgement.source == "estimated":
        operator.say(checks_table("the maker's values do not fit the board", judgement.against_factory))
    title = "the maker's values are right" if judgement.source == "factory" else "the lens was estimated"
    operator.say(checks_table(title, judgement.checks))


def _write(
    workplace: Workplace,
    config: CameraConfig,
    facts: CameraFacts,
    judgement: Judgement,
    lens: CameraIntrinsics,
    board: BoardSpec,
) -> int:
    operator = workplace.operator
    if not judgement.passed:
        bad = ", ".join(
            f"{check.name} {check.value:.3f} (at most {check.limit:.3f}) {check.unit}"
            for check in judgement.checks
            if not check.passed
        )
        operator.say(f"Not good enough, and not written: {bad}.")
        return 1
    if not operator.confirm("accept", "Write the record?", default=True):
        operator.say("Not written.")
        return 1
    squares = f"{board.squares_x}x{board.squares_y} squares of {board.square_m * 1e3:g} mm"
    record = CameraRecord(
        kind="camera",
        format=FORMAT,
        header=new_header(
            workplace, judgement.checks, subject=config.name, note=f"{judgement.n_views} views of {squares}"
        ),
        camera=CameraIdentity(model=facts.model, serial=facts.serial),
        source=judgement.source,
        intrinsics=lens,
    )
    operator.say(f"written: {RecordStore(workplace.records).save(record)}")
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected width and height: 1280x720")
    return int(width), int(height)
