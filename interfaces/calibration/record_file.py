"""One calibration record in one file: TOML, and at its end a seal, the hash of all that stands before it.

Whoever reads a record gets it whole, or a CalibrationError that names the file, what is wrong with it, and the command that
makes a new one. `sed '/^\\[seal\\]/,$d' joints.toml | sha256sum` prints the same hash.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast, get_args

from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.record import FORMAT
from interfaces.calibration_config import RecordKind
from interfaces.errors import CalibrationError, ConfigError
from interfaces.toml_loader import parse_table, variant_from_table
from interfaces.toml_writer import to_toml

SIZE_MAX_BYTES = 1_000_000  # a record has a few kB; pictures and landmarks lie in files beside it
KINDS_OF_CAMERA: tuple[RecordKind, ...] = ("camera", "hand_eye", "view", "latency")  # one record for each camera
_SCHEMAS: tuple[type[Any], ...] = get_args(AnyRecord)
_SEAL = re.compile(rb'\[seal\]\nsha256 = "([0-9a-f]{64})"\n')
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlace:
    """Which record, where it lies, and how a new one is made."""

    folder: Path
    kind: RecordKind
    subject: str = ""  # the camera it is about, else empty
    robot_file: Path | None = None  # for the command in messages

    @property
    def stem(self) -> str:
        """Return the name of its file, without ".toml"; raises CalibrationError for a subject that is no plain name."""
        if not self.subject:
            return self.kind
        return f"{self.kind}-{plain_name(self.subject, 'camera')}"

    @property
    def path(self) -> Path:
        """Return the file; raises CalibrationError as `stem`."""
        return self.folder / f"{self.stem}.toml"

    def is_empty(self) -> bool:
        """Return whether there is no file; one that cannot even be looked at counts as there."""
        try:
            self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    @property
    def command(self) -> str:
        """Return the command that makes a new one."""
        robot = shlex.quote(str(self.robot_file)) if self.robot_file else "ROBOT.toml"
        camera = f" --camera {self.subject}" if self.subject else ""
        return f"forerun calibrate {self.kind.replace('_', '-')} {robot}{camera}"

    def refusal(self, what: str) -> CalibrationError:
        """Return the error that says what is wrong with this record, and how to mend it."""
        return CalibrationError(f"{self.path}: {what}; make a new one: {self.command}")


def plain_name(name: str, what: str) -> str:
    """Return the name of a robot or a camera, which becomes that of a folder or a file; raises CalibrationError where it cannot."""
    if not _PLAIN.fullmatch(name):
        raise CalibrationError(
            f"{what} {name!r}: its calibration records are named after it, and so its name may have letters, digits, '-', '_'"
            " and '.' only"
        )
    return name


def seal(record: AnyRecord) -> bytes:
    """Return the file of a record; raises ConfigError for one that could not be read again as it is: NaN, half a character."""
    try:
        body = to_toml(record).encode() + b"\n"
    except UnicodeEncodeError as error:
        raise ConfigError(record.kind, "record", str(error), "text of whole characters") from error
    if _parse(body.decode(), record.kind) != record:
        raise ConfigError(record.kind, "record", record, "values of the declared types")
    return body + b'[seal]\nsha256 = "' + hashlib.sha256(body).hexdigest().encode() + b'"\n'


def read_record(place: RecordPlace) -> AnyRecord:
    """Return the record at its place, its side files found as it left them; raises CalibrationError where anything is wrong."""
    try:
        with place.path.open("rb") as file:
            data = file.read(SIZE_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise place.refusal("the record is missing") from error
    except OSError as error:
        raise place.refusal(f"the record cannot be read: {error.strerror}") from error
    record = unseal(data, place)
    for name, sha256 in side_files(record).items():
        _check_side_file(place, name, sha256)
    return record


def unseal(data: bytes, place: RecordPlace) -> AnyRecord:
    """Return the record in the bytes of its file; raises CalibrationError where they are damaged, or about something else."""
    try:
        text = _unsealed(data, place)
        record = _parse(text, str(place.path))
    except ConfigError as error:
        raise CalibrationError(f"{error}; make a new one: {place.command}") from error
    about = (record.kind, record.header.subject)
    if about != (place.kind, place.subject):
        raise place.refusal(
            f"kind and subject are {about}; expected {(place.kind, place.subject)}, as the file is named"
        )
    return record


def side_files(record: AnyRecord) -> dict[str, str]:
    """Return the names of the files beside a record, with their sha256: of each key `x_file` there is an `x_sha256`."""
    keys = [field.name.removesuffix("_file") for field in fields(record) if field.name.endswith("_file")]
    return {getattr(record, f"{key}_file"): getattr(record, f"{key}_sha256") for key in keys}


def _unsealed(data: bytes, place: RecordPlace) -> str:
    """Return what stands before the seal, which keeps."""
    if len(data) > SIZE_MAX_BYTES:
        raise place.refusal(f"the file is larger than {SIZE_MAX_BYTES} bytes: no record")
    _refuse_other_format(data, place)
    body, mark, _ = data.rpartition(b"\n[seal]\n")
    body += b"\n"
    found = _SEAL.fullmatch(data[len(body) :]) if mark else None
    if found is None:
        raise place.refusal("the [seal] at its end is missing or damaged; expected a whole record")
    digest = hashlib.sha256(body).hexdigest()
    if digest != found[1].decode():
        raise place.refusal(
            f"seal.sha256 is {found[1].decode()[:12]}..., expected {digest[:12]}...: it was changed after it was made"
        )
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise place.refusal("it is no text in UTF-8") from error


def _refuse_other_format(data: bytes, place: RecordPlace) -> None:
    """Refuse a record of another format; one that cannot even be parsed is left to those who look closer."""
    try:
        written = parse_table(data.decode(), str(place.path)).get("format")
    except (UnicodeDecodeError, ConfigError):
        return
    if type(written) is int and written != FORMAT:
        age = "a newer" if written > FORMAT else "an older"
        raise place.refusal(f"written by {age} forerun: format is {written}, expected {FORMAT}")


def _parse(text: str, file: str) -> AnyRecord:
    return cast("AnyRecord", variant_from_table(parse_table(text, file), _SCHEMAS, file))


def _check_side_file(place: RecordPlace, name: str, sha256: str) -> None:
    try:
        data = (place.folder / name).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise place.refusal(f"{name}, which belongs to it, cannot be read") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise place.refusal(f"{name}, which belongs to it, was changed after it was made")
