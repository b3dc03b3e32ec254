"""One check: what was found, what would be good, how bad that is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum


class Verdict(IntEnum):
    """From good to bad; what cannot be read is no reason to worry, and no reason not to."""

    GOOD = 0
    UNKNOWN = 1
    WEAK = 2
    BAD = 3


# Topics, as --only takes them, in the order in which they are told.
LOOP_GROUP = "loop"
GROUPS = (
    "robot", "service", "bundle", "can", "serial", "usb", "machine", "rights", "power", "disk", "installed", "clock",
    "software",
)  # fmt: skip

NOT_READABLE = "not readable here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the doctor's table."""

    name: str  # of one of several things of a kind, "kind: which"
    value: str
    limit: str  # what is good
    verdict: Verdict
    remedy: str = ""  # said unless it is good; a command to type, where there is one
    figures: dict[str, float] = field(default_factory=dict[str, float])  # the value, for programs


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The checks of one topic, the most important first."""

    name: str  # "usb", as --only takes it
    title: str
    checks: tuple[Check, ...]
    left_out: str = ""  # why there are none, or fewer: "no CAN bus"


def all_checks(groups: tuple[Group, ...] | list[Group]) -> Iterator[Check]:
    """Return the checks of all groups, in order."""
    for group in groups:
        yield from group.checks


def unreadable(name: str, where: str, value: str = NOT_READABLE) -> Check:
    """Return the check of what this machine does not tell; `value` says what hinders, where that is known."""
    return Check(name=name, value=value, limit=where, verdict=Verdict.UNKNOWN)


def at_most(value: float, good: float, weak: float) -> Verdict:
    """Return how bad a value is that should be small."""
    if value <= good:
        return Verdict.GOOD
    return Verdict.WEAK if value <= weak else Verdict.BAD  # NaN, too, is bad: nothing was measured


def at_least(value: float, good: float, weak: float) -> Verdict:
    """Return how bad a value is that should be large."""
    return at_most(-value, -good, -weak)


def good_if(condition: bool, otherwise: Verdict = Verdict.WEAK) -> Verdict:  # noqa: FBT001 - reads as a sentence
    """Return GOOD where the condition holds."""
    return Verdict.GOOD if condition else otherwise
