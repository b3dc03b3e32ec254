"""A bundle is put in charge: checked again, tried on what the robot sees, and switched in with one rename; or back to the one before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from interfaces.errors import ForerunError, RefusedError, UnfitError
from interfaces.robot_config import RobotConfig
from interfaces.trusted_path import Trust
from runtime.bundles.install import Checks
from runtime.bundles.shelf_changes import ShelfPlace, new_trial, own_shelf
from runtime.bundles.shelf_file import Entry, Shelf, write_shelf
from runtime.bundles.standing import Standing
from runtime.bundles.succession import activated, rolled_back
from runtime.policy.bundle import LoadedBundle, open_bundle
from runtime.policy.rest_stage import REST

TryOut = Callable[[LoadedBundle], None]


def activate(
    name: str, place: ShelfPlace, checks: Checks, try_out: TryOut, now: datetime, *, before: str | None = None
) -> Shelf:
    """Put the bundle `name` in charge and return the shelf as it is then; the caller holds it (`changing`).

    `try_out` is the dry run, and raises where it goes wrong; `before` is the bundle that ran while nobody was in charge, if it
    lies on the shelf. Raises BundleError, ConfigError or RefusedError, and then nothing has changed.
    """
    shelf = own_shelf(place)
    stands = place.stands(shelf)
    if shelf is not None and shelf.active.folder == name and stands[name].standing is Standing.PASSED:
        checks.say(f"{name}: is in charge, and has passed its trial; nothing to do")
        return shelf
    bundle = checks.open(place.bundles / name, place.state)
    _require_known(bundle, checks.robot)
    try_out(bundle)
    entry = Entry(folder=name, trial=new_trial(name, now))
    fallback = _proven(before, place, checks) if shelf is None and before not in (None, name) else None
    return _switch(place, activated(shelf, entry, stands, fallback))


def roll_back(place: ShelfPlace, checks: Checks, now: datetime) -> Shelf:
    """Put the previous bundle in charge again and return the shelf as it is then; the caller holds it.

    Its signature is not asked for: it was in charge. Raises BundleError, ConfigError or RefusedError, and then nothing has changed.
    """
    shelf = place.shelf()
    stands = place.stands(shelf)
    previous = shelf.previous if shelf else None
    trial = new_trial(previous.folder, now) if previous else ""
    changed = rolled_back(shelf, stands, trial)
    checks.say(f"{changed.active.folder}: opening it and re-checking its reference outputs on this machine ...")
    bundle = open_bundle(place.bundles / changed.active.folder, checks.robot, Trust(root=place.state))
    _require_known(bundle, checks.robot)
    return _switch(place, changed)


def _require_known(bundle: LoadedBundle, robot: RobotConfig) -> None:
    """Refuse a bundle that would refuse to start: it does not know what the robot file says to follow. Raises UnfitError."""
    known = (*bundle.manifest.instructions, REST)
    if robot.policy.follow is not None and robot.policy.follow not in known:
        raise UnfitError(
            f"bundle {bundle.manifest.name} does not know {robot.policy.follow!r}, which the robot file says to follow"
            f" from the start (policy.follow); it knows {', '.join(known)}"
        )


def _proven(before: str | None, place: ShelfPlace, checks: Checks) -> Entry | None:
    """Return the bundle that ran until now, to fall back to, where that can be relied on."""
    if before is None:
        return None
    try:
        open_bundle(place.bundles / before, checks.robot, Trust(root=place.state))
    except ForerunError as error:
        checks.say(f"the robot file's own bundle is no help should this one fail: {error}")
        return None
    return Entry(folder=before, trial=f"{before[:80]}-before", proven=True)


def _switch(place: ShelfPlace, shelf: Shelf) -> Shelf:
    try:
        write_shelf(place.state, shelf)
    except OSError as error:
        raise RefusedError(
            f"{place.bundles}: cannot be switched: {error.strerror}; forerun bundle list tells which one is in charge"
        ) from error
    place.tidy_trials(shelf)
    return shelf
