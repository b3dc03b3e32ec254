"""Versions of forerun to install: this checkout as it is, and three others made from it, of which two do not work."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import zipfile
from enum import Enum
from pathlib import Path

from tests.machines.nspawn_root import PYTHON
from tests.machines.uml_machine import NotHereError

REPOSITORY = Path(__file__).parents[2]
CHECKOUTS = "/mnt/forerun"  # where the machine sees the checkouts, and beside each its folder of wheels
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "runs", "tests", "typings", "*.egg-info")


class Version(Enum):
    """A version; its value is the name of its folder."""

    FIRST = "first"
    SECOND = "second"
    BROKEN = "broken"
    UNREADY = "unready"


# What makes each another version: a file, and what stands at its end.
CHANGES = {
    Version.SECOND: ("runtime/service/notifier.py", "\n# Another version.\n"),
    Version.BROKEN: ("runtime/command/gate.py", '\nraise RuntimeError("a version that is broken")\n'),
    Version.UNREADY: (
        "runtime/service/notifier.py",
        '\nif os.environ.get("NOTIFY_SOCKET"):\n    raise RuntimeError("a version that never becomes ready")\n',
    ),
}


def make_first(folder: Path) -> None:
    """Copy this checkout, which may change while the trials run, and make its wheels; raises NotHereError."""
    checkout, wheels = folder / Version.FIRST.value, folder / f"{Version.FIRST.value}-wheels"
    shutil.copytree(REPOSITORY, checkout, ignore=LEFT_OUT, symlinks=True)
    command = [str(checkout / "install.sh"), "bundle-wheels", str(wheels), "--python", PYTHON]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "; ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise NotHereError(f"install.sh bundle-wheels: status {done.returncode}: {said}")


def make_other(folder: Path, version: Version) -> None:
    """Make another version from the first, wheels and all."""
    first, checkout = folder / Version.FIRST.value, folder / version.value
    wheels = folder / f"{version.value}-wheels"
    shutil.copytree(first, checkout, symlinks=True)
    changed, addition = CHANGES[version]
    with (checkout / changed).open("a") as file:
        file.write(addition)
    wheels.mkdir()
    for wheel in (folder / f"{Version.FIRST.value}-wheels").glob("*.whl"):
        if wheel.name.startswith("forerun-"):
            change_wheel(wheel, wheels / wheel.name, changed, addition)
        else:
            (wheels / wheel.name).hardlink_to(wheel)
    seal(checkout, wheels)


def change_wheel(wheel: Path, changed: Path, name: str, addition: str) -> None:
    """Write the wheel once more, with something at the end of one of its files."""
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        text = old.read(name) + addition.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
        for entry in old.infolist():
            data = text if entry.filename == name else old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                lines = data.decode().splitlines()
                data = "\n".join(
                    f"{name},sha256={digest},{len(text)}" if line.startswith(f"{name},") else line for line in lines
                ).encode()
            new.writestr(entry, data)


def seal(checkout: Path, wheels: Path) -> None:
    """Write what install.sh wants to find beside wheels, by its own hand."""
    script = (
        'cd "$1"; SOURCE=; ROOT=; source provision/versions.sh; source provision/packages.sh;'
        ' source_hash; seal_folder "$2" "$3" "$(uname -m)"'
    )
    subprocess.run(["bash", "-euc", script, "bash", str(checkout), str(wheels), PYTHON], check=True)
