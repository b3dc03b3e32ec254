"""Record what the camera sees where it stands, so that a bumped camera is found before the policy acts on what it sees.

Clear the table, and leave in view what stays there: a mat's corners, a printed poster, tape. The arm moves to its rest pose and a
little to both sides, so that what moves with it is not taken for a landmark. Then the check is tried on the picture itself:
shifted and turned by the robot file's limits it must be noticed, unmoved it must not.

--check says how far the camera moved since (exit status 1 when it did), --watch shows it live while you push it back.

Steps: clear-table (wait), arm-moves (confirm), support-arm and move-arm (wait; where the arm may not move by itself),
accept (confirm); push-camera (watch)."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.table import Table as RichTable

from calibration.board.arguments import add_board_arguments, board_of
from calibration.records.header import new_header
from calibration.records.lens import lens_of
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from calibration.view.drawing import draw_landmarks, save_picture
from calibration.view.looking import Looker
from calibration.view.reference import Reference, make_reference, merge
from calibration.view.self_test import SelfTest, noise_of, self_test
from calibration.view.table import Table, find_table
from calibration.view.taking import Taken, take_pictures
from drivers.camera import Camera
from interfaces.calibration.camera import HandEyeRecord, ViewRecord
from interfaces.calibration.record import FORMAT, CameraIdentity
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts
from interfaces.errors import RefusedError
from runtime.policy.view.known_views import depth_is_aligned
from runtime.policy.view.landmarks import to_bytes
from runtime.policy.view.moved_view import one_picture
from runtime.policy.view.pinhole import Pinhole


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a record is made of."""

    facts: CameraFacts
    pinhole: Pinhole
    table: Table
    taken: Taken
    reference: Reference
    test: SelfTest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--camera", help="which camera; may be left out where there is one")
    parser.add_argument(
        "--check", action="store_true", help="only say how far the camera moved since its view was recorded"
    )
    parser.add_argument("--watch", action="store_true", help="show it live, until the camera is pushed back")
    add_board_arguments(parser)


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Record the view, or compare with it; return the exit status."""
    config = workplace.camera_config(arguments.camera)
    _refuse_on_hand(workplace, config)
    with opened(workplace, config) as camera:
        if arguments.watch:
            return Looker(workplace, config, camera).watch()
        if arguments.check:
            return Looker(workplace, config, camera).check()
        found = _record(workplace, config, camera, arguments)
    return _judge(workplace, config, found)


@contextmanager
def opened(workplace: Workplace, config: CameraConfig) -> Generator[Camera]:
    """Open a camera for the length of a context."""
    camera = workplace.make_camera(config)
    camera.open()
    try:
        yield camera
    finally:
        camera.close()


def _refuse_on_hand(workplace: Workplace, config: CameraConfig) -> None:
    record = RecordStore(workplace.records).current("hand_eye", config.name)
    if isinstance(record, HandEyeRecord) and record.mounting == "eye_in_hand":
        raise RefusedError(
            f"camera {config.name} rides on the hand: it has no view of its own to keep; forerun calibrate hand-eye checks it"
        )


def _record(workplace: Workplace, config: CameraConfig, camera: Camera, arguments: argparse.Namespace) -> Found:
    operator, facts = workplace.operator, camera.facts()
    pinhole = Pinhole(lens_of(workplace, config, facts)[0])
    operator.wait(
        "clear-table",
        "Put the camera where it belongs, fix it, and clear the table of all that will not stay. Light as usual.",
    )
    taken = take_pictures(workplace, camera)
    aligned = depth_is_aligned(config)
    pictures = [one_picture(still.frames, pinhole, aligned=aligned) for still in taken.stills]
    merged = merge(pictures)
    table = find_table(
        workplace, config.name, merged, taken.stills[0].frames[0].rgb, pinhole, lambda: board_of(arguments, operator)
    )
    reference = make_reference(pictures, table.plane, pinhole, by_depth=table.told_by == "depth")
    operator.say("tries the check on the picture, moved a little ...")
    test = self_test(reference, pinhole, workplace.calibration, noise_of(taken.stills[0].frames))
    return Found(facts=facts, pinhole=pinhole, table=table, taken=taken, reference=reference, test=test)


def _judge(workplace: Workplace, config: CameraConfig, found: Found) -> int:
    """Show what was found, and write the record where it is good and wanted."""
    operator, reference = workplace.operator, found.reference
    drawn = save_picture(draw_landmarks(reference), workplace.pictures / f"view-{config.name}.png")
    plane = found.table.plane
    operator.say(
        f"{len(reference.landmarks.point_px)} points and {len(reference.landmarks.edge_px)} on edges, drawn in {drawn};"
        f" the table is {plane.distance_m * 1e3:.0f} mm below the camera, by its {found.table.told_by}"
    )
    checks = found.test.checks(workplace.calibration)
    header = new_header(
        workplace,
        checks,
        subject=config.name,
        joints=found.taken.joints,
        note=f"table by {found.table.told_by}; {found.test.trials} trials of each kind",
    )
    shown = RichTable("check", "value", "limit", "")
    for check in checks:
        shown.add_row(
            check.name, f"{check.value:.2f} {check.unit}", f"{check.limit:g}", "ok" if check.passed else "FAILED"
        )
    operator.say(shown)
    if not header.passed:
        operator.say(
            "Not written: too little in this view stays where it is. Lay something with texture beside the work (a poster, a"
            " printed board, tape in corners), spread over the picture, fix it there, and try again."
        )
        return 1
    if not operator.confirm("accept", "Write this record?", default=True):
        operator.say("Not written, as you wish.")
        return 1
    nx, ny, nz = plane.normal.tolist()
    record = ViewRecord(
        kind="view",
        format=FORMAT,
        header=header,
        camera=CameraIdentity(model=found.facts.model, serial=found.facts.serial),
        intrinsics=found.pinhole.intrinsics,
        landmarks_file="landmarks.npz",
        landmarks_sha256="",
        table_normal=(nx, ny, nz),
        table_distance_m=plane.distance_m,
    )
    path = RecordStore(workplace.records).save(record, {"landmarks.npz": to_bytes(reference.landmarks)})
    operator.say(f"written: {path}")
    return 0
