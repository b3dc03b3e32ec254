"""A robot's records in one file, to be carried to another computer: a zip of the records, what lies beside them, and a manifest.

The same records make the same file, bit by bit. Whoever unpacks gets all of it, verified, or a RefusedError; nothing is written here,
and no name in it is ever used as a path.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.record_file import RecordPlace, side_files, unseal
from interfaces.calibration_config import RECORD_KINDS, RecordKind
from interfaces.errors import CalibrationError, ConfigError, RefusedError
from interfaces.toml_loader import parse_toml, require
from interfaces.toml_writer import to_toml

FORMAT = 1
MANIFEST = "manifest.toml"
SIZE_MAX_BYTES = 64_000_000  # of all in it; landmarks take some 100 kB a camera
_FILES_MAX = 200
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can tell
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}")
# What the standard library raises on bytes that are no zip, beside what it calls BadZipFile.
_NO_ZIP = (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OverflowError, OSError, struct.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """One file of an archive."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveManifest:
    """What an archive holds."""

    format: int
    robot: str
    files: tuple[ArchivedFile, ...]

    def __post_init__(self) -> None:
        """Check the format."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedRecord:
    """A record with the files beside it, by the names it gives them."""

    record: AnyRecord
    files: Mapping[str, bytes]


def pack(robot: str, files: Mapping[str, bytes]) -> bytes:
    """Return the archive of these files, records and those beside them, by name."""
    listed = tuple(ArchivedFile(name=name, sha256=_sha256(files[name])) for name in sorted(files))
    manifest = to_toml(ArchiveManifest(format=FORMAT, robot=robot, files=listed)).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:  # zlib's bytes differ from one version to another
        for name, data in [(MANIFEST, manifest), *((name, files[name]) for name in sorted(files))]:
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, data)
    return packed.getvalue()


def unpack(data: bytes, source: str) -> tuple[str, list[ArchivedRecord]]:
    """Return of which robot an archive is, and its records; `source` is where it comes from, for messages.

    Raises RefusedError for anything that is not exactly as its manifest says.
    """
    files = _read_zip(data, source)
    manifest = _manifest(files, source)
    listed = {file.name: file.sha256 for file in manifest.files}
    found = {name: _sha256(content) for name, content in files.items() if name != MANIFEST}
    if listed != found:
        odd = sorted({name for name, _ in listed.items() ^ found.items()})
        raise RefusedError(f"{source}: {', '.join(odd)}: not as the manifest says; the file is damaged")
    stems = [name.removesuffix(".toml") for name in found if name.endswith(".toml")]
    records = [_record(stem, manifest.robot, files, source) for stem in sorted(stems)]
    claimed = {name for each in records for name in each.files}
    spare = sorted(name for name in found if not name.endswith(".toml") and name not in claimed)
    if spare:
        raise RefusedError(f"{source}: {', '.join(spare)}: belongs to no record in it")
    return manifest.robot, records


def _read_zip(data: bytes, source: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if len(names) > _FILES_MAX or len(set(names)) != len(names) or not all(map(_NAME.fullmatch, names)):
                raise RefusedError(f"{source}: names files that no export of forerun names")
            if sum(entry.file_size for entry in entries) > SIZE_MAX_BYTES:
                raise RefusedError(f"{source}: more than {SIZE_MAX_BYTES} bytes: no export of forerun")
            return {entry.filename: _read_entry(archive, entry) for entry in entries}
    except _NO_ZIP as error:
        raise RefusedError(f"{source}: no export of forerun, or a damaged one: {error}") from error


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile("it is compressed")
    with archive.open(entry) as file:
        return file.read(SIZE_MAX_BYTES)


def _manifest(files: Mapping[str, bytes], source: str) -> ArchiveManifest:
    if MANIFEST not in files:
        raise RefusedError(f"{source}: no {MANIFEST} in it: no export of forerun")
    try:
        return parse_toml(files[MANIFEST].decode(), ArchiveManifest, MANIFEST)
    except (UnicodeDecodeError, ConfigError) as error:
        raise RefusedError(f"{source}: {error}") from error


def _record(stem: str, robot: str, files: Mapping[str, bytes], source: str) -> ArchivedRecord:
    kind_name, _, subject = stem.partition("-")
    kind: RecordKind | None = next((kind for kind in RECORD_KINDS if kind == kind_name), None)
    if kind is None:
        raise RefusedError(f"{source}: {stem}.toml: no kind of record that this version of forerun knows")
    try:
        record = unseal(files[f"{stem}.toml"], RecordPlace(folder=Path(source), kind=kind, subject=subject))
    except CalibrationError as error:
        raise RefusedError(str(error).partition("; make a new one")[0]) from error
    if record.header.robot != robot:
        raise RefusedError(f"{source}: {stem}.toml is of robot {record.header.robot!r}, the manifest of {robot!r}")
    beside = {name: files.get(name, b"") for name in side_files(record)}
    wrong = [name for name, sha256 in side_files(record).items() if _sha256(beside[name]) != sha256]
    if wrong:
        raise RefusedError(f"{source}: {wrong[0]}, which belongs to {stem}.toml, is missing or was changed")
    return ArchivedRecord(record=record, files=beside)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
