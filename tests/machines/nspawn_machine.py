"""A Debian that systemd boots as on a robot: a container of systemd-nspawn, which sees no network but its own loopback.

What it writes stays from boot to boot, until its folder is deleted. Whatever happens, nothing of it outlives the one who started it.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tests.machines.nspawn_mounts import PrivateMounts

T = TypeVar("T")
BOOT_S = 60.0
OFF_S = 60.0
COMMAND_S = 120.0
LOOK_S = 0.02
CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
REMOVALS = 100
START = """
mkdir -p /sys/fs/cgroup/{name}
echo $$ >/sys/fs/cgroup/{name}/cgroup.procs
exec setpriv --pdeathsig TERM systemd-nspawn --quiet --boot --directory=disk --machine={name} --private-network --register=no --keep-unit \
  --console=pipe --capability=CAP_SYS_NICE,CAP_IPC_LOCK --bind=/dev/pts {binds}
"""
INSIDE = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root")


class MachineError(Exception):
    """The machine did not do what was asked of it, in time."""


class NspawnMachine:
    """A machine on the disk of `mounts`, with `folder` for its own files; `binds` are options of systemd-nspawn."""

    def __init__(self, mounts: PrivateMounts, folder: Path, binds: Sequence[str] = ()) -> None:
        """Remember what to start."""
        self._mounts = mounts
        self._folder = folder
        self._name = f"forerun-{os.getpid()}"
        self._script = START.format(name=self._name, binds=shlex.join(binds))
        self._process: subprocess.Popen[bytes] | None = None
        self.leader = 0  # its first process, as seen from here

    @property
    def files(self) -> Path:
        """Return its file system as it sees it, /run and all, while it runs."""
        return Path(f"/proc/{self.leader}/root")

    @property
    def console(self) -> str:
        """Return what it said on its console."""
        return (self._folder / "console.txt").read_text(errors="replace")

    def boot(self) -> None:
        """Switch it on, and return as soon as its systemd answers; raises MachineError."""
        with (self._folder / "console.txt").open("ab") as console:
            self._process = subprocess.Popen(
                self._mounts.within(["sh", "-e", "-c", self._script], self._folder),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                start_new_session=True,  # Ctrl-C is for us, who then end it
            )
        self.leader = until(self._find_leader, BOOT_S, "the container has a first process")
        until(lambda: self.ask("systemctl", "show", "-P", "Version")[0] == 0, BOOT_S, "systemd answers")

    def power_off(self) -> None:
        """Switch it off in order."""
        if self._process is not None:
            self.ask("systemctl", "poweroff")
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(OFF_S)
        self.close()

    def close(self) -> None:
        """End whatever is left of it."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                if process.poll() is None and self.leader:
                    os.kill(self.leader, signal.SIGKILL)  # the kernel ends all that is inside with its first process
            process.kill()
            process.wait()
            remove_cgroup(self._name)

    def ask(self, *command: str, timeout_s: float = COMMAND_S) -> tuple[int, str]:
        """Run a command inside, as root; return its status and what it said."""
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        done = subprocess.run(
            [*enter, "env", "--ignore-environment", *INSIDE, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
        return done.returncode, done.stdout.decode(errors="replace").strip()

    def do(self, *command: str, timeout_s: float = COMMAND_S) -> str:
        """Run a command that must succeed; raises MachineError with what it said."""
        status, said = self.ask(*command, timeout_s=timeout_s)
        if status:
            raise MachineError(f"{shlex.join(command)}: status {status}: {said}")
        return said

    def _find_leader(self) -> int:
        assert self._process is not None
        if self._process.poll() is not None:
            raise MachineError(f"systemd-nspawn ended: {self.console[-2000:]}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return next((int(child) for child in children if is_first_process(int(child))), 0)


def is_first_process(pid: int) -> bool:
    """Return whether a process is the first of a process namespace, and systemd already."""
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        ids = next(line.split()[1:] for line in status if line.startswith("NSpid:"))
        return len(ids) > 1 and ids[-1] == "1" and status[0].split()[1] == "systemd"
    return False


def until(look: Callable[[], T], patience_s: float, what: str) -> T:
    """Return what `look` returns as soon as that is true; raises MachineError saying `what` did not come about."""
    t_end_ns = time.monotonic_ns() + round(patience_s * 1e9)
    while not (found := look()):
        if time.monotonic_ns() > t_end_ns:
            raise MachineError(f"not within {patience_s:g} s: {what}")
        time.sleep(LOOK_S)
    return found


def remove_cgroup(name: str) -> None:
    """Remove what the machine leaves of its cgroup tree, wherever that is mounted out here; its last processes may still be ending."""
    folders = [folder for place in CGROUPS if (folder := Path(place) / name).is_dir()]
    for _attempt in range(REMOVALS):
        for folder in folders:
            inner = [path for path in folder.rglob("*") if path.is_dir()]
            for each in (*sorted(inner, reverse=True), folder):
                with suppress(OSError):
                    each.rmdir()
        if not any(folder.exists() for folder in folders):
            return
        time.sleep(LOOK_S)
