"""How a bundle stands: proven, on trial, or failed; and which of two is therefore run. Pure: no file, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from runtime.bundles.shelf_file import Entry, Shelf
from runtime.bundles.trial_record import TrialRecord, Unreadable

STARTS_MAX = 3  # of a bundle on trial; the third is its last chance
PASSED_AFTER_S = 120.0  # of ready work


class Standing(Enum):
    """What is known of a bundle that was put in charge."""

    PASSED = "passed"
    ON_TRIAL = "on trial"
    OUT_OF_STARTS = "out of starts"  # it never worked for long enough, and nobody knows why
    UNKNOWN = "unknown"  # what was noted of it cannot be read
    FAILED = "failed"  # it is known to be bad, and is never run


@dataclass(frozen=True, slots=True)
class Stand:
    """How a bundle stands, and why."""

    standing: Standing
    starts: int = 0
    why: str = ""
    never_followed: bool = False  # it passed by parity and by seeing alone: nobody told it to act

    @property
    def good(self) -> bool:
        """Return whether it is run without a second thought."""
        return self.standing in {Standing.PASSED, Standing.ON_TRIAL}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which bundle is run, and whether that is another than the one in charge, or the last that is left."""

    entry: Entry
    stand: Stand
    fallback: bool = False
    last_resort: bool = False


def stand_of(entry: Entry, trial: TrialRecord | Unreadable | None, *, is_there: bool) -> Stand:
    """Return how a bundle stands; `is_there` tells whether its folder still is."""
    if not is_there:
        return Stand(Standing.FAILED, why="its folder is gone")
    if isinstance(trial, Unreadable):
        return Stand(Standing.UNKNOWN, why=trial.why)
    record = trial or TrialRecord()
    if record.outcome == "failed":
        return Stand(Standing.FAILED, record.starts, record.why or "no reason was noted")
    if record.outcome == "passed":
        return Stand(Standing.PASSED, record.starts, never_followed=not record.followed)
    if entry.proven:
        return Stand(Standing.PASSED, record.starts)
    if record.starts >= STARTS_MAX:
        why = f"it was started {record.starts} times and never worked for {PASSED_AFTER_S:.0f} s"
        return Stand(Standing.OUT_OF_STARTS, record.starts, why)
    return Stand(Standing.ON_TRIAL, record.starts)


def choose(shelf: Shelf, active: Stand, previous: Stand | None) -> Choice | None:
    """Return which bundle is run; None when each is known to be bad: then an honest stop is better.

    The active one while it is good; else the previous one. Where neither is good, one that merely never got through its trial is
    still run, for there is nothing better, and its parity is checked at every start.
    """
    if active.good:
        return Choice(shelf.active, active)
    if shelf.previous is not None and previous is not None:
        if previous.good:
            return Choice(shelf.previous, previous, fallback=True)
        if previous.standing is not Standing.FAILED:
            return Choice(shelf.previous, previous, fallback=True, last_resort=True)
    if active.standing is not Standing.FAILED:
        return Choice(shelf.active, active, last_resort=True)
    return None
