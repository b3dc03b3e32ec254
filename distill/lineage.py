"""What each artefact of a run was made from, so that nothing is built on a file that has changed underneath it.

`made-from.json` in the run's folder has a line for each artefact: fingerprints of the files behind it and the part of the recipe that
shaped it, noted when its stage begins. Where a stage finds its artefact, or the state of one half made, these must still be true.
An artefact without a line, as of an older version or copied from elsewhere, is taken as it is.

A fingerprint is of what a file says, not of when it was written: an early stage that is run again and comes to the same is no change.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any, cast

from interfaces.durable import write_whole
from interfaces.errors import ConfigError

LINEAGE_FILE = "made-from.json"

Lineage = dict[str, dict[str, Any]]  # artefact -> what it is made from -> fingerprint, or value in the recipe


def check_lineage(folder: Path, made: tuple[str, ...], files: tuple[str, ...], told: dict[str, Any]) -> None:
    """Note what an artefact is about to be made from, or compare where it is already there.

    `made` is the artefact and whatever else shows that its stage has begun, `files` is what it is made from: paths in `folder`,
    or patterns of them; `told` are values of the recipe. What is no longer there cannot be compared, and is not.
    Raises ConfigError naming the artefact, what differs, and what to delete.
    """
    path = folder / LINEAGE_FILE
    lineage = _read(path)
    now: dict[str, Any] = {name: fingerprint(folder, name) for name in files if _there(folder, (name,))}
    now |= cast("dict[str, Any]", json.loads(json.dumps(told)))  # as it comes back from the file
    begun = _there(folder, made)
    if not begun:
        if lineage.get(made[0]) != now:
            write_whole(path, (json.dumps({**lineage, made[0]: now}, indent=1) + "\n").encode())
        return
    for name, was in lineage.get(made[0], {}).items():
        different = _difference(name, was, now[name]) if name in now else None
        if different:
            raise ConfigError(
                str(begun[0]), "file", different,
                f"the same; delete {_in_words(folder, lineage, made)} to make it again, or give another --out",
            )  # fmt: skip


def fingerprint(folder: Path, pattern: str) -> str:
    """Return a hash of what the files of a pattern say; of archives (.npz, .pt) that of their checksums, which is soon read."""
    whole = hashlib.sha256()
    for path in _there(folder, (pattern,)):
        whole.update(f"{path.relative_to(folder)} {_of_file(path)}\n".encode())
    return whole.hexdigest()[:16]


def _of_file(path: Path) -> str:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            # Without names: torch puts the file's own in front of them, and a serialisation id beside them.
            parts = [
                (part.CRC, part.file_size) for part in archive.infolist() if "serialization_id" not in part.filename
            ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> Lineage:
    try:
        return cast("Lineage", json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except ValueError as error:
        raise ConfigError(
            str(path), "file", f"it cannot be read ({error})", "JSON; delete it, and artefacts are taken as they are"
        ) from None


def _there(folder: Path, made: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in made for path in folder.glob(pattern) if ".half" not in path.name)


def _difference(name: str, was: Any, now: Any) -> str | None:
    """Return how two values differ, in words; None where they agree, or one of them is of a version that knew a key less."""
    if isinstance(was, dict) and isinstance(now, dict):
        then, says = cast("dict[str, Any]", was), cast("dict[str, Any]", now)
        changed = [
            f"{key} = {then[key]!r}, now {says[key]!r}" for key in says if key in then and then[key] != says[key]
        ]
        return f"it was made with other values of [{name}]: {', '.join(changed)}" if changed else None
    return None if was == now else f"it was made from another {name} than there is now"


def _in_words(folder: Path, lineage: Lineage, made: tuple[str, ...]) -> str:
    """Return the names of the artefact and of all that is there and was made from it."""
    stale = [made[0]]
    for name in stale:
        stale += [other for other, sources in lineage.items() if name in sources and other not in stale]
    names = [*made, *stale[1:]]
    return ", ".join(name for name in names if _there(folder, (name,)))
