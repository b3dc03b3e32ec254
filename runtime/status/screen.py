"""A watched robot as the lines of a terminal, for `forerun top`. Pure: what was seen and a size in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runtime.status.changes import Watched
from runtime.status.robot_status import ArmStatus, JointStatus, RobotStatus
from runtime.status.verdict import Verdict, Wellbeing, judge

KEYS = "q end   space EMERGENCY STOP"
_BLOCKS, _ASCII = " ▁▂▃▄▅▆▇█", " ._-=+*#@"
_EFFORT_CELLS = 10
_WARNINGS = 2  # in full
_LEAST_CURVE = 4
_BOLD, _DIM, _RED, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[0m"
_BANNERS = {Wellbeing.WELL: "\x1b[1;97;42m", Wellbeing.UNWELL: "\x1b[1;97;41m", Wellbeing.NOT_RUNNING: "\x1b[1;97;100m"}
_CURVES = (
    ("camera", "camera_hz", "Hz", "foresight age", "foresight_age_ms", "ms"),
    ("foresight", "foresight_hz", "Hz", "chunk age", "chunk_age_ms", "ms"),
    ("action", "action_hz", "Hz", "frame age", "frame_age_ms", "ms"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What there is to draw on."""

    columns: int
    rows: int
    unicode: bool = True
    colour: bool = True

    def cut(self, line: str, style: str = "") -> str:
        """Return a line that fits, in a style."""
        fitting = line[: self.columns]
        return f"{style}{fitting}{_PLAIN}" if style and self.colour else fitting

    def curve(self, values: Sequence[float | None], cells: int) -> str:
        """Return the newest values as a curve from zero to their highest."""
        marks, newest = _BLOCKS if self.unicode else _ASCII, values[-cells:]
        most = max((value for value in newest if value is not None), default=0.0)
        if most <= 0:
            return " " * cells
        steps = [0 if value is None else 1 + round((len(marks) - 2) * max(0.0, value) / most) for value in newest]
        return "".join(marks[step] for step in steps).rjust(cells)


def screen_lines(seen: Watched, paper: Paper, note: str = "") -> list[str]:
    """Return exactly as many lines as the paper has; `note` is what became of the last key."""
    status = seen.newest
    if status is None:
        body = [paper.cut("asking the robot ...")]
    else:
        verdict = judge(status)
        top = [
            *_heading(status, verdict, paper),
            "",
            *_joints(status.arm, paper),
            "",
            *_curves(seen, status, paper),
            "",
        ]
        left = max(0, paper.rows - 1 - len(top))
        body = [*top, *_events(seen, left, paper)]
    body = [*body, *[""] * paper.rows][: paper.rows - 1]
    return [*body, paper.cut(f"{KEYS}   {note}", _RED if note else _DIM)]


def _heading(status: RobotStatus, verdict: Verdict, paper: Paper) -> Iterator[str]:
    right = f"{status.robot}  {status.asked_at[11:19]} "
    room = max(0, paper.columns - len(right) - 2)
    dry = "DRY RUN " if status.arm is not None and status.arm.dry_run else ""
    line = f" {dry}{verdict.line}"
    shown = line if len(line) <= room else line[: max(0, room - 3)] + "..."
    yield paper.cut(f"{shown:<{room}}  {right}", _BANNERS[verdict.wellbeing])
    if verdict.remedy:
        yield paper.cut(f" -> {verdict.remedy}", _BOLD)
    for warning in verdict.warnings[:_WARNINGS]:
        yield paper.cut(f" ! {warning}")
    if (more := len(verdict.warnings) - _WARNINGS) > 0:
        yield paper.cut(f" ! {more} more: forerun status", _DIM)


def _joints(arm: ArmStatus | None, paper: Paper) -> Iterator[str]:
    if arm is None or not arm.joints:
        yield paper.cut("no joints: the command process does not tell of them", _DIM)
        return
    width = min(16, max(5, *(len(joint.name) for joint in arm.joints)))
    yield paper.cut(
        f"{'joint':<{width}}  position    target   rad/s   effort{'':{_EFFORT_CELLS + 1}}  degC     V", _DIM
    )
    for joint in arm.joints[: max(1, paper.rows - 14)]:
        hot = joint.temperature_degc is not None and joint.temperature_degc > arm.temperature_max_degc - 5
        yield paper.cut(_joint(joint, width, paper), _RED if hot else "")


def _joint(joint: JointStatus, width: int, paper: Paper) -> str:
    numbers = f"{joint.position_rad:+9.3f} {_value(joint.target_rad, '+9.3f')} {_value(joint.velocity_rad_s, '+7.2f')}"
    effort = f"{_value(joint.effort_ratio and 100 * joint.effort_ratio, '+5.0f')} % {_bar(joint.effort_ratio, paper)}"
    feels = f"{_value(joint.temperature_degc, '5.0f')} {_value(joint.voltage_v, '5.1f')}"
    return f"{joint.name[:width]:<{width}} {numbers}  {effort}  {feels}"


def _bar(ratio: float | None, paper: Paper) -> str:
    full, empty = ("█", "░") if paper.unicode else ("#", ".")
    cells = 0 if ratio is None else min(_EFFORT_CELLS, round(_EFFORT_CELLS * abs(ratio)))
    return full * cells + empty * (_EFFORT_CELLS - cells)


def _curves(seen: Watched, status: RobotStatus, paper: Paper) -> Iterator[str]:
    half = (paper.columns - 2) // 2
    cells = max(_LEAST_CURVE, half - 25)
    for row in _CURVES:
        left, right = (_figure(seen, *row[k : k + 3], cells=cells, paper=paper) for k in (0, 3))
        yield paper.cut(f"{left:<{half}}  {right}")
    arm, policy = status.arm, status.policy
    if arm is not None:
        yield paper.cut(
            f"{'command':<14}{arm.rate_hz:6.0f} Hz  missed {arm.missed_periods} of {arm.periods}"
            f"   bus errors {arm.bus_errors}   {arm.realtime}"
        )
    if policy is not None:
        trial = ", on trial" if policy.bundle and policy.bundle.on_trial else ""
        bundle = f"   bundle {policy.bundle.name}{trial}" if policy.bundle else ""
        yield paper.cut(f"{'follows':<14}{policy.instruction or 'nothing'}{bundle}")


def _figure(seen: Watched, name: str, key: str, unit: str, *, cells: int, paper: Paper) -> str:
    values = seen.figures.get(key, ())
    newest = values[-1] if values else None
    return f"{name:<14}{_value(newest, '6.0f')} {unit} {paper.curve(values, cells)}"


def _events(seen: Watched, left: int, paper: Paper) -> Iterator[str]:
    for event in seen.events[:left]:
        yield paper.cut(f"{event.at[11:19]}  {event.line}")


def _value(value: float | None, form: str) -> str:
    if value is None:
        return f"{'-':>{form.strip('+').partition('.')[0]}}"
    return f"{value:{form}}"
