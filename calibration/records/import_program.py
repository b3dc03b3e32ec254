"""A robot's records out of the file that `forerun calibrate export` wrote; the present ones go to the history.

All of it is verified before anything is written. Records of another robot are refused: servos have no serial numbers, and so
nothing else might tell the arms apart. Where it is the same robot under another name, say so: --of OLD-NAME.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from rich.text import Text

from calibration.records.archive import SIZE_MAX_BYTES, ArchivedRecord, unpack
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.calibration.any_record import AnyRecord
from interfaces.errors import CalibrationError, RefusedError
from runtime.record_findings import judge, made_at, record_places


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, help="file that `forerun calibrate export` wrote")
    parser.add_argument("--of", metavar="NAME", help="the same robot, called NAME when the file was written")
    parser.add_argument("--older", action="store_true", help="also what is older than the present record")


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Verify the file, then make its records the present ones; raises RefusedError where it does not fit this robot."""
    _ = workplace.calibration  # refused where there is no such table
    store = RecordStore(workplace.records, arguments.robot)
    known = {place.path.name for place in record_places(arguments.robot, workplace.robot)}
    robot, archived = unpack(_read(arguments.file), str(arguments.file))
    records = [_renamed(each, robot, workplace.robot.name, arguments) for each in archived]
    for each in records:
        if store.path(each.record.kind, each.record.header.subject).name not in known:
            raise RefusedError(f"{arguments.file}: {_name(each.record)}: the robot file has no such camera")
        _require_fit(each.record, workplace, arguments)
    fresh = [each for each in records if _is_fresh(store, each.record, older=arguments.older)]
    for each in fresh:
        store.save(each.record, each.files)
    said = ", ".join(_name(each.record) for each in fresh) or "nothing that is not there already"
    workplace.operator.say(Text(f"{workplace.records}: {said}"))
    return 0


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(2 * SIZE_MAX_BYTES)
    except OSError as error:
        raise RefusedError(f"{file} cannot be read: {error.strerror}") from error
    return data


def _renamed(archived: ArchivedRecord, was: str, now: str, arguments: argparse.Namespace) -> ArchivedRecord:
    """Return the record as one of this robot, where that was said; raises RefusedError where it is another's."""
    if was == now:
        return archived
    if arguments.of != was:
        raise RefusedError(
            f"{arguments.file} is of robot {was!r}, this is {now!r}; another robot's records would move this one wrongly."
            f" Where it is the same robot, and only its name changed: --of {was}"
        )
    note = f"{archived.record.header.note} (of robot {was}, imported)".strip()
    header = replace(archived.record.header, robot=now, note=note)
    return ArchivedRecord(record=replace(archived.record, header=header), files=archived.files)


def _require_fit(record: AnyRecord, workplace: Workplace, arguments: argparse.Namespace) -> None:
    state, why = judge(record, workplace.robot, datetime.now(timezone.utc))
    if state in {"foreign", "damaged"}:
        raise RefusedError(f"{arguments.file}: {_name(record)}: {why}")


def _is_fresh(store: RecordStore, record: AnyRecord, *, older: bool) -> bool:
    """Return whether the record is to be saved: not the present one; raises RefusedError where that is newer."""
    with contextlib.suppress(CalibrationError, ValueError):  # anything is better than a damaged one
        present = store.current(record.kind, record.header.subject)
        if present == record:
            return False
        if present is not None and made_at(present) > made_at(record) and not older:
            raise RefusedError(
                f"{_name(record)}: the present record is newer ({present.header.created} against"
                f" {record.header.created}); --older takes the older one all the same"
            )
    return True


def _name(record: AnyRecord) -> str:
    return f"{record.kind} {record.header.subject}".strip()
