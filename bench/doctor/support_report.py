"""What people send when they ask for help: one file with the findings, the journal of our units, the robot file, its records, versions.

No secrets: no keys, no passwords, no environment, no pictures, nothing of other programs. What is inside is told before it is written.
"""

from __future__ import annotations

import gzip
import io
import platform
import tarfile
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.doctor.asking import Ask
from bench.doctor.packages import read_packages
from bench.doctor.reading import entries, text
from interfaces.durable import write_whole
from interfaces.errors import CalibrationError, RefusedError
from interfaces.robot_config import RobotConfig
from runtime.record_findings import records_folder

_JOURNAL_LINES = 5000
_FILE_BYTES_MAX = 4_000_000  # of each file; the end of a journal matters more than its beginning
_RECORDS_MAX = 40
_SYSTEM = ("etc/os-release", "etc/nv_tegra_release", "proc/version", "proc/cmdline")
_UNITS = "forerun*"

Contents = Mapping[str, bytes]  # name in the archive -> content


def collect(robot_file: Path, robot: RobotConfig | None, root: Path, ask: Ask) -> dict[str, bytes]:
    """Return what is to be sent beside the findings, by name; what is not there is left out."""
    found = {"versions.txt": _versions(root).encode(errors="replace")}
    journal = ask([
        "journalctl", "--no-pager", "--boot", f"--lines={_JOURNAL_LINES}", "--output=short-iso-precise", f"--unit={_UNITS}",
    ])  # fmt: skip
    found["journal.txt"] = (journal.text or f"({journal.trouble})\n").encode(errors="replace")
    units = ask(["systemctl", "--no-pager", "--all", "--plain", "list-units", _UNITS])
    found["units.txt"] = (units.text or f"({units.trouble})\n").encode(errors="replace")
    told = text(robot_file, _FILE_BYTES_MAX)
    if told is not None:
        found["robot.toml"] = told.encode(errors="replace")
    return {name: content[-_FILE_BYTES_MAX:] for name, content in {**found, **_records(robot_file, robot)}.items()}


def contents_shown(contents: Contents) -> str:
    """Return what is inside, for a person to read before it is sent."""
    width = max(len(name) for name in contents)
    lines = [f"  {name:<{width}}  {len(content) / 1000:7.1f} kB" for name, content in sorted(contents.items())]
    said = "no keys, passwords, environment or pictures; the names of this robot, its devices and their serial numbers are in it"
    return "\n".join(["the report holds:", *lines, f"  {said}"])


def write_report(path: Path, contents: Contents, now: datetime) -> None:
    """Write the archive to `path`; it appears whole or not at all. Raises RefusedError where it cannot be written."""
    packed = io.BytesIO()
    folder = path.name.partition(".")[0] or "report"
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=int(now.timestamp())) as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(now.timestamp()), 0o644
            archive.addfile(entry, io.BytesIO(content))
    try:
        write_whole(path, packed.getvalue())
    except OSError as error:
        raise RefusedError(f"{path}: cannot be written: {error.strerror}") from error


def _records(robot_file: Path, robot: RobotConfig | None) -> dict[str, bytes]:
    try:
        folder = records_folder(robot_file, robot) if robot else None
    except CalibrationError:
        return {}
    files = entries(folder, "*.toml")[:_RECORDS_MAX] if folder else []
    told = {f"calibration/{file.name}": text(file, _FILE_BYTES_MAX) for file in files}
    return {name: content.encode(errors="replace") for name, content in told.items() if content is not None}


def _versions(root: Path) -> str:
    try:
        ours = version("forerun")
    except PackageNotFoundError:
        ours = "a checkout"
    lines = [f"forerun {ours}", f"Python {platform.python_version()} on {platform.machine()}", platform.platform(), ""]
    for name in _SYSTEM:
        told = text(root / name)
        lines += [f"/{name}:", told, ""] if told else []
    packages = read_packages().installed
    return "\n".join([*lines, "packages:", *(f"{name}=={number}" for name, number in sorted(packages.items())), ""])
