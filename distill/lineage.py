"""What each artefact of a run was made from, so that nothing is built on a file that has changed underneath it.

`made-from.json` in the run's folder has an entry for each artefact: fingerprints of the files behind it and the part of the recipe
that shaped it, noted when its stage begins. Where a stage finds its artefact, or the state of one half made, these must still be true.
An artefact without an entry, as of an older version or copied from elsewhere, is taken as it is.

A fingerprint is of what a file says, not of when it was written: an early stage that is run again and comes to the same is no change.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any, TypedDict, cast

from interfaces.durable import write_whole
from interfaces.errors import ConfigError

LINEAGE_FILE = "made-from.json"
_ARCHIVES = {".npz", ".pt"}


class Entry(TypedDict):
    """What is noted of an artefact."""

    sources: list[str]  # paths or patterns in the run's folder
    files: dict[str, str]  # the files that these were, and their fingerprints
    recipe: dict[str, Any]


Lineage = dict[str, Entry]


def check_lineage(folder: Path, made: tuple[str, ...], sources: tuple[str, ...], told: dict[str, Any]) -> None:
    """Note what an artefact is about to be made from, or compare where it is already there.

    `made` is the artefact and whatever else shows that its stage has begun, `sources` is what it is made from: paths in `folder`,
    or patterns of them; `told` are tables of the recipe. A source that is no longer there cannot be compared, and is not.
    Raises ConfigError naming the artefact, what differs, and what to delete; or a file that is not whole.
    """
    path = folder / LINEAGE_FILE
    lineage, begun = _read(path), _there(folder, made)
    files = {str(file.relative_to(folder)): fingerprint(file) for file in _there(folder, sources)}
    now = Entry(sources=[*sources], files=files, recipe=json.loads(json.dumps(told)))  # as it comes back from the file
    if not begun:
        if lineage.get(made[0]) != now:
            write_whole(path, (json.dumps({**lineage, made[0]: now}, indent=1) + "\n").encode())
        return
    for file in begun:
        if file.suffix in _ARCHIVES:
            fingerprint(file)
    different = _difference(lineage[made[0]], now) if made[0] in lineage else None
    if different:
        raise ConfigError(
            str(begun[0]), "file", different,
            f"the same; delete {_in_words(folder, lineage, made)} to make it again, or give another --out",
        )  # fmt: skip


def fingerprint(path: Path) -> str:
    """Return a hash of what a file says; of archives (.npz, .pt) that of their checksums, which is soon read.

    Raises ConfigError where an archive is not whole.
    """
    if path.suffix not in _ARCHIVES or not _begins_as_archive(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    try:
        with zipfile.ZipFile(path) as archive:
            # Without names: torch puts the file's own in front of them, and a serialisation id beside them.
            parts = [
                (part.CRC, part.file_size) for part in archive.infolist() if "serialization_id" not in part.filename
            ]
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(
            str(path), "file", f"it cannot be read ({error})", "a whole file; delete it to have it made again"
        ) from None
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _begins_as_archive(path: Path) -> bool:
    """Return whether a file begins as a zip archive does, or is empty; weights of others may be in torch's older format."""
    with path.open("rb") as file:
        return file.read(2) in {b"PK", b""}


def _read(path: Path) -> Lineage:
    """Return what is noted; entries of another version count as none."""
    try:
        told = cast("dict[str, dict[str, Any]]", json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except ValueError as error:
        raise ConfigError(
            str(path), "file", f"it cannot be read ({error})", "JSON; delete it, and artefacts are taken as they are"
        ) from None
    return {made: cast("Entry", entry) for made, entry in told.items() if Entry.__required_keys__ <= entry.keys()}


def _there(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if ".half" not in path.name)


def _difference(was: Entry, now: Entry) -> str | None:
    """Return how two entries differ, in words."""
    for name, found in now["files"].items() if was["files"] else ():
        if name not in was["files"]:
            return f"it was made without {name}, which is there now"
        if was["files"][name] != found:
            return f"it was made from another {name} than there is now"
    for table, says in now["recipe"].items():
        changed = _changed_values(was["recipe"].get(table, says), says)
        if changed:
            return f"it was made with other values of [{table}]: {changed}"
    return None


def _changed_values(then: dict[str, Any], now: dict[str, Any]) -> str:
    """Return the values that differ; keys that only one of them has are of another version, and do not count."""
    shared = [key for key in now if key in then]
    return ", ".join(f"{key} = {then[key]!r}, now {now[key]!r}" for key in shared if then[key] != now[key])


def _in_words(folder: Path, lineage: Lineage, made: tuple[str, ...]) -> str:
    """Return the names of the artefact and of all that is there and was made from it."""
    stale = [made[0]]
    for name in stale:
        stale += [other for other, entry in lineage.items() if name in entry["sources"] and other not in stale]
    names = [*made, *stale[1:]]
    return ", ".join(name for name in names if _there(folder, (name,)))
