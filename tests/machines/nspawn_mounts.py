"""A mount namespace with all that a machine and its robot need, which is gone with the process that holds it.

In it: the machine's disk (a layer over the shared root), a cgroup tree that systemd may own, and pseudo terminals of its own,
which the machine and the simulated robot beside it share: what one opens, the other sees under the same name.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.machines.uml_machine import NotHereError

DIALOUT = 20  # Debian's group of serial ports
HOLD = """
set -e
mount --make-rprivate /
mount -t overlay overlay -o lowerdir={root},upperdir={folder}/upper,workdir={folder}/work {folder}/disk
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
mount -t devpts -o newinstance,gid={dialout},mode=0660,ptmxmode=0666 devpts /dev/pts
echo held
exec cat
"""
PROMPT = "held"


class PrivateMounts:
    """Holds the namespace for as long as the `with` block lasts, or this process lives."""

    def __init__(self, root: Path, folder: Path) -> None:
        """`root` is the shared Debian, `folder` an empty one for the layer over it."""
        self._script = HOLD.format(root=shlex.quote(str(root)), folder=shlex.quote(str(folder)), dialout=DIALOUT)
        self._folder = folder

    def __enter__(self) -> PrivateMounts:
        """Mount everything; raises NotHereError where that is not allowed."""
        for name in ("upper", "work", "disk"):
            (self._folder / name).mkdir()
        hold = ["unshare", "--mount", "sh", "-c", self._script]
        # It reads its input until that ends: with this process, however this one ends.
        self._holder = subprocess.Popen(
            hold,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline().strip() != PROMPT:
            said = self._holder.communicate()[1].strip()
            raise NotHereError(f"a mount namespace with a cgroup tree of its own cannot be had: {said}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of it."""
        self._holder.communicate()

    @property
    def disk(self) -> Path:
        """Return the machine's file system, as seen from outside the namespace; there also while the machine is off."""
        return Path(f"/proc/{self._holder.pid}/root{self._folder}/disk")

    def within(self, command: Sequence[str], work: Path) -> list[str]:
        """Return what runs a command in the namespace, in folder `work`, and ends it when this thread ends."""
        enter = ["nsenter", f"--target={self._holder.pid}", "--mount", f"--wd={work}"]
        return [*enter, "setpriv", "--pdeathsig", "KILL", *command]
