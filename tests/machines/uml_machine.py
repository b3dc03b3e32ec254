"""User-mode Linux: a Debian kernel as an ordinary program, with this machine's own files as its root, read-only.

It has what the host's kernel may lack: SocketCAN. Source: the kernel's Documentation/virt/uml/user_mode_linux_howto_v2.rst.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.machines.debian_packages import unpack_package

PACKAGE = "user-mode-linux"
MEMORY = "1024M"
PROMPTLY = ("nice", "-n", "-19")  # what runs inside has deadlines; without the right to it, it runs all the same
STATUS = re.compile(r"^forerun-status (\d+)\s*$")  # printed by the start script
REGISTERS = Path(__file__).with_name("uml_registers.c")
MORE_REGISTERS = "amx_tile"  # the processor flag of those that older kernels do not know


class NotHereError(Exception):
    """This machine cannot run it, for a reason that is no fault of ours."""


def fetch_kernel(cache: Path) -> Path:
    """Return the folder of the unpacked package, fetched with apt-get where it is missing; raises NotHereError."""
    folder = cache / "kernel"
    if not (folder / "usr" / "bin" / "linux.uml").exists():
        try:
            unpack_package(PACKAGE, folder)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotHereError(f"Debian's package {PACKAGE} cannot be had: {error}") from error
    return folder


def start_script(kernel: Path, modules: Sequence[str], command: str) -> str:
    """Return what the machine does: load modules, run a command, print its status, and power off."""
    found = next((kernel / "usr" / "lib" / "uml" / "modules").glob("*"))
    files = [next(found.rglob(f"{module}.ko")) for module in modules]
    return "\n".join(
        [
            "#!/bin/sh",
            "export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run",
            "mount -t proc proc /proc",
            "mount -t sysfs sys /sys",
            "mkdir -p /dev/shm /dev/pts",
            "mount -t tmpfs shm /dev/shm",
            "mount -t devpts pts /dev/pts",
            "mount -t tmpfs run /run",  # the one place where something can be written
            *(f"insmod {file} || echo cannot load {file}" for file in files),
            "ip link set lo up",
            command,
            'echo "forerun-status $?"',
            "echo o > /proc/sysrq-trigger",
            "sleep 60",
            "",
        ]
    )


def run_machine(kernel: Path, script: str, folder: Path, timeout_s: float) -> int | None:
    """Boot, print what the machine prints, and return the status of its command; None where it never came to an end.

    `folder` is for its own files. Nothing is left running.
    """
    start = folder / "start.sh"
    start.write_text(script)
    start.chmod(0o755)
    arguments = [
        f"mem={MEMORY}",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        f"init={start}",
        "quiet",
        f"uml_dir={folder}/",
    ]
    arguments += ["con=null", "con0=fd:0,fd:1"]
    process = subprocess.Popen(
        [*PROMPTLY, str(kernel / "usr" / "bin" / "linux.uml"), *arguments],
        env={**os.environ, "TMPDIR": str(folder), **_preload(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # each process inside is one out here, too: all are ended together
        text=True,
        errors="replace",
    )
    alarm = threading.Timer(timeout_s, _end, [process])
    alarm.start()
    try:
        return _listen(process)
    finally:
        alarm.cancel()
        _end(process)
        process.wait()


def _listen(process: subprocess.Popen[str]) -> int | None:
    assert process.stdout is not None
    status = None
    for line in process.stdout:
        if match := STATUS.match(line):
            status = int(match[1])
        else:
            print(line, end="", flush=True)  # noqa: T201
    return status


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _preload(folder: Path) -> dict[str, str]:
    """Return what lets an older kernel run on a newer processor; raises NotHereError where that needs a compiler."""
    if MORE_REGISTERS not in Path("/proc/cpuinfo").read_text().split():
        return {}
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NotHereError(
            "this processor has registers (AMX) that the kernel does not know; with a C compiler it would run"
        )
    library = folder / "uml_registers.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(REGISTERS)], check=True)
    return {"LD_PRELOAD": str(library)}
