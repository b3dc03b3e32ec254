"""Real USB and real CAN controllers, without hardware: `python -m tests.machines.qemu_lab` from the repository's root.

Boots a stock Debian kernel in QEMU and runs our drivers inside: an FTDI adapter with emulated servos, unplugged and plugged in
again, also under the command process; two CAN controllers on one wire; a camera. Says what was seen, step by step; ends with
status 1 when a step failed, 3 where it cannot run. Takes a minute or two; needs Debian, and no rights but for missing packages.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.machines.debian_packages import install_programs
from tests.machines.qemu_kernel import Kernel, fetch_kernel, write_start_files
from tests.machines.qemu_machine import Machine, MachineError
from tests.machines.qemu_servos import ServosOnSocket

REPOSITORY = Path(__file__).parents[2]
CACHE = Path.home() / ".cache" / "forerun" / "qemu"
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "ip": "iproute2"}  # program: the package it comes in
TRIALS = {  # trial: the kernel modules that it needs, beside those of the root
    "adapter": ("xhci_pci", "ftdi_sio"),
    "runtime": ("xhci_pci", "ftdi_sio"),
    "can": ("can_raw", "kvaser_pci"),
    "camera": ("vivid",),
    "uvc": ("vivid",),
}
SILENCE_S = 120.0  # no trial is quiet for so long
TOTAL_S = 600.0
NOT_HERE = 3


def main() -> int:
    """Run the trials; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"of {', '.join(TRIALS)}; all unless named")
    trials = parser.parse_args().trials or list(TRIALS)
    if not set(trials) <= set(TRIALS):
        parser.error(f"trials are {', '.join(TRIALS)}")
    signal.signal(signal.SIGTERM, leave)
    tally = Tally()
    try:
        install_programs(PROGRAMS)
        kernel = fetch_kernel(CACHE)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"not run: QEMU, or Debian's kernel package, cannot be had: {error}")
        return NOT_HERE
    with tempfile.TemporaryDirectory(prefix="forerun-qemu") as folder:
        run_trials(kernel, trials, Path(folder), tally)
    say(f"{tally.n_ok} steps ok, {tally.n_failed} failed, {tally.seconds:.0f} s")
    return 1 if tally.n_failed or not tally.n_ok else 0


class Tally:
    """How many steps went well, and since when."""

    def __init__(self) -> None:
        self.t_start_ns = time.monotonic_ns()
        self.n_ok = 0
        self.n_failed = 0

    @property
    def seconds(self) -> float:
        """Return how long it has taken."""
        return (time.monotonic_ns() - self.t_start_ns) * 1e-9

    def count(self, kind: str, text: str) -> None:
        """Print one step, and count it."""
        self.n_ok += kind == "ok"
        self.n_failed += kind == "failed"
        say(f"[{self.seconds:4.0f} s] {kind} {text}")


def run_trials(kernel: Kernel, trials: list[str], folder: Path, tally: Tally) -> None:
    """Boot the machine, run the trials in it, and count what they say."""
    modules = [module for trial in trials for module in TRIALS[trial]]
    start = f"cd {REPOSITORY} && TMPDIR=/run exec {sys.executable} -B -m tests.machines.qemu_guest {' '.join(trials)}"
    write_start_files(folder / "start.cpio", kernel, modules, start)
    with Machine(kernel.image, folder / "start.cpio", folder) as machine, ServosOnSocket(machine.servos):
        try:
            listen(machine, tally)
        except MachineError as error:
            console = machine.console.read_text(errors="replace")[-3000:]
            tally.count("failed", f"{error}; the end of the console:\n{console}")


def listen(machine: Machine, tally: Tally) -> None:
    """Do what the inside asks for, and count what it says, until it has nothing more to say; raises MachineError."""
    orders = {"plug": machine.plug, "unplug": machine.unplug}
    while tally.seconds < TOTAL_S:
        line = machine.inside.receive(time.monotonic_ns() + round(SILENCE_S * 1e9))
        if line is None:
            raise MachineError(f"nothing was heard for {SILENCE_S:g} s")
        kind, _, text = line.partition(" ")
        if kind == "end":
            return
        if kind == "do":
            what, name = text.split()
            orders[what](name)
            machine.inside.send("done")
        elif kind in {"ok", "failed"}:
            tally.count(kind, text)
    raise MachineError(f"it takes longer than {TOTAL_S:g} s")


def leave(number: int, frame: object) -> None:
    """End in order when told to, so that the machine ends, too."""
    del frame
    sys.exit(128 + number)


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
