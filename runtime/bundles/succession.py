"""Who is in charge after a person activated a bundle or went back to the one before. Pure: no file, no clock."""

from __future__ import annotations

from dataclasses import replace

from interfaces.errors import RefusedError
from runtime.bundles.shelf_file import Entry, Shelf
from runtime.bundles.standing import Stand, Standing


def activated(shelf: Shelf | None, entry: Entry, stands: dict[str, Stand], before: Entry | None = None) -> Shelf:
    """Return the shelf with `entry` in charge; the one to fall back to is the best of those that were.

    `stands` tells of the shelf's entries, by folder; `before` ran before anybody was in charge. One that passed its trial keeps that, so
    that it is not doubted again; any other begins a new trial.
    """
    known = [] if shelf is None else [entry for entry in (shelf.active, shelf.previous) if entry is not None]
    same = next((one for one in known if one.folder == entry.folder), None)
    if same is not None and stands[same.folder].standing is Standing.PASSED:
        entry = same
    others = [one for one in known if one.folder != entry.folder and stands[one.folder].standing is not Standing.FAILED]
    # False sorts first, and the sort keeps the order: a proven one, then the one that was in charge last.
    others.sort(key=lambda one: stands[one.folder].standing is not Standing.PASSED)
    if shelf is None and before is not None and before.folder != entry.folder:
        others = [before]
    return Shelf(active=entry, previous=others[0] if others else None)


def rolled_back(shelf: Shelf | None, stands: dict[str, Stand], trial: str) -> Shelf:
    """Return the shelf with active and previous changed over; `trial` names a new one, should the previous need that.

    Raises RefusedError where there is no previous one, or it failed.
    """
    if shelf is None or shelf.previous is None:
        raise RefusedError("there is no previous bundle to go back to; forerun bundle list tells what is there")
    previous, stand = shelf.previous, stands[shelf.previous.folder]
    if stand.standing is Standing.FAILED:
        raise RefusedError(
            f"the previous bundle, {previous.folder}, failed: {stand.why}; forerun bundle activate {previous.folder} tries it again"
        )
    if not stand.good:
        previous = replace(previous, trial=trial)
    return Shelf(active=previous, previous=shelf.active)
