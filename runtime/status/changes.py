"""What happened to a robot between two looks at it, in lines for people; and the newest figures, to draw. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from runtime.status.robot_status import RobotStatus
from runtime.status.verdict import judge

_SAMPLES = 240  # a minute of four a second
_EVENTS = 50


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """Something that happened, as it was seen."""

    at: str  # wall clock, ISO 8601
    line: str


class Watched:
    """The newest status of a robot, and what led to it. One thread adds; what others read is replaced whole."""

    def __init__(self) -> None:
        self.newest: RobotStatus | None = None
        self.events: tuple[SeenEvent, ...] = ()  # the newest first
        self.figures: dict[str, tuple[float | None, ...]] = {}  # the oldest first; None where nobody told
        self._samples: dict[str, deque[float | None]] = {}

    def add(self, status: RobotStatus) -> None:
        """Take the next status."""
        lines = [judge(status).line] if self.newest is None else changes(self.newest, status)
        seen = tuple(SeenEvent(status.asked_at, line) for line in reversed(list(lines)))
        self.events = (*seen, *self.events)[:_EVENTS]
        for name, value in figures(status).items():
            self._samples.setdefault(name, deque(maxlen=_SAMPLES)).append(value)
        self.figures = {name: tuple(samples) for name, samples in self._samples.items()}
        self.newest = status


def figures(status: RobotStatus) -> dict[str, float | None]:
    """Return what is worth a curve."""
    arm, policy = status.arm, status.policy
    return {
        "foresight_age_ms": _ms(policy.foresight_age_s) if policy and policy.foresees else None,
        "chunk_age_ms": _ms(arm.chunk_age_s) if arm else None,
        "frame_age_ms": _ms(arm.frame_age_s) if arm else None,
        "camera_hz": policy.cameras[0].rate_hz if policy and policy.cameras else None,
        "foresight_hz": policy.foresight.rate_hz if policy else None,
        "action_hz": policy.action.rate_hz if policy else None,
        "command_hz": arm.rate_hz if arm else None,
    }


def changes(before: RobotStatus, after: RobotStatus) -> Iterator[str]:
    """Yield what changed, a line each."""
    yield from _of_arm(before, after)
    yield from _of_policy(before, after)
    known = {unit.name: unit for unit in before.units}
    for unit in after.units:
        was = known.get(unit.name)
        if was is not None and (was.active, was.restarts) != (unit.active, unit.restarts):
            yield f"{unit.name}: {was.active} -> {unit.active} ({unit.sub})"


def _of_arm(before: RobotStatus, after: RobotStatus) -> Iterator[str]:
    was, now = before.arm, after.arm
    if now is None:
        if was is not None:
            yield f"the command process does not answer any more: {after.arm_silence}"
    elif was is None:
        yield f"the command process is there: {now.state}: {now.why}"
    elif (was.state, was.why) != (now.state, now.why):
        yield f"{was.state} -> {now.state}: {now.why}" if was.state != now.state else f"{now.state} again: {now.why}"


def _of_policy(before: RobotStatus, after: RobotStatus) -> Iterator[str]:
    was, now = before.policy, after.policy
    if now is None or was is None:
        if (now is None) != (was is None):
            yield (
                "the policy process is there" if was is None else f"the policy process is gone: {after.policy_silence}"
            )
        return
    if was.instruction != now.instruction:
        yield f"follows {now.instruction or 'nothing'}"
    yield from (f"{source}: {text}" for source, text in now.faults.items() if was.faults.get(source) != text)
    yield from (f"{source}: works again" for source in was.faults if source not in now.faults)


def _ms(value_s: float | None) -> float | None:
    return None if value_s is None else value_s * 1000
