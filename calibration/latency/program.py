"""How late commands become motion, and how late pictures say they were taken, from a small motion of one joint.

Steps asked of the operator: "arm-moves" (confirm), "accept" (confirm).

The arm swings one joint a few degrees to and fro, slowly and then quicker, in sight of the camera. Commands, encoder and pictures
are laid over one another, and two delays are read off:

    command to motion   from an order to the motion it causes, bus and the servo's following included: the runtime tells the arm
                        so much ahead (policy.actuation_latency_ms)
    stamp of a frame    its t_capture_ns less the instant at which it was truly taken, by the encoder's clock: positive, the stamp
                        is late; the runtime takes it off. It is the middle of the exposure of the rows in which the motion is seen.
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.table import Table

from calibration.latency.judgement import Latencies, checks_of, find_latencies
from calibration.latency.picture_motion import NoMotionError
from calibration.latency.plot import save_plot
from calibration.latency.recording import Plan, Recording, plan_motion, record_motion
from calibration.records.header import new_header
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.calibration.motion import LatencyRecord
from interfaces.calibration.record import FORMAT, ArmIdentity, CameraIdentity, Check
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import RefusedError

PASSED, FAILED = 0, 1
SECONDS_MIN = 6.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this calibration."""
    parser.add_argument("--camera", help="name of the camera; may be left out where there is one")
    parser.add_argument("--joint", help="the joint to swing; default the first, which moves the whole arm")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long it swings; default 20, longer is surer")
    parser.add_argument("--degrees", type=float, default=4.0, help="how far to either side; default 4")


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Swing the joint and write the record; returns 0, or 1 where it was measured and is not good enough."""
    config = workplace.camera_config(arguments.camera)
    joint = _joint_index(workplace, arguments)
    operator = workplace.operator
    name = workplace.robot.arm.joint_names[joint]
    question = (
        f"{name} will swing {arguments.degrees:g} degrees to either side for {arguments.seconds:g} s, where the arm is now,"
        f" and camera {config.name} must see what moves. Is there room, and may it?"
    )
    if not operator.confirm("arm-moves", question, default=True):
        raise RefusedError("not calibrated: the arm may not move")
    recording, motors, camera_identity, clock = _swing(workplace, config, joint, arguments)
    try:
        found = find_latencies(recording)
    except (NoMotionError, ValueError) as error:
        operator.say(f"[red]Not measured:[/] {error}")
        return FAILED
    checks = checks_of(found)
    picture_path = workplace.pictures / f"latency-{config.name}.png"
    save_plot(picture_path, recording, found)
    operator.say(_table(found, checks))
    operator.say(_explained(found, recording, clock))
    operator.say(f"Picture: {picture_path}")
    if not all(check.passed for check in checks):
        operator.say("[red]Not good enough; the record of before stays.[/] " + _why(checks))
        return FAILED
    if not operator.confirm("accept", "Write the record?", default=True):
        return FAILED
    record = LatencyRecord(
        kind="latency",
        format=FORMAT,
        header=new_header(
            workplace, checks, subject=config.name, joints=recording.last, note=_explained(found, recording, clock)
        ),
        arm=ArmIdentity(driver=workplace.robot.arm.driver, motors=motors),
        camera=camera_identity,
        joint=name,
        command_to_motion_ms=round(found.command_ms.value, 3),
        motion_to_frame_ms=round(found.picture_ms.value, 3),
    )
    operator.say(f"[green]Calibrated.[/] {RecordStore(workplace.records).save(record)}")
    return PASSED


def _joint_index(workplace: Workplace, arguments: argparse.Namespace) -> int:
    if arguments.seconds < SECONDS_MIN:
        raise RefusedError(f"--seconds {arguments.seconds:g}: needs {SECONDS_MIN:g} or more")
    if not 0.5 <= arguments.degrees <= 15.0:
        raise RefusedError(f"--degrees {arguments.degrees:g}: needs 0.5 to 15")
    names = workplace.robot.arm.joint_names
    if arguments.joint is not None and arguments.joint not in names:
        raise RefusedError(f"--joint {arguments.joint}: robot {workplace.robot.name} has {', '.join(names)}")
    return 0 if arguments.joint is None else names.index(arguments.joint)


def _swing(
    workplace: Workplace, config: CameraConfig, joint: int, arguments: argparse.Namespace
) -> tuple[Recording, tuple[MotorIdentity, ...], CameraIdentity, str]:
    """Return what was recorded, of which motors and camera, and by which clock it stamps."""
    camera = workplace.make_camera(config)
    camera.open()
    try:
        with workplace.arm_session() as arm:
            present_rad = arm.hold().position_rad
            plan: Plan = plan_motion(arm, present_rad, joint, degrees=arguments.degrees, duration_s=arguments.seconds)
            recording = record_motion(workplace, arm, camera, plan)
            motors = arm.identity
        facts = camera.facts()
        return recording, motors, CameraIdentity(model=facts.model, serial=facts.serial), camera.health().clock
    finally:
        camera.close()


def _table(found: Latencies, checks: list[Check]) -> Table:
    table = Table("what", "found", title="latency")
    table.add_row("command to motion", f"{found.command_ms.text()} ms")
    table.add_row("stamp of a frame, late by", f"{found.picture_ms.text()} ms")
    table.add_section()
    for check in checks:
        mark = "[green]good[/]" if check.passed else "[red]too much[/]"
        table.add_row(check.name, f"{check.value:.2f} {check.unit}, at most {check.limit:g} {check.unit}: {mark}")
    return table


def _explained(found: Latencies, recording: Recording, clock: str) -> str:
    """Return what else is known, in plain words."""
    command, motion = found.command, found.motion
    told_apart = command.following_s.half_width < 0.5 * command.following_s.value
    split = (
        f"of it {1e3 * command.delay_s:.1f} ms on the way, {1e3 * command.following_s.value:.1f} ms the servo's following"
        f" and {500 * recording.period_s:.1f} ms half a period"
        if told_apart
        else "delay and the servo's following cannot be told apart here"
    )
    return (
        f"command to motion {found.command_ms.text()} ms, {split}; friction and play {np.degrees(abs(command.play_rad.value)):.2f}"
        f" degrees a turn. Frames by clock {clock!r}: {len(recording.pictures)} seen, {recording.lost_frames} lost,"
        f" {found.picture.n_outliers} left out; {motion.n_points} points moved {motion.span_px:.1f} px,"
        f" {motion.row_ratio:.0%} down the picture"
    )


def _why(checks: list[Check]) -> str:
    return "; ".join(
        f"{check.name}: {check.value:.2f} {check.unit}, limit {check.limit:g}" for check in checks if not check.passed
    )
