"""The records of one robot, in one folder: the present ones, and in history/ those before.

    joints.toml  camera-front.toml  view-front.toml  view-front@3f2a99c01b77.npz  history/joints@20261121T150405Z.toml

A save is whole or not at all, whenever the program or the computer dies: files beside a record are named after their content,
so that they never replace those of the record before; that record is copied to the history; and only then the new one takes
its name, in one step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import re
from collections.abc import Generator, Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.record_file import KINDS_OF_CAMERA, RecordPlace, read_record, seal, side_files
from interfaces.calibration_config import RecordKind
from interfaces.durable import write_whole
from interfaces.errors import CalibrationError, ConfigError, RefusedError

_HASH_DIGITS = 12
_LOCK = ".lock"
_STAMP = "%Y%m%dT%H%M%SZ"


class RecordStore:
    """The records in one folder; `robot_file` is named in the messages."""

    def __init__(self, folder: Path, robot_file: Path | None = None) -> None:
        self.folder = folder
        self._robot_file = robot_file

    def place(self, kind: RecordKind, subject: str = "") -> RecordPlace:
        """Return where a record is, and how it is called in messages."""
        return RecordPlace(folder=self.folder, kind=kind, subject=subject, robot_file=self._robot_file)

    def path(self, kind: RecordKind, subject: str = "") -> Path:
        """Return where a record is; raises CalibrationError for a subject that is no plain name."""
        return self.place(kind, subject).path

    def current(self, kind: RecordKind, subject: str = "") -> AnyRecord | None:
        """Return the present record, None where there is none; raises CalibrationError for one that is damaged."""
        place = self.place(kind, subject)
        return None if place.is_empty() else read_record(place)

    def history(self, kind: RecordKind, subject: str = "") -> list[Path]:
        """Return the records before the present one, the oldest first."""
        stem = self.place(kind, subject).stem
        name = re.compile(re.escape(stem) + r"@(\d{8}T\d{6}Z)(?:\.(\d+))?\.toml")
        found = [(name.fullmatch(path.name), path) for path in (self.folder / "history").glob("*.toml")]
        dated = [(match[1], int(match[2] or 1), path) for match, path in found if match]
        return [path for _, _, path in sorted(dated)]

    def require_writable(self) -> None:
        """Raise RefusedError where a record could not be saved: better before ten minutes of work than after. Makes nothing."""
        there = next(path for path in (self.folder, *self.folder.absolute().parents) if _seen(path))
        lock = self.folder / _LOCK
        writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
        if not writable or (_seen(lock) and not os.access(lock, os.W_OK)):
            raise RefusedError(f"{there}: no records can be written there by this user, or it is no folder")

    def save(self, record: AnyRecord, files: Mapping[str, bytes] | None = None) -> Path:
        """Make `record` the present one, keep the one before in the history, and return the file.

        `files` are those beside it, by the names that the record's keys `x_file` give them; they are renamed after their
        content, in the record too, and their `x_sha256` filled in. Raises RefusedError where a failed record would replace
        one that passed, or the folder cannot be written; ConfigError for a record that could not be read back.
        """
        place = self.place(record.kind, record.header.subject)
        if bool(place.subject) != (place.kind in KINDS_OF_CAMERA):
            expected = "the name of its camera" if place.kind in KINDS_OF_CAMERA else "nothing: it is about no camera"
            raise ConfigError(place.kind, "header.subject", place.subject, expected)
        record, contents = _named_by_content(record, place.stem, files or {})
        data = seal(record)
        try:
            with self._locked():
                self._refuse_worse(place, record)
                self._replace(place, data, contents)
        except OSError as error:
            raise RefusedError(
                f"{place.path} cannot be written: {error.strerror}; the record before is untouched"
            ) from error
        return place.path

    def _replace(self, place: RecordPlace, data: bytes, contents: Mapping[str, bytes]) -> None:
        """Do it in steps of which each may be the last; only the rename makes the new record the present one."""
        if not place.is_empty():
            self._keep(place)
        for name, content in contents.items():
            write_whole(self.folder / name, content)
        write_whole(place.path, data)
        self._tidy(place, contents)

    def _keep(self, place: RecordPlace) -> None:
        """Copy the present record and the files beside it to the history, unless it is there (after a save that was cut off)."""
        old = place.path.read_bytes()
        folder = self.folder / "history"
        folder.mkdir(exist_ok=True)
        if any(path.read_bytes() == old for path in self.history(place.kind, place.subject)):
            return
        for path in self.folder.glob(f"{place.stem}@*"):
            write_whole(folder / path.name, path.read_bytes())
        write_whole(_unused(folder / f"{place.stem}@{_stamp(place)}.toml"), old)

    def _tidy(self, place: RecordPlace, contents: Mapping[str, bytes]) -> None:
        """Remove the files that only a record before needed: the history has them."""
        for path in self.folder.glob(f"{place.stem}@*"):
            if path.name not in contents:
                path.unlink()

    def _refuse_worse(self, place: RecordPlace, record: AnyRecord) -> None:
        if record.header.passed:
            return
        with contextlib.suppress(CalibrationError):  # anything is better than a damaged one
            current = self.current(place.kind, place.subject)
            if current is not None and current.header.passed:
                raise RefusedError(f"{place.path}: a calibration that failed does not replace one that passed")

    @contextlib.contextmanager
    def _locked(self) -> Generator[None, None, None]:
        """Keep other programs from writing; the lock ends with the program, however it ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            for left_over in self.folder.rglob(".*.tmp"):
                left_over.unlink()
            yield


def _seen(path: Path) -> bool:
    """Return whether something is there that this user may look at."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def _named_by_content(record: AnyRecord, stem: str, files: Mapping[str, bytes]) -> tuple[AnyRecord, dict[str, bytes]]:
    """Return the record with its side files named after what is in them, and these by their new names."""
    if set(side_files(record)) != set(files):
        expected = f"as the record names them, {sorted(side_files(record))}"
        raise ConfigError(record.kind, "side files", sorted(files), expected)
    keys = [field.name.removesuffix("_file") for field in dataclasses.fields(record) if field.name.endswith("_file")]
    changes: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    for key in keys:
        old_name = getattr(record, f"{key}_file")
        sha256 = hashlib.sha256(files[old_name]).hexdigest()
        new_name = f"{stem}@{sha256[:_HASH_DIGITS]}{PurePosixPath(old_name).suffix}"
        changes |= {f"{key}_file": new_name, f"{key}_sha256": sha256}
        contents[new_name] = files[old_name]
    return dataclasses.replace(record, **changes), contents


def _stamp(place: RecordPlace) -> str:
    """Return when a record was made; of one that does not tell, when its file was."""
    with contextlib.suppress(CalibrationError, ValueError):
        return datetime.fromisoformat(read_record(place).header.created.replace("Z", "+00:00")).strftime(_STAMP)
    return datetime.fromtimestamp(place.path.stat().st_mtime, timezone.utc).strftime(_STAMP)


def _unused(path: Path) -> Path:
    """Return `path`, or, where there is such a file, the same with a number."""
    n_more = 1
    free = path
    while free.exists():
        n_more += 1
        free = path.with_name(f"{path.stem}.{n_more}{path.suffix}")
    return free
