"""How each joint moves: friction, backlash, following error; which limits that suggests, and what changed since the last time.

Steps asked of the operator: "arm-moves" (confirm), "accept" (confirm).

One joint after the other goes to and fro around where the arm is: slowly, very slowly, and then quicker and steeper as long as it
follows. The robot file is never changed: lines to paste are printed. What an encoder on the output shaft does not see, play
behind it, cannot be told here.
"""

from __future__ import annotations

import argparse
import math

from rich.table import Table

from calibration.records.header import new_header
from calibration.records.store import RecordStore
from calibration.servo.comparison import changes
from calibration.servo.following import ERROR_MAX_RAD
from calibration.servo.plot import save_plot
from calibration.servo.procedure import JointFound, JointTrial, middle_of
from calibration.session.arm_session import ArmSession
from calibration.session.workplace import Workplace
from interfaces.calibration.motion import ServoJoint, ServoRecord
from interfaces.calibration.record import FORMAT, ArmIdentity, Check, RecordHeader
from interfaces.device_facts import MotorIdentity
from interfaces.errors import CalibrationError, RefusedError
from interfaces.messages import JointState

PASSED, FAILED = 0, 1
FRICTION_MAX_RATIO = 0.5  # to keep moving slowly: more, and little is left for anything else
BACKLASH_MAX_RAD = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this calibration."""
    parser.add_argument("--joint", action="append", metavar="NAME", help="only this one; may be given several times")
    parser.add_argument("--degrees", type=float, default=10.0, help="how far to either side; default 10")


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Move the joints and write the record; returns 0, or 1 where it was measured and is not good enough."""
    operator, names = workplace.operator, _names(workplace, arguments)
    fastest = max(joint.velocity_max_rad_s for joint in workplace.robot.arm.joints if joint.name in names)
    question = (
        f"{', '.join(names)} will go {arguments.degrees:g} degrees to either side of where the arm is, one after the other,"
        f" some 35 s each, at up to {fastest:g} rad/s. Is nothing within reach of the arm, and may it?"
    )
    if not operator.confirm("arm-moves", question, default=True):
        raise RefusedError("not calibrated: the arm may not move")
    with workplace.arm_session() as arm:
        found = [_joint(workplace, arm, name, math.radians(arguments.degrees)) for name in names]
        motors, last = arm.identity, arm.read()
    before = _before(workplace, motors)
    operator.say(_table(found))
    for joint in found:
        save_plot(workplace.pictures / f"servo-{joint.config.name}.png", joint)
    operator.say(f"Pictures: {workplace.pictures}/servo-*.png")
    _say_changes(workplace, found, before)
    _say_limits(workplace, found)
    record = _record(workplace, found, before, motors, last)
    if not record.header.passed:
        failed = [check for check in record.header.checks if not check.passed]
        why = "; ".join(f"{check.name} {check.value:g}, limit {check.limit:g} {check.unit}" for check in failed)
        operator.say(f"[red]Not good enough; the record of before stays.[/] {why}")
        return FAILED
    if not operator.confirm("accept", "Write the record?", default=True):
        return FAILED
    operator.say(f"[green]Calibrated.[/] {RecordStore(workplace.records).save(record)}")
    return PASSED


def _names(workplace: Workplace, arguments: argparse.Namespace) -> list[str]:
    if not 5.0 <= arguments.degrees <= 30.0:
        raise RefusedError(f"--degrees {arguments.degrees:g}: needs 5 to 30")
    every = workplace.robot.arm.joint_names
    asked: list[str] = arguments.joint or list(every)
    for name in asked:
        if name not in every:
            raise RefusedError(f"--joint {name}: robot {workplace.robot.name} has {', '.join(every)}")
    return [name for name in every if name in asked]


def _joint(workplace: Workplace, arm: ArmSession, name: str, half_rad: float) -> JointFound:
    """Return what one joint is like; the arm goes back to where it was."""
    index = workplace.robot.arm.joint_names.index(name)
    pose_rad = (arm.read() if arm.holding else arm.hold()).position_rad
    middle_rad, half_rad = middle_of(arm, index, pose_rad, half_rad)
    trial = JointTrial(arm, workplace.clock, index, middle_rad, half_rad)
    try:
        found = trial.find(workplace.operator.progress)
    except ValueError as error:
        raise RefusedError(f"{name}: {error}") from error
    arm.move(pose_rad)
    return found


def _before(workplace: Workplace, motors: tuple[MotorIdentity, ...]) -> ServoRecord | None:
    """Return the last record of these motors."""
    try:
        record = RecordStore(workplace.records).current("servo")
    except CalibrationError as error:
        workplace.operator.say(f"[yellow]The last record cannot be read, nothing to compare with:[/] {error}")
        return None
    if not isinstance(record, ServoRecord):
        return None
    if [(motor.model, motor.serial) for motor in record.arm.motors] != [(each.model, each.serial) for each in motors]:
        workplace.operator.say("[yellow]The last record is of other motors: nothing to compare with.[/]")
        return None
    return record


def _table(found: list[JointFound]) -> Table:
    table = Table("joint", "friction", "backlash", "lag", "error at speed", "effort", "limits suggested", title="servo")
    for joint in found:
        record, play = joint.record(), joint.play
        backlash = f"{math.degrees(play.play_rad.value):.2f} +- {math.degrees(play.play_rad.half_width):.2f} deg"
        rung = joint.velocity or joint.velocities[0]
        table.add_row(
            record.name,
            f"{100 * record.friction_ratio:.1f} +- {100 * joint.friction.slow_ratio.half_width:.1f} %",
            backlash
            if play.told_apart
            else f"at most {math.degrees(play.loop_rad + play.play_rad.half_width):.2f} deg",
            f"{1e3 * play.lag_s.value:.0f} ms",
            f"{math.degrees(rung.error_rad):.1f} deg at {rung.velocity_rad_s:.1f} rad/s",
            f"{100 * rung.effort_ratio:.0f} %",
            f"{record.velocity_suggested_rad_s:.1f} rad/s, {record.acceleration_suggested_rad_s2:.0f} rad/s2",
        )
    return table


def _say_changes(workplace: Workplace, found: list[JointFound], before: ServoRecord | None) -> None:
    known = {} if before is None else {joint.name: joint for joint in before.joints}
    for joint in found:
        old = known.get(joint.config.name)
        for change in changes(old, joint.record()) if old else []:
            workplace.operator.say(f"[yellow]{joint.config.name} changed:[/] {change}")


def _say_limits(workplace: Workplace, found: list[JointFound]) -> None:
    """Print what might go into the robot file, where it is less than what is there."""
    for joint in found:
        record, config = joint.record(), joint.config
        lines = [
            f"{key} = {value:g}"
            for key, value, now in (
                ("velocity_max_rad_s", record.velocity_suggested_rad_s, config.velocity_max_rad_s),
                ("acceleration_max_rad_s2", record.acceleration_suggested_rad_s2, config.acceleration_max_rad_s2),
            )
            if 0 < value < now
        ]
        if lines:
            text = "\n  ".join([f"{config.name}: to paste into the robot file, for what was followed here:", *lines])
            workplace.operator.say(text)


def _record(
    workplace: Workplace,
    found: list[JointFound],
    before: ServoRecord | None,
    motors: tuple[MotorIdentity, ...],
    last: JointState,
) -> ServoRecord:
    """Return the record: what was measured now, and of the other joints what was known."""
    joints: dict[str, ServoJoint] = {} if before is None else {joint.name: joint for joint in before.joints}
    joints |= {joint.config.name: joint.record() for joint in found}
    note = f"measured now: {', '.join(joint.config.name for joint in found)}"
    header: RecordHeader = new_header(workplace, _checks(found), joints=last, note=note)
    return ServoRecord(
        kind="servo",
        format=FORMAT,
        header=header,
        arm=ArmIdentity(driver=workplace.robot.arm.driver, motors=motors),
        joints=tuple(joints[name] for name in workplace.robot.arm.joint_names if name in joints),
    )


def _checks(found: list[JointFound]) -> list[Check]:
    checks: list[Check] = []
    for joint in found:
        name, record = joint.config.name, joint.record()
        slowest = joint.velocities[0]
        checks += [
            Check(
                name=f"{name}: friction", value=100 * record.friction_ratio, limit=100 * FRICTION_MAX_RATIO, unit="%"
            ),
            Check(
                name=f"{name}: backlash",
                value=round(math.degrees(record.backlash_rad), 4),
                limit=round(math.degrees(BACKLASH_MAX_RAD), 4),
                unit="deg",
            ),
            Check(
                name=f"{name}: following error beside the lag, at {slowest.velocity_rad_s:.1f} rad/s",
                value=round(math.degrees(slowest.beside_lag_rad), 4),
                limit=round(math.degrees(ERROR_MAX_RAD), 4),
                unit="deg",
            ),
        ]
    return checks
