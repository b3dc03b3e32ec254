"""A robot file drafted from what was found: it loads as it is, moves little, and says what a person must fill in.

Everything that cannot be measured from a motor at rest is marked FILL IN: names, directions, homes, limits. The home is where the
arm stood; the limits keep it close to that, and slow.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.bus_budget import BUDGET_RATIO
from drivers.feetech.registers import RAD_PER_TICK, TICKS_MAX
from drivers.find.can_questions import FoundMotor
from drivers.find.everything import BusFindings, Findings, PortFindings
from drivers.find.servos import FoundServo
from drivers.find.video import FoundVideo, VideoMode
from drivers.open_devices import bus_budget
from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig
from interfaces.toml_loader import parse_toml

REACH_RAD = 0.5  # either way of where it stood
RATES_HZ = (100.0, 50.0, 25.0, 10.0)
SO101_JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
KEPT_FROM = "[policy]"  # from here on the example robot file is taken over ...
CHAIN = "\n[chain]"  # ... up to here, where the arm is another
MODE_WANTED_PX = (640, 480)

Value = str | int | float | bool
Line = tuple[str, Value, str]  # key, value, comment


@dataclass(frozen=True, slots=True)
class _Arm:
    """What a family puts into the file: keys of the arm, and of each joint."""

    lines: Sequence[Line]
    joints: Sequence[Sequence[Line]]
    is_so101: bool = False


def draft_robot(findings: Findings, path: Path, example: str) -> str:
    """Return the text of a robot file for the one arm in `findings`, the rest as in the text of the `example` robot file.

    Raises RefusedError where there is no arm, or more than one.
    """
    arm = _the_arm(findings)
    for rate_hz in RATES_HZ:
        text = _text(path.stem, arm, rate_hz, findings, example)
        robot = parse_toml(text, RobotConfig, str(path))
        if bus_budget(robot.arm).ratio <= BUDGET_RATIO:
            return text
    raise RefusedError(f"the bus is too slow for {RATES_HZ[-1]:g} Hz: raise its rate with the maker's tool")


def refuse_overwriting(path: Path, *, force: bool) -> None:
    """Raise RefusedError where there is a file already, unless it may be written over."""
    if path.exists() and not force:
        raise RefusedError(f"{path} is there already; --force writes over it")


def write_draft(path: Path, text: str, *, force: bool) -> None:
    """Write the text to `path`: whole or not at all, and without `force` never over another file."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if force:
            partial.replace(path)
        else:
            path.hardlink_to(partial)  # refuses where a file has come meanwhile
    except FileExistsError as error:
        raise RefusedError(f"{path} is there already; --force writes over it") from error
    except OSError as error:
        raise RefusedError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _text(name: str, arm: _Arm, rate_hz: float, findings: Findings, example: str) -> str:
    parts = [
        "# Drafted by `forerun devices --write`. It loads as it is; what says FILL IN is yours to tell.",
        "# First try it hands off: forerun run THIS --dry-run, move the arm by hand, and watch the signs.",
        "format = 1",
        _line(("name", name, "")),
        "",
        "[arm]",
        *map(_line, arm.lines),
        _line(("rate_hz", rate_hz, "")),
        _line(("limit_patience_ms", 500.0, "")),
    ]
    for joint in arm.joints:
        parts += ["", "[[arm.joints]]", *map(_line, joint)]
    for camera in _cameras(findings):
        parts += ["", "[[cameras]]", *map(_line, camera)]
    rest = _kept(example, chain=arm.is_so101)
    return "\n".join(parts) + "\n\n# FILL IN: which policy, and what it needs. As in the example robot.\n" + rest


def _kept(example: str, *, chain: bool) -> str:
    """Return what is taken over from the example robot: its links only for an arm of the same shape."""
    rest = example[example.index(KEPT_FROM) :]
    if not chain:
        before = rest[: rest.index(CHAIN)]
        rest = before[: before.rindex("\n\n") + 1]  # without the lines that explain the chain
    # A draft's zeros are guesses, and its limits keep to them: it moves a little, and says what comes next.
    return re.sub(
        r"^require = .*$",
        'require = []  # FILL IN: ["joints"], after forerun calibrate joints',
        rest,
        flags=re.MULTILINE,
    )


def _line(line: Line) -> str:
    key, value, comment = line
    shown = json.dumps(value)  # of these types TOML is written as JSON is
    return f"{key} = {shown}" + (f"  # {comment}" if comment else "")


def _the_arm(findings: Findings) -> _Arm:
    arms: list[tuple[str, PortFindings | BusFindings]] = []
    arms += [(port.adapter.path, port) for port in findings.ports if port.sweep.servos]
    arms += [(bus.port, bus) for bus in findings.buses if bus.sweep.motors]
    if len(arms) != 1:
        found = ", ".join(name for name, _ in arms)
        raise RefusedError(
            f"there are motors on {found}: choose one with --port"
            if arms
            else "no motors were found to draft a robot from"
        )
    place = arms[0][1]
    return _serial_arm(place) if isinstance(place, PortFindings) else _can_arm(place)


def _serial_arm(port: PortFindings) -> _Arm:
    servos = port.sweep.servos
    kinds = {(servo.family, servo.baud_hz) for servo in servos}
    if len(kinds) != 1:
        shown = ", ".join(f"{family} at {baud_hz} baud" for family, baud_hz in sorted(kinds))
        raise RefusedError(f"{port.adapter.path}: servos of one arm are of one family, at one rate; these are {shown}")
    unknown = [f"{servo.servo_id} ({servo.model})" for servo in servos if not servo.known]
    if unknown:
        raise RefusedError(f"{port.adapter.path}: forerun does not know how to drive servo {', '.join(unknown)}")
    servos = sorted(servos, key=lambda servo: servo.servo_id)
    ((family, baud_hz),) = kinds
    volts = min(servo.voltage_v or 0.0 for servo in servos)
    lines: list[Line] = [
        ("driver", family, ""),
        ("port", port.adapter.path, ""),
        ("baud_hz", baud_hz, ""),
        ("temperature_max_degc", 65.0, ""),
        ("voltage_min_v", round(0.8 * volts, 1), f"four fifths of the {volts:g} V measured"),
    ]
    if family == "dynamixel":
        lines.append(("motor_timeout_ms", 500.0, "a servo that hears nothing for so long stops by itself"))
    so101 = [servo.servo_id for servo in servos] == list(range(1, 7)) and family == "feetech"
    names = SO101_JOINTS if so101 else tuple(f"joint_{servo.servo_id}" for servo in servos)
    joints = [_servo_joint(name, servo, guessed=so101) for name, servo in zip(names, servos, strict=True)]
    return _Arm(lines, joints, so101)


def _servo_joint(name: str, servo: FoundServo, *, guessed: bool) -> list[Line]:
    low, high = _travel_rad(servo)
    narrowed = "" if (low, high) == (-REACH_RAD, REACH_RAD) else "; the seam of the encoder is near"
    return [
        ("name", name, "FILL IN: guessed from six servos with the ids of an SO-101" if guessed else "FILL IN"),
        ("servo_id", servo.servo_id, servo.model),
        (
            "home_ticks",
            servo.encoder_ticks or 0,
            f"FILL IN: the reading at 0 rad; here it stood when this was drafted{narrowed}",
        ),
        *_limits(low, high),
    ]


def _travel_rad(servo: FoundServo) -> tuple[float, float]:
    """Return how far the joint may go from where it stands: a servo cannot turn past the seam of its encoder."""
    ticks = servo.position_ticks or 0
    if not 0 <= ticks <= TICKS_MAX:
        raise RefusedError(
            f"servo {servo.servo_id} stands at {ticks} ticks, outside 0..{TICKS_MAX}: turn it back by hand"
        )
    below, above = ticks * RAD_PER_TICK, (TICKS_MAX - ticks) * RAD_PER_TICK
    return max(-REACH_RAD, -math.floor(below * 1000) / 1000), min(REACH_RAD, math.floor(above * 1000) / 1000)


def _can_arm(bus: BusFindings) -> _Arm:
    families = {motor.family for motor in bus.sweep.motors}
    if families != {"damiao"}:
        raise RefusedError(
            f"{bus.port}: drafts are made of servos and of Damiao motors; this bus has {', '.join(sorted(families))}."
            " Copy the robot file of docs/drivers.md, and put the ids in"
        )
    lines: list[Line] = [
        ("driver", "damiao", ""),
        ("port", bus.port, ""),
        ("baud_hz", bus.bitrate_hz, ""),
        ("temperature_max_degc", 80.0, ""),
        ("voltage_min_v", 0.0, "the motors do not tell"),
        ("motor_timeout_ms", 200.0, "a motor that hears nothing for so long lets go: the arm falls, FILL IN"),
    ]
    return _Arm(lines, [_damiao_joint(motor) for motor in bus.sweep.motors])


def _damiao_joint(motor: FoundMotor) -> list[Line]:
    first, *others = motor.model.split(" or ")
    known = first.startswith("DM")
    told = f"FILL IN: may be {motor.model}" if others else "by its ranges" if known else f"FILL IN: it is {motor.model}"
    return [
        ("name", f"joint_{motor.motor_id}", "FILL IN"),
        ("model", first if known else "DM4310", told),
        ("motor_id", motor.motor_id, ""),
        ("feedback_id", motor.feedback_id or 0, ""),
        ("zero_rad", round(motor.position_rad or 0.0, 4), "FILL IN: its own reading at 0 rad; here it stood"),
        ("stiffness_nm_rad", 10.0, "FILL IN: soft"),
        ("damping_nm_s_rad", 0.5, "FILL IN"),
        *_limits(-REACH_RAD, REACH_RAD),
    ]


def _limits(low: float, high: float) -> list[Line]:
    return [
        ("direction", 1, "FILL IN: -1 where it turns the other way"),
        ("position_min_rad", low, "FILL IN: cautious, around where it stood"),
        ("position_max_rad", high, ""),
        ("velocity_max_rad_s", 0.5, "FILL IN: cautious"),
        ("acceleration_max_rad_s2", 5.0, ""),
        ("jerk_max_rad_s3", 100.0, ""),
        ("effort_max_ratio", 0.5, ""),
        ("effort_fault_ratio", 0.9, ""),
        ("rest_rad", 0.0, "FILL IN: where it rests"),
    ]


def _cameras(findings: Findings) -> list[list[Line]]:
    names = ["front", *(f"camera_{number}" for number in range(2, 32))]
    cameras = [
        _camera("realsense", camera.serial, (*MODE_WANTED_PX, 30), camera.name, depth=True)
        for camera in findings.realsense
    ]
    cameras += [
        _camera("uvc", video.path, _mode(video), video.name, depth=False)
        for video in findings.videos
        if not video.trouble
    ]
    cameras = cameras or [_camera("realsense", "", (*MODE_WANTED_PX, 30), "FILL IN: none was found", depth=True)]
    return [
        [("name", name, "FILL IN: as the policy calls it"), *camera]
        for name, camera in zip(names, cameras, strict=False)
    ]


def _camera(driver: str, serial: str, stream: tuple[int, int, int], told: str, *, depth: bool) -> list[Line]:
    width_px, height_px, rate_hz = stream
    return [
        ("driver", driver, told),
        ("serial", serial, ""),
        ("width_px", width_px, ""),
        ("height_px", height_px, ""),
        ("rate_hz", rate_hz, ""),
        ("depth", depth, ""),
        ("latency_ms", 35.0 if driver == "realsense" else 60.0, "FILL IN: from mid exposure to arrival"),
        ("stale_ms", 500.0, ""),
        ("frozen_ms", 1000.0, ""),
    ]


def _mode(video: FoundVideo) -> tuple[int, int, int]:
    """Return size and rate to ask of a camera: 640x480 at up to 30 Hz where it has that, else the largest below, else the first."""

    def fitness(mode: VideoMode) -> tuple[bool, int]:
        small = mode.width_px <= MODE_WANTED_PX[0] and mode.height_px <= MODE_WANTED_PX[1]
        return small, mode.width_px * mode.height_px * (1 if small else -1)

    if not video.modes:
        return (*MODE_WANTED_PX, 30)
    best = max(video.modes, key=fitness)
    rates_hz = [
        rate_hz
        for mode in video.modes
        if (mode.width_px, mode.height_px) == (best.width_px, best.height_px)
        for rate_hz in mode.rates_hz
    ]
    fast = max((rate_hz for rate_hz in rates_hz if rate_hz <= 30.5), default=30.0)
    return best.width_px, best.height_px, max(1, round(fast))
