"""Real SocketCAN, without hardware: `python -m tests.machines.uml_can` from the repository's root.

Boots User-mode Linux, and runs in it, on virtual CAN interfaces and on the kernel's own driver of serial adapters: the tests of
the CAN port (full queue, interface down, interface gone, error frames, bus-off), and the conformance suite of every CAN arm
driver, with its motors in another process. Ends with pytest's status. Needs Debian on x86-64, and no rights but for missing packages;
where it cannot be had, says SKIPPED and why, and ends with status 0, or 3 with --require. More options go to pytest, behind "--".
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.machines.debian_packages import install_programs
from tests.machines.uml_machine import NotHereError, fetch_kernel, run_machine, start_script

REPOSITORY = Path(__file__).parents[2]
CACHE = Path.home() / ".cache" / "forerun" / "uml"
PROGRAMS = {"ip": "iproute2", "tc": "iproute2", "insmod": "kmod", "dpkg-deb": "dpkg"}
MODULES = ("can", "can-raw", "can-dev", "vcan", "slcan", "sch_tbf")  # each after those that it needs
TRIALS = ("vcan_port_trial.py", "slcan_kernel_trial.py", "vcan_devices_trial.py", "vcan_conformance_trial.py")
# A machine that shares its processors answers late: by milliseconds always, by tenths of a second now and then, and the drivers'
# deadlines are shorter. What is broken fails every time; what was run again is named as RERUN.
RERUNS = 7
TIMEOUT_S = 600.0
NEVER_ENDED, NOT_HERE = 2, 3


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"where the kernel is kept; {CACHE}")
    parser.add_argument("--require", action="store_true", help="fail where it cannot be had")
    parser.add_argument("pytest", nargs="*", help="options of pytest, behind --")
    options = parser.parse_args()
    t_start_ns = time.monotonic_ns()
    try:
        status = run(options.cache, options.pytest)
    except NotHereError as error:
        say(f"SKIPPED: the CAN drivers did not run on real SocketCAN: {error}")
        return NOT_HERE if options.require else 0
    seconds = (time.monotonic_ns() - t_start_ns) * 1e-9
    if status is None:
        say(f"the machine did not come to an end within {TIMEOUT_S:g} s, or died; {seconds:.0f} s")
        return NEVER_ENDED
    say(f"real SocketCAN in User-mode Linux: status {status}, {seconds:.0f} s")
    return status


def run(cache: Path, options: list[str]) -> int | None:
    """Boot, and run the trials; return their status."""
    install_programs(PROGRAMS)
    kernel = fetch_kernel(cache.absolute())
    with tempfile.TemporaryDirectory(prefix="run", dir=cache.absolute()) as folder:
        try:
            return run_machine(kernel, start_script(kernel, MODULES, inside(options)), Path(folder), TIMEOUT_S)
        except subprocess.CalledProcessError as error:
            raise NotHereError(str(error)) from error


def inside(options: list[str]) -> str:
    """Return the command that runs the trials in the machine."""
    trials = [f"tests/machines/{name}" for name in TRIALS]
    pytest = [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--reruns={RERUNS}",
        "--color=no",
        *trials,
        *options,
    ]
    return f"cd {shlex.quote(str(REPOSITORY))} && {shlex.join(pytest)}"


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
