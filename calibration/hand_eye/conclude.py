"""From the shots to the record: estimated, judged, shown to the operator, and written where it is good and accepted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.board.board import BoardSpec
from calibration.geometry.transforms import to_pose
from calibration.hand_eye import refine_homes
from calibration.hand_eye.closed_form import first_guess, typical_error_px
from calibration.hand_eye.estimate import Estimate, estimate
from calibration.hand_eye.held_out import hold_out
from calibration.hand_eye.judge import checks, checks_table, gauge, offsets_table
from calibration.hand_eye.model import HandEyeModel
from calibration.hand_eye.overlay import save_overlay
from calibration.hand_eye.sighting import Mounting, Sighting, corner_set
from calibration.hand_eye.still_pictures import Shot
from calibration.records.header import new_header
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.calibration.camera import HandEyeRecord
from interfaces.calibration.homes import homes
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.record import FORMAT, ArmIdentity, CameraIdentity, Check
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import RefusedError
from interfaces.messages import JointState

SAME_HOME = 0.51  # counts: where the robot file rounds them, the record does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Everything that was collected, of whom, and where it goes."""

    workplace: Workplace
    model: HandEyeModel
    board: BoardSpec
    lens: CameraIntrinsics
    camera_name: str
    camera: CameraIdentity
    arm: ArmIdentity
    offset_sigma_rad: float
    shots: list[Shot]
    joints: JointState

    @property
    def sightings(self) -> list[Sighting]:
        """Return the board in each shot."""
        return [shot.sighting for shot in self.shots if shot.sighting is not None]


def conclude(session: Session) -> int:
    """Return the exit status: 0 for a record written, 1 for one that is not good enough or not wanted."""
    operator = session.workplace.operator
    try:
        result = estimate(session.model, session.sightings, session.lens, offset_sigma_rad=session.offset_sigma_rad)
    except RefusedError as error:
        hint = _mounted_otherwise(session) if session.sightings else ""
        operator.say(f"[red]not calibrated: {error}{hint}[/]")
        return 1
    found = _judged(session, result)
    picture = session.workplace.pictures / f"hand-eye-{session.camera_name}.png"
    kept = [session.shots[k] for k in result.kept]
    save_overlay(picture, kept, session.model, result.refined.guess, session.board, session.lens)
    operator.say(f"Look at it: {picture}\nThe lines must lie on the links, the cross between the fingertips.")
    failed = [check for check in found if not check.passed]
    if failed:
        operator.say(_failure(session, result, failed))
        return 1
    if not operator.confirm("accept", "Write the record?", default=True):
        operator.say("not written; the record of before is untouched")
        return 1
    refined = _offer_homes(session, result)
    _write(session, result, found, zeros_moved=refined)
    return 0


def _judged(session: Session, result: Estimate) -> list[Check]:
    """Show the result, and return its checks."""
    operator = session.workplace.operator
    held_out = hold_out(
        session.model, session.sightings, session.lens, result, offset_sigma_rad=session.offset_sigma_rad
    )
    place_mm = result.refined.guess.parent_from_camera[:3, 3] * 1e3
    parent = "base" if session.model.mounting == "eye_to_hand" else "hand"
    operator.say(
        f"Camera in the {parent}'s frame: x {place_mm[0]:.2f}  y {place_mm[1]:.2f}  z {place_mm[2]:.2f} mm,"
        f" each known to {result.refined.position_sigma_m * 1e3 / np.sqrt(3):.2f} mm (1 sigma)"
    )
    if session.offset_sigma_rad > 0:
        chain = session.model.chain
        operator.say(offsets_table(result, session.workplace.robot.arm.joint_names, chain.joint_indices))
        operator.say(gauge(result))
        operator.say(f"From pose to pose, joints scatter by {np.degrees(result.refined.spread_rad):.3f} deg.")
    if result.rejected:
        operator.say(
            f"[yellow]{len(result.rejected)} of {len(session.shots)} poses do not belong, and were left out[/]"
        )
    foretold = held_out.summary
    operator.say(
        f"Held-out poses: the board is {foretold[1]:.2f} mm and {foretold[2]:.3f} deg from where it was foretold,"
        f" its corners {foretold[0]:.2f} px (rms)"
    )
    found = checks(result, held_out, session.offset_sigma_rad)
    operator.say(checks_table(found))
    return found


def _failure(session: Session, result: Estimate, failed: list[Check]) -> str:
    """Return what failed, and what may help."""
    lines = [f"{check.name}: {check.value:.3g} {check.unit}, limit {check.limit:.3g}" for check in failed]
    advice = ["[red]not good enough, nothing was written[/]", *lines]
    if result.refined.chi2_ratio > 4.0 and session.offset_sigma_rad == 0:
        advice.append("The joints are not exact: try --joint-sigma-deg 0.3.")
    return "\n".join(advice)


def _mounted_otherwise(session: Session) -> str:
    """Return what to say where the pictures fit a camera that is mounted the other way; empty where they do not."""
    mounting: Mounting = "eye_in_hand" if session.model.mounting == "eye_to_hand" else "eye_to_hand"
    other = HandEyeModel(session.model.chain, mounting)
    corners = corner_set(session.sightings, session.lens)
    try:
        error_px = typical_error_px(other, first_guess(other, session.sightings, corners), corners)
    except RefusedError:
        return ""
    option = f"--mounting {mounting.replace('_', '-')}"
    return f"; the pictures fit a camera mounted the other way, to {error_px:.1f} px: {option}"


def _offer_homes(session: Session, result: Estimate) -> bool:
    """Write refined homes where the operator wants them; return whether they were written."""
    workplace = session.workplace
    before = RecordStore(workplace.records).current("joints")
    if not isinstance(before, JointsRecord) or not before.header.passed:
        return False
    in_use = np.abs(np.array([joint.home for joint in before.joints]) - homes(workplace.robot.arm)) < SAME_HOME
    if not (in_use.all() and refine_homes.significant(result.refined).any()):
        return False
    question = (
        "Some joints' zeros are off by more than chance. Put the better ones into the joints' record? Policies trained"
        " on the old ones will see the arm elsewhere."
    )
    if not workplace.operator.confirm("refine-homes", question, default=False):
        return False
    record = refine_homes.refined_record(workplace, before, session.model.chain, result.refined)
    if not record.header.passed:
        workplace.operator.say("[yellow]the joints' zeros are not known well enough for that: left as they were[/]")
        return False
    RecordStore(workplace.records).save(record)
    return True


def _write(session: Session, result: Estimate, found: list[Check], *, zeros_moved: bool) -> None:
    workplace = session.workplace
    offsets = np.zeros(len(workplace.robot.arm.joints))
    if not zeros_moved:
        offsets[list(session.model.chain.joint_indices)] = result.refined.guess.offset_rad
    header = new_header(workplace, found, subject=session.camera_name, joints=session.joints)
    record = HandEyeRecord(
        kind="hand_eye",
        format=FORMAT,
        header=replace(header, note=_note(session, result)),
        arm=session.arm,
        camera=session.camera,
        mounting=session.model.mounting,
        parent_from_camera=to_pose(result.refined.guess.parent_from_camera),
        other_from_board=to_pose(result.refined.guess.other_from_board),
        joint_offset_rad=tuple(float(offset) for offset in offsets),
        n_poses=len(result.kept),
    )
    path = RecordStore(workplace.records).save(record)
    workplace.operator.say(f"[green]written[/]: {path}")


def _note(session: Session, result: Estimate) -> str:
    names = [session.workplace.robot.arm.joint_names[k] for k in session.model.chain.joint_indices]
    held = [name for k, name in enumerate(names) if k not in result.refined.free]
    return f"joint offsets held at 0: {', '.join(held)}"
