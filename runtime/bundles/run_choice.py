"""Which bundle of the shelf a start of the policy process runs: the one in charge, or, if that failed its trial, the one before it.

The service decides by itself, from two files that survive every reboot: shelf.toml (who is in charge; root's) and the trial of
that activation (how often it was started, and whether it passed; the service's). A bundle on trial that was started three times and
never worked for two minutes has failed, and so has one of which that was said. From then on the previous one is run, and each
start says so, until a person activates a bundle again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from interfaces.bundle_manifest import MANIFEST_FILE
from interfaces.errors import BundleError
from runtime.bundles.shelf_file import Entry, Shelf, bundles_of, read_shelf
from runtime.bundles.standing import PASSED_AFTER_S, STARTS_MAX, Choice, Stand, Standing, choose, stand_of
from runtime.bundles.trial_record import TrialRecord, Unreadable, read_trial, shortened, write_trial

__all__ = ["PASSED_AFTER_S", "STARTS_MAX", "BundleRun", "begin_run", "stand_on"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRun:
    """One start of a bundle of the shelf."""

    state: Path
    trial: str
    folder: Path
    name: str  # of its folder on the shelf
    on_trial: bool  # it is to say passed() after PASSED_AFTER_S of ready work, or failed()
    fallback: bool  # it is run because the one in charge cannot be
    counted: bool  # this start is one of STARTS_MAX
    unseen: bool  # it never made a chunk here: on trial, or passed without; it is to say followed() once it does
    said: str  # what is run and why, in one line; for the log of every start

    def passed(self) -> bool:
        """Note that it worked for long enough; return whether that could be written. To be called once it did; again does no harm."""
        record = self._noted()
        done = not self.on_trial or record.outcome != "undecided"
        return done or self._note(replace(record, outcome="passed"))

    def followed(self) -> bool:
        """Note that it made a chunk; return whether that could be written."""
        record = self._noted()
        return record.followed or self._note(replace(record, followed=True))

    def failed(self, why: str) -> bool:
        """Note that this bundle is bad, and is not to be run again before a person activates it; return whether that could be written.

        For what the bundle itself does wrong: it does not open, misses its parity, has no finite outputs. Not for a camera or bus.
        """
        return self._note(replace(self._noted(), outcome="failed", why=shortened(why)))

    def ended_well(self) -> bool:
        """Take this start back: it ended because it was asked to, without a failure; return whether that could be written.

        To be called once. A robot that is switched off in order says nothing about its bundle; one whose power is cut might.
        """
        record = self._noted()
        if not self.counted or record.outcome != "undecided" or record.starts < 1:
            return True
        return self._note(replace(record, starts=record.starts - 1))

    def _noted(self) -> TrialRecord:
        found = read_trial(self.state, self.trial)
        return found if isinstance(found, TrialRecord) else TrialRecord()

    def _note(self, record: TrialRecord) -> bool:
        try:
            write_trial(self.state, self.trial, record)
        except OSError as error:
            _log.error("trial of bundle %s cannot be noted: %s", self.name, error)
            return False
        return True


def begin_run(state: Path, now: datetime, bad: Mapping[str, str] | None = None) -> BundleRun | None:
    """Return the bundle that this start runs, its start noted where it is on trial; None where the shelf `state` has nobody in charge.

    `bad` names those that this very start found bad, and why, should the disk be too full to note it. Raises BundleError when
    shelf.toml cannot be trusted or read, or each bundle it names is known to be bad: the robot then stands still until a person
    activates one.
    """
    shelf = read_shelf(state)
    if shelf is None:
        return None
    active = stand_on(state, shelf.active, bad)
    previous = stand_on(state, shelf.previous, bad) if shelf.previous else None
    choice = choose(shelf, active, previous)
    if choice is None:
        raise BundleError(_nothing_left(shelf, active, previous))
    counted = False
    if choice.stand.standing is Standing.ON_TRIAL:
        unnoted = _note_start(state, choice, now)
        counted = not unnoted
        if unnoted and not choice.fallback and shelf.previous and previous and previous.standing is Standing.PASSED:
            # Starts that nobody counts would go on for ever: better the bundle that is proven.
            active = replace(active, why=unnoted)
            choice = Choice(shelf.previous, previous, fallback=True)
    return BundleRun(
        state=state,
        trial=choice.entry.trial,
        folder=bundles_of(state) / choice.entry.folder,
        name=choice.entry.folder,
        on_trial=choice.stand.standing is not Standing.PASSED,
        fallback=choice.fallback,
        counted=counted,
        unseen=choice.stand.standing is not Standing.PASSED or choice.stand.never_followed,
        said=_said(choice, shelf, active),
    )


def stand_on(state: Path, entry: Entry, bad: Mapping[str, str] | None = None) -> Stand:
    """Return how a bundle that shelf.toml names stands; those in `bad` have failed, whatever is noted."""
    if bad and entry.folder in bad:
        return Stand(Standing.FAILED, why=bad[entry.folder])
    is_there = (bundles_of(state) / entry.folder / MANIFEST_FILE).is_file()
    return stand_of(entry, read_trial(state, entry.trial), is_there=is_there)


def _note_start(state: Path, choice: Choice, now: datetime) -> str:
    """Count a start before it is made: one that takes the machine down is counted, too. Return why it could not be."""
    found = read_trial(state, choice.entry.trial)
    if isinstance(found, Unreadable):
        return found.why
    record = found or TrialRecord()
    instant = now.astimezone(timezone.utc).isoformat(timespec="seconds")
    record = replace(record, starts=record.starts + 1, first_start=record.first_start or instant, last_start=instant)
    try:
        write_trial(state, choice.entry.trial, record)
    except OSError as error:
        return f"its start cannot be noted: {error.strerror}"
    return ""


def _said(choice: Choice, shelf: Shelf, active: Stand) -> str:
    name, stand = choice.entry.folder, choice.stand
    again = f"forerun bundle activate {shelf.active.folder} tries it again"
    on_trial = f", on trial: start {stand.starts + 1} of {STARTS_MAX}" if stand.standing is Standing.ON_TRIAL else ""
    if choice.fallback:
        last = f", though {stand.why}: there is no better" if choice.last_resort else ""
        return (
            f"runs the previous bundle {name}{on_trial}{last}: {shelf.active.folder} is not run, {active.why}; {again}"
        )
    if choice.last_resort:
        return f"runs bundle {name}, though {stand.why}: there is no other; {again}"
    return f"runs bundle {name}{on_trial}"


def _nothing_left(shelf: Shelf, active: Stand, previous: Stand | None) -> str:
    parts = [f"bundle {shelf.active.folder} is not run: {active.why}"]
    if shelf.previous and previous:
        parts.append(f"nor the previous one, {shelf.previous.folder}: {previous.why}")
    else:
        parts.append("and there is no previous one")
    return "; ".join((*parts, "forerun bundle list tells what is there, forerun bundle activate NAME tries one anew"))
