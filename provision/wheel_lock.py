"""Take from a lock what one kind of robot needs, a file a package: markers decided for its Python and machine, hashes as they are.

python provision/wheel_lock.py requirements-robot.txt --python 3.10 --machine aarch64 --each FOLDER

pip can download for another machine, but decides markers by the Python that it runs on itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement


def blocks(text: str) -> Iterator[tuple[Requirement, str]]:
    """Return each requirement of a lock, and its hash options."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        said, *hashes = line.split(" --hash=")
        yield Requirement(said.strip()), "".join(f" --hash={each.strip()}" for each in hashes)


def environment(python: str, machine: str) -> dict[str, str]:
    """Return what markers ask for, of CPython `python` on Linux."""
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }


def write_each(lock: Path, python: str, machine: str, folder: Path) -> None:
    """Write one requirements file for each package that such a robot needs, named as the package and its version."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = environment(python, machine)
    for requirement, hashes in blocks(lock.read_text(encoding="utf-8")):
        if requirement.marker is None or requirement.marker.evaluate(asked):
            pinned = f"{requirement.name}{requirement.specifier}"
            (folder / pinned).write_text(f"{pinned}{hashes}\n", encoding="utf-8")


def main() -> None:
    """Read the options, and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--python", required=True, metavar="3.10")
    parser.add_argument("--machine", required=True, metavar="aarch64")
    parser.add_argument("--each", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    write_each(arguments.lock, arguments.python, arguments.machine, arguments.each)


if __name__ == "__main__":
    main()
