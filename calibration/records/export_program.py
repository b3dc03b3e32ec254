"""The present records of a robot, and what lies beside them, into one file, to be kept or carried to another computer."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from pathlib import Path

from rich.text import Text

from calibration.records.archive import pack
from calibration.session.workplace import Workplace
from interfaces.calibration.record_file import side_files
from interfaces.durable import write_whole
from interfaces.errors import RefusedError
from runtime.record_findings import Finding, examine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, help="file to write: mine-records.zip")
    parser.add_argument("--force", action="store_true", help="write over it")


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Write the file; raises RefusedError where there is nothing to write, or a record is damaged or foreign."""
    _ = workplace.calibration  # refused where there is no such table
    if arguments.file.exists() and not arguments.force:
        raise RefusedError(f"{arguments.file} is there already; --force writes over it")
    findings = examine(arguments.robot, workplace.robot, datetime.now(timezone.utc))
    there = [finding for finding in findings if finding.state != "missing"]
    if not there:
        raise RefusedError(f"{workplace.records}: there is no record yet")
    files = {name: data for finding in there for name, data in _files_of(finding).items()}
    try:
        write_whole(arguments.file, pack(workplace.robot.name, files))
    except OSError as error:
        raise RefusedError(f"{arguments.file} cannot be written: {error.strerror}") from error
    workplace.operator.say(Text(f"{arguments.file}: {', '.join(sorted(files))}"))
    return 0


def _files_of(finding: Finding) -> dict[str, bytes]:
    """Return a record and the files beside it, as they are."""
    if finding.record is None or finding.state == "foreign":
        raise RefusedError(finding.why)
    folder, names = finding.place.folder, side_files(finding.record)
    return {finding.place.path.name: finding.place.path.read_bytes(), **{n: (folder / n).read_bytes() for n in names}}
