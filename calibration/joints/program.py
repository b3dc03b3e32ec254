"""Where each joint's zero is and how far it turns, from moving the limp arm by hand; docs/calibration/joints.md.

Steps asked of the operator: "support-arm" (wait), "sweep" (watch), "sweep-on" (confirm), "direction-<joint>" (watch, one a
joint), "direction-sure" (confirm), "hold-pose" (wait), "accept" (confirm), "arm-moves" (confirm).

Until the last answer everything is only read, and torque disabled. Homing offsets are then written, proved by a small motion,
and written back unless that went well; the record is saved last.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.joints.checks import Evidence, checks_of, motion_check, remedy
from calibration.joints.directions import find_directions
from calibration.joints.motors import PlainMotors, ServoMotors, open_motors
from calibration.joints.offsets import OffsetsWritten, SeamPlan, plan_seams
from calibration.joints.plan import Plan, add_plan_arguments, plan_for
from calibration.joints.pose import hold_pose
from calibration.joints.proof import Proof, prove
from calibration.joints.sweep import Swept, sweep
from calibration.joints.tables import check_table, found_table, identity_table
from calibration.joints.torque import TorqueBefore
from calibration.joints.zero import JointMeasured, went_all_around, zero_by_pose, zero_by_stops
from calibration.records.header import new_header
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.arm_config import AnyArmConfig
from interfaces.calibration.homes import with_homes
from interfaces.calibration.joints import JointCalibration, JointsRecord
from interfaces.calibration.record import FORMAT, ArmIdentity, Check
from interfaces.errors import CalibrationError

PASSED, FAILED = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the limp arm told."""

    measured: tuple[JointMeasured, ...]
    directions: tuple[int, ...]
    homes: tuple[float, ...]
    seams: SeamPlan | None  # None where motors keep no offsets
    checks: tuple[Check, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this calibration."""
    add_plan_arguments(parser)


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Guide the operator through it, and write the record; returns 0, or 1 where it was measured and is not good enough."""
    plan = plan_for(workplace.robot.arm, arguments)
    write = workplace.calibration.offsets == "eeprom"
    with TorqueBefore(workplace) as torque:
        with open_motors(workplace) as motors:
            _release(workplace, motors, torque)
            found = _measure(workplace, motors, plan, write=write)
        if not _accepted(workplace, found.checks):
            return FAILED
        arm = with_homes(workplace.robot.arm, found.homes)
        path = _prove_and_save(workplace, plan, found, arm)
        if path is None:
            return FAILED
        torque.arm = arm
    workplace.operator.say(f"[green]Calibrated.[/] {path}")
    return PASSED


def _release(workplace: Workplace, motors: ServoMotors | PlainMotors, torque: TorqueBefore) -> None:
    """Let the arm go, once it is supported."""
    operator = workplace.operator
    operator.say(identity_table(motors.identity()))
    before = motors.torque()
    state = "The arm is about to go limp: hold it." if any(before) else "The arm is limp already."
    operator.wait("support-arm", f"{state} Nothing moves by itself until you are asked again.")
    torque.let_go(before)
    motors.release()


def _measure(workplace: Workplace, motors: ServoMotors | PlainMotors, plan: Plan, *, write: bool) -> Found:
    swept = sweep(workplace, motors, plan)
    all_around = [
        joint.name
        for joint, travel in zip(plan.joints, swept.travels, strict=True)
        if plan.stops_rad(joint) is not None and went_all_around(travel, motors.rad_per_count)
    ]
    if all_around:
        workplace.operator.say(
            f"{', '.join(all_around)} turned all around: without stops, its zero is where you hold it."
        )
        plan = plan.with_free(frozenset(all_around))
    directions = find_directions(workplace, motors, plan, swept)
    measured, wandered_rad = _zeros(workplace, motors, plan, swept)
    seams = plan_seams(motors, measured, write=write) if isinstance(motors, ServoMotors) else None
    margins_rad = seams.margins_rad if seams else (None,) * len(measured)
    evidence = Evidence(
        measured=measured,
        directions=directions,
        margins_rad=margins_rad,
        wandered_rad=wandered_rad,
        by_pose=plan.reference == "pose",
    )
    homes = motors.homes(np.array([each.zero_counts for each in measured]))
    workplace.operator.say(found_table(measured, homes, margins_rad))
    return Found(measured=measured, directions=directions, homes=homes, seams=seams, checks=tuple(checks_of(evidence)))


def _zeros(
    workplace: Workplace, motors: ServoMotors | PlainMotors, plan: Plan, swept: Swept
) -> tuple[tuple[JointMeasured, ...], list[float]]:
    """Return each joint with its zero, and how far it wandered while a pose was held for it."""
    stops = [None if plan.reference == "pose" else plan.stops_rad(joint) for joint in plan.joints]
    asked = [i for i, ends in enumerate(stops) if ends is None]
    readings = hold_pose(workplace, motors, plan, swept.middles, asked) if asked else np.empty((0, len(stops)))
    per_count = motors.rad_per_count
    measured: list[JointMeasured] = []
    for i, (joint, travel, ends) in enumerate(zip(plan.joints, swept.travels, stops, strict=True)):
        if ends is None:
            zero = zero_by_pose(joint, readings[:, i], float(plan.pose_rad[i]), per_count)
        else:
            zero = zero_by_stops(joint, travel, ends, per_count)
        drawn = plan.stops_rad(joint)
        measured.append(
            JointMeasured(joint=joint, rad_per_count=per_count, travel=travel, stops_rad=drawn, zero_counts=zero)
        )
    wandered = [float(np.ptp(readings[:, i])) * per_count if i in asked else float("nan") for i in range(len(stops))]
    return tuple(measured), wandered


def _accepted(workplace: Workplace, checks: tuple[Check, ...]) -> bool:
    """Show the checks; where all passed, ask the questions that are left."""
    operator = workplace.operator
    operator.say(check_table(checks))
    failed = [check for check in checks if not check.passed]
    if failed:
        operator.say("[red]Not calibrated[/]; nothing was changed.")
        for check in failed:
            operator.say(f"{check.name}: {remedy(check)}")
        return False
    if not operator.confirm("accept", "Take these zeros, and prove them by a small motion?", default=True):
        operator.say("Given up; nothing was changed.")
        return False
    question = (
        "Put the arm so that it stands by itself, no joint at its stop, and take your hands away."
        " May each joint move by 3 degrees to and fro?"
    )
    if not operator.confirm("arm-moves", question, default=True):
        operator.say("Without proof there is no record; nothing was changed.")
        return False
    return True


def _prove_and_save(workplace: Workplace, plan: Plan, found: Found, arm: AnyArmConfig) -> Path | None:
    """Return the record of a calibration that the arm proved, with its offsets in the servos; None where it did not."""
    servos = workplace.make_homing()
    if servos is None or found.seams is None:
        record = _proved(workplace, plan, found, arm)
        return None if record is None else RecordStore(workplace.records).save(record)
    with OffsetsWritten(servos, found.seams.offsets, workplace.operator) as written:
        record = _proved(workplace, plan, found, arm)
        if record is None:
            return None
        store = RecordStore(workplace.records)
        written.keep_where(lambda: _names_motors(store, record.arm))
        return store.save(record)


def _names_motors(store: RecordStore, arm: ArmIdentity) -> bool:
    """Return whether the present record is of these motors with these homing offsets."""
    with contextlib.suppress(CalibrationError):
        current = store.current("joints")
        return isinstance(current, JointsRecord) and current.arm == arm
    return False


def _proved(workplace: Workplace, plan: Plan, found: Found, arm: AnyArmConfig) -> JointsRecord | None:
    proof = prove(workplace, arm)
    check = motion_check(plan.names, proof.errors_rad)
    workplace.operator.say(check_table([check]))
    if check.passed:
        return _record(workplace, plan, found, proof, check)
    workplace.operator.say(f"[red]Not calibrated[/]; the motors' zeros are as before. {check.name}: {remedy(check)}")
    return None


def _record(workplace: Workplace, plan: Plan, found: Found, proof: Proof, motion: Check) -> JointsRecord:
    joints = tuple(
        JointCalibration(
            name=each.joint.name,
            home=home,
            direction=direction,
            range_min_rad=each.range_rad[0],
            range_max_rad=each.range_rad[1],
        )
        for each, home, direction in zip(found.measured, found.homes, found.directions, strict=True)
    )
    note = "" if plan.ask_directions else "directions are the robot file's: nobody was asked"
    return JointsRecord(
        kind="joints",
        format=FORMAT,
        header=new_header(workplace, [*found.checks, motion], joints=proof.joints, note=note),
        arm=ArmIdentity(driver=workplace.robot.arm.driver, motors=proof.identity),
        offsets=workplace.calibration.offsets,
        reference=plan.reference,
        joints=joints,
    )
