"""Virtual CAN interfaces of the kernel, made and broken by its own commands."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Generator
from contextlib import contextmanager


def command(line: str) -> None:
    """Run a command; what it prints is in the error where it fails."""
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{line}: {done.stdout}{done.stderr}")


@contextmanager
def virtual_interface(name: str) -> Generator[str, None, None]:
    """Make an interface, up, for as long as the `with` block lasts; it may be deleted within it."""
    command(f"ip link add {name} type vcan")
    command(f"ip link set {name} up")
    try:
        yield name
    finally:
        subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)
