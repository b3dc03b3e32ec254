"""One check: what was found, what would be good, how bad that is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Verdict(IntEnum):
    """From good to bad; what cannot be read is no reason to worry, and no reason not to."""

    GOOD = 0
    UNKNOWN = 1
    WEAK = 2
    BAD = 3


NOT_READABLE = "not readable here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the doctor's table."""

    name: str
    value: str
    limit: str  # what is good
    verdict: Verdict
    remedy: str = ""  # said unless it is good
    figures: dict[str, float] = field(default_factory=dict[str, float])  # the value, for programs


def unreadable(name: str, where: str) -> Check:
    """Return the check of what this machine does not tell."""
    return Check(name=name, value=NOT_READABLE, limit=where, verdict=Verdict.UNKNOWN)


def at_most(value: float, good: float, weak: float) -> Verdict:
    """Return how bad a value is that should be small."""
    if value <= good:
        return Verdict.GOOD
    return Verdict.WEAK if value <= weak else Verdict.BAD  # NaN, too, is bad: nothing was measured


def at_least(value: float, good: float, weak: float) -> Verdict:
    """Return how bad a value is that should be large."""
    return at_most(-value, -good, -weak)
