"""The shelf as one who changes it sees it: locked, found by short names, and swept of what a killed program left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from interfaces.durable import sync_folder
from interfaces.errors import BundleError, RefusedError
from interfaces.installed import Installation
from runtime.bundles.run_choice import stand_on
from runtime.bundles.shelf_file import SHELF_FILE, Shelf, bundles_of, is_plain, read_shelf
from runtime.bundles.standing import Stand
from runtime.bundles.trial_record import trials_of

_LOCK = ".lock"
_UNDER_WAY = (".install-", ".gone-", f".{SHELF_FILE}.")  # what a killed program may leave


@dataclass(frozen=True, slots=True)
class ShelfPlace:
    """Where the bundles of one robot lie."""

    state: Path

    @property
    def bundles(self) -> Path:
        """Return the folder of bundles."""
        return bundles_of(self.state)

    def names(self) -> list[str]:
        """Return the names of all bundles, whole or not, in order."""
        try:
            return sorted(path.name for path in self.bundles.iterdir() if is_plain(path.name) and path.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RefusedError(f"{self.bundles}: {error.strerror}") from error

    def find(self, name: str) -> str:
        """Return the name of the one bundle that `name` is, or begins; raises RefusedError where that is none, or several."""
        names = self.names()
        if name in names:
            return name
        found = [one for one in names if name and one.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise RefusedError(f"{name!r} begins the names of {', '.join(found)}; say which")
        raise RefusedError(
            f"there is no bundle {name!r} on the shelf {self.bundles}, which has {', '.join(names) or 'none'}"
        )

    def shelf(self) -> Shelf | None:
        """Return who is in charge; raises BundleError as `read_shelf`."""
        return read_shelf(self.state)

    def stands(self, shelf: Shelf | None) -> dict[str, Stand]:
        """Return how those in charge stand, by folder."""
        entries = () if shelf is None else (shelf.active, shelf.previous)
        return {entry.folder: stand_on(self.state, entry) for entry in entries if entry is not None}

    @contextlib.contextmanager
    def changing(self) -> Generator[None, None, None]:
        """Hold the shelf against other programs, made where it is not there yet, and sweep it.

        Raises RefusedError where this user may not change it, or another program does right now. The lock ends with the program,
        however it ends.
        """
        try:
            make_folder(self.state)
            make_folder(self.bundles)
            lock = (self.bundles / _LOCK).open("w")
        except PermissionError as error:
            as_root = "only root may change this shelf: call it with sudo" if _installed(self.state) else error.strerror
            raise RefusedError(f"{self.bundles}: {as_root}") from error
        except OSError as error:
            raise RefusedError(f"{self.bundles}: cannot be changed: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RefusedError(
                    f"{self.bundles}: another forerun bundle is changing it; wait for its end"
                ) from error
            for left_over in self._left_over():
                discard(left_over)
            yield

    def tidy_trials(self, shelf: Shelf) -> None:
        """Remove the records of trials that are over for good, and halves of some that a killed service left."""
        wanted = {entry.trial for entry in (shelf.active, shelf.previous) if entry is not None}
        with contextlib.suppress(OSError):  # a few hundred bytes more
            for path in trials_of(self.state).iterdir():
                half = path.name.startswith(".") and path.suffix == ".tmp"
                if half or (path.suffix == ".toml" and path.stem not in wanted):
                    path.unlink()

    def _left_over(self) -> Iterator[Path]:
        for path in list(self.bundles.iterdir()):
            if path.name.startswith(_UNDER_WAY):
                yield path


def new_trial(folder: str, now: datetime) -> str:
    """Return a name for the trial of a bundle that is activated; no two are the same."""
    return f"{folder[:80]}-{now.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def make_folder(folder: Path) -> None:
    """Make a folder that its owner alone may write, and all may read; leave one that is there as it is. Raises OSError."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    sync_folder(folder.parent)


def remove(place: ShelfPlace, name: str, kept: dict[str, str]) -> None:
    """Take a bundle off the shelf; it is gone at once, or not. `kept` says of some why they stay.

    Raises RefusedError for these, and where it cannot be removed.
    """
    if name in kept:
        raise RefusedError(f"bundle {name} stays: {kept[name]}")
    try:
        take_away(place, name)
    except OSError as error:
        raise RefusedError(f"{place.bundles / name}: cannot be removed: {error.strerror}") from error


def take_away(place: ShelfPlace, name: str) -> None:
    """Take a folder off the shelf with one rename, then remove what was in it. Raises OSError."""
    gone = place.bundles / f".gone-{secrets.token_hex(4)}"
    os.rename(place.bundles / name, gone)  # noqa: PTH104 - the one call that tests break off
    sync_folder(place.bundles)
    discard(gone)


def discard(path: Path) -> None:
    """Remove a file or folder that nobody needs any more, as far as that goes."""
    with contextlib.suppress(OSError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def kept_names(place: ShelfPlace, shelf: Shelf | None, robot_bundle: str | None) -> dict[str, str]:
    """Return which bundles are not to be removed, and why."""
    kept: dict[str, str] = {}
    if robot_bundle is not None:
        kept[robot_bundle] = "the robot file names it"
    if shelf is not None and shelf.previous is not None:
        kept[shelf.previous.folder] = "it is the previous one, to fall back to"
    if shelf is not None:
        kept[shelf.active.folder] = "it is in charge"
    return {name: why for name, why in kept.items() if (place.bundles / name).exists()}


def own_shelf(place: ShelfPlace) -> Shelf | None:
    """Return who is in charge, for one who is about to say it anew: a damaged shelf.toml counts as none."""
    try:
        return place.shelf()
    except BundleError:
        return None


def _installed(state: Path) -> bool:
    return state.absolute() == Installation().state
