"""A bundle comes onto the shelf: copied, checked in every way, and only then given its name; cut off anywhere, nothing was there."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interfaces.bundle_manifest import MANIFEST_FILE, SIGNATURE_FILE, BundleManifest, bundle_files
from interfaces.durable import sync_folder
from interfaces.errors import BundleError, ConfigError, RefusedError
from interfaces.robot_config import RobotConfig
from interfaces.trusted_path import Trust, read_trusted
from runtime.bundles.shelf_changes import ShelfPlace, discard, kept_names, own_shelf, take_away
from runtime.bundles.shelf_file import is_plain
from runtime.bundles.signature import TrustedKeys, check_signature, read_signed
from runtime.policy.bundle import LoadedBundle, open_bundle, read_manifest, require_nothing_else

_DIGITS = (6, 10, 16, 64)  # of the content's hash in the folder's name; more only where fewer are taken
_NAME_MAX = 60
_SPARE_BYTES = 64 * 2**20  # left free on the disk
_PIECE_BYTES = 1 << 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Installed:
    """What came of it."""

    name: str
    new: bool  # else it was there already


@dataclass(frozen=True, slots=True)
class Checks:
    """What every bundle must pass on this robot."""

    robot: RobotConfig
    keys: TrustedKeys
    say: Say  # how far it is

    def open(self, folder: Path, state: Path) -> LoadedBundle:
        """Return the bundle in a folder of the shelf, all checked: signature, owner, hashes, fit to the robot, parity.

        Raises BundleError or ConfigError saying what is wrong.
        """
        trust = Trust(root=state)
        self.say(f"{folder.name}: {check_signature(str(folder), *read_signed(folder, trust), self.keys)}")
        self.say(f"{folder.name}: opening it and re-checking its reference outputs on this machine ...")
        bundle = open_bundle(folder, self.robot, trust)
        limits = bundle.running
        self.say(
            f"{folder.name}: reproduces them as {limits.words}, tokens within {bundle.foresight_off:.1e}"
            f" (limit {limits.foresight_max_abs:.1e}),"
            f" positions within {bundle.action_off_rad:.1e} rad (limit {limits.action_max_abs_rad:.1e})"
        )
        return bundle


def install(source: Path, place: ShelfPlace, checks: Checks, *, replace: bool = False) -> Installed:
    """Bring the bundle in `source` onto the shelf, which the caller holds (`changing`), and return its name there.

    Raises BundleError, ConfigError or RefusedError, and then nothing is on the shelf that was not there before.
    """
    manifest = _source_manifest(source)
    half = place.bundles / f".install-{secrets.token_hex(4)}"
    try:
        n_bytes = _require_room(source, manifest, place.bundles)
        checks.say(f"{source}: copying {n_bytes / 1e6:.1f} MB ...")
        _copy(source, manifest, half)
        # People know the bundle's name and their own path, not that of the copy.
        told = Checks(checks.robot, checks.keys, lambda line: checks.say(line.replace(half.name, manifest.name)))
        told.open(half, place.state)
        return _give_name(half, manifest, place, replace=replace)
    except OSError as error:
        raise RefusedError(f"{source}: cannot be put onto the shelf {place.bundles}: {error.strerror}") from error
    except (BundleError, ConfigError) as error:
        raise BundleError(str(error).replace(str(half), str(source))) from error
    finally:
        discard(half)


def _source_manifest(source: Path) -> BundleManifest:
    """Return the manifest of what is to be installed, after a first look that needs no copy."""
    try:
        manifest = read_manifest(source)
        require_nothing_else(source, manifest)
    except OSError as error:
        raise RefusedError(f"{source}: {error.strerror}") from error
    if not is_plain(manifest.name) or len(manifest.name) > _NAME_MAX:
        expected = f"at most {_NAME_MAX} letters, digits, '-', '_' and '.': its folder is called so"
        raise ConfigError(str(source / MANIFEST_FILE), "name", manifest.name, expected)
    return manifest


def _copied_files(source: Path, manifest: BundleManifest) -> list[str]:
    signed = [SIGNATURE_FILE] if (source / SIGNATURE_FILE).exists() else []
    return [MANIFEST_FILE, *signed, *bundle_files(manifest)]


def _require_room(source: Path, manifest: BundleManifest, folder: Path) -> int:
    n_bytes = sum((source / file).stat().st_size for file in _copied_files(source, manifest))
    free = shutil.disk_usage(folder).free
    if free < n_bytes + _SPARE_BYTES:
        raise RefusedError(
            f"{folder}: {free / 1e6:.0f} MB are free; the bundle takes {n_bytes / 1e6:.0f} MB, and {_SPARE_BYTES / 1e6:.0f} MB stay free;"
            " forerun bundle remove NAME makes room"
        )
    return n_bytes


def _copy(source: Path, manifest: BundleManifest, half: Path) -> None:
    """Copy the files that the manifest names; on the disk, readable by all, when this returns."""
    half.mkdir()
    half.chmod(0o755)
    for file in _copied_files(source, manifest):
        # What is followed here could be exchanged while it is copied: so no link, and nothing that waits.
        descriptor = os.open(source / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as read, (half / file).open("xb") as written:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BundleError(f"{source / file}: is no plain file")
            shutil.copyfileobj(read, written, _PIECE_BYTES)
            written.flush()
            os.fchmod(written.fileno(), 0o644)
            os.fsync(written.fileno())
    sync_folder(half)


def _give_name(half: Path, manifest: BundleManifest, place: ShelfPlace, *, replace: bool) -> Installed:
    """Rename a checked bundle to the name that its content gives it."""
    content = hashlib.sha256((half / MANIFEST_FILE).read_bytes()).hexdigest()
    kept = kept_names(place, own_shelf(place), None)
    for digits in _DIGITS:
        name = f"{manifest.name}-{content[:digits]}"
        if not os.path.lexists(place.bundles / name):
            break
        if _same(place.bundles / name, half, place.state):
            return Installed(name, new=False)
        if not replace:
            where = "beside it, under a longer name" if name in kept else "in its place"
            raise RefusedError(
                f"{place.bundles / name}: there already, and not the same: damaged, or signed otherwise; --replace puts this one {where}"
            )
        if name not in kept:
            take_away(place, name)
            break
    else:
        raise RefusedError(f"{place.bundles}: every name for {manifest.name} is taken")
    os.rename(half, place.bundles / name)  # noqa: PTH104 - the one call that tests break off
    sync_folder(place.bundles)
    return Installed(name, new=True)


def _same(there: Path, half: Path, state: Path) -> bool:
    """Return whether a bundle on the shelf holds the very same files, and is trusted."""
    trust = Trust(root=state)
    try:
        require_nothing_else(there, read_manifest(there, trust))
        if {path.name for path in there.iterdir()} != {path.name for path in half.iterdir()}:
            return False
        return all(read_trusted(there / path.name, trust) == path.read_bytes() for path in half.iterdir())
    except (BundleError, ConfigError, OSError):
        return False
