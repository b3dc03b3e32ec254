"""What is on the shelf, for people and programs: each bundle with its state, and which one the next start runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interfaces.bundle_manifest import SIGNATURE_FILE, BundleManifest, load_manifest
from interfaces.errors import BundleError, ConfigError, RefusedError
from runtime.bundles.shelf_changes import ShelfPlace
from runtime.bundles.shelf_file import Shelf
from runtime.bundles.signature import read_signature
from runtime.bundles.standing import STARTS_MAX, Stand, Standing, choose

Role = Literal["active", "previous", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfRow:
    """One bundle of the shelf."""

    name: str
    family: str
    created: str
    size_bytes: int
    role: Role
    standing: str  # of one in charge: that of Standing; else empty
    starts: int
    why: str  # it failed, or is damaged
    runs: bool  # at the next start
    key: str  # that it is signed with, unchecked; empty where it is not signed
    state: str  # all of this in a few words


def list_shelf(place: ShelfPlace) -> tuple[ShelfRow, ...]:
    """Return the bundles of the shelf, the active first; one that is damaged says so. Raises BundleError as `read_shelf`."""
    shelf = place.shelf()
    stands = place.stands(shelf)
    runs = _runs(shelf, stands)
    names = {entry.folder for entry in (shelf.active, shelf.previous) if entry} if shelf else set[str]()
    rows = [_row(place.bundles / name, shelf, stands.get(name), name == runs) for name in {*place.names(), *names}]
    return tuple(sorted(rows, key=lambda row: (row.role != "active", row.role != "previous", row.name)))


def _runs(shelf: Shelf | None, stands: dict[str, Stand]) -> str | None:
    """Return which bundle the next start runs; nothing is noted. None: that of the robot file, or none at all."""
    if shelf is None:
        return None
    choice = choose(shelf, stands[shelf.active.folder], stands.get(shelf.previous.folder) if shelf.previous else None)
    return choice.entry.folder if choice else None


def _row(folder: Path, shelf: Shelf | None, stand: Stand | None, runs: bool) -> ShelfRow:  # noqa: FBT001
    manifest, damage = _look(folder)
    role: Role = (
        "" if shelf is None or stand is None else "active" if shelf.active.folder == folder.name else "previous"
    )
    return ShelfRow(
        name=folder.name,
        family=manifest.family if manifest else "",
        created=manifest.provenance.created if manifest else "",
        size_bytes=folder_bytes(folder),
        role=role,
        standing=stand.standing.value if stand else "",
        starts=stand.starts if stand else 0,
        why=damage or (stand.why if stand else ""),
        runs=runs,
        key=_key(folder),
        state=", ".join(filter(None, (role or "installed", _in_words(stand), damage and f"damaged: {damage}"))),
    )


def _in_words(stand: Stand | None) -> str:
    if stand is None or stand.standing is Standing.PASSED:
        return "passed, never followed" if stand and stand.never_followed else ""
    if stand.standing is Standing.ON_TRIAL:
        return f"on trial: {stand.starts} of {STARTS_MAX} starts"
    return f"failed: {stand.why}"


def _look(folder: Path) -> tuple[BundleManifest | None, str]:
    """Return a bundle's manifest, or what is wrong with it."""
    try:
        return load_manifest(folder), ""
    except ConfigError as error:
        return None, str(error)


def _key(folder: Path) -> str:
    try:
        return read_signature(folder.name, (folder / SIGNATURE_FILE).read_bytes()).key
    except (OSError, BundleError):
        return ""


def folder_bytes(folder: Path) -> int:
    """Return how much lies in a folder of files."""
    try:
        return sum(path.lstat().st_size for path in folder.iterdir())
    except OSError:
        return 0


def bundle_at(name: str | None, place: ShelfPlace | None) -> Path:
    """Return the folder that a person means: a path, a name on the shelf, or, of None, the bundle in charge. Raises RefusedError."""
    if name is not None and (place is None or "/" in name or (Path(name) / "manifest.toml").is_file()):
        return Path(name)
    if place is None:
        raise RefusedError("say which bundle: a folder, or --shelf DIR and a name on it")
    if name is not None:
        return place.bundles / place.find(name)
    shelf = place.shelf()
    if shelf is None:
        raise RefusedError(f"no bundle of the shelf {place.bundles} is in charge; say which to show")
    return place.bundles / shelf.active.folder
