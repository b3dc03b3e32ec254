"""A robot as it is installed, booted and maltreated, without hardware: `python -m tests.machines.nspawn_robot` from the repository's root.

Makes a small Debian, boots it with its own systemd, lets install.sh install forerun in it from a folder of wheels, with no network,
boots it again, and then kills, hangs, fills, unplugs, upgrades and removes, and looks each time at systemd's own state, its journal
and the motors of the simulated robot beside it. Prints a table; ends with status 1 when a trial failed. Needs Debian's packages, and
root; where it cannot run, says SKIPPED and why, and ends with status 0, or 3 with --require.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.machines.debian_packages import install_programs
from tests.machines.nspawn_machine import MachineError, NspawnMachine
from tests.machines.nspawn_mounts import PrivateMounts
from tests.machines.nspawn_root import make_root
from tests.machines.nspawn_versions import CHECKOUTS, make_first
from tests.machines.nspawn_world import CABLES, OutsideWorld
from tests.machines.robot_installed import InstalledRobot
from tests.machines.robot_ledger import Ledger, say
from tests.machines.robot_trials import NIGHTLY, ONCE, PREPARATIONS, TRIALS, Trial
from tests.machines.uml_machine import NotHereError

CACHE = Path.home() / ".cache" / "forerun" / "nspawn"
PROGRAMS = {"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux"}
ATTEMPTS = 3
NOT_HERE = 3


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"where the Debian is kept; {CACHE}")
    parser.add_argument("--require", action="store_true", help="fail where it cannot run")
    parser.add_argument("--only", action="append", metavar="TRIAL", help=f"of {', '.join(TRIALS)}; may be repeated")
    parser.add_argument("--all", action="store_true", help=f"also {', '.join(NIGHTLY)}, which take minutes")
    parser.add_argument("--keep", action="store_true", help="keep the machine's disk, and say where it is")
    options = parser.parse_args()
    if unknown := set(options.only or ()) - set(TRIALS):
        parser.error(f"no trial {', '.join(unknown)}; there are {', '.join(TRIALS)}")
    names = options.only or [name for name in TRIALS if options.all or name not in NIGHTLY]
    signal.signal(signal.SIGTERM, leave)
    try:
        ledger = run(options.cache.absolute(), names, keep=options.keep)
    except NotHereError as error:
        say(f"SKIPPED: forerun was not installed and booted under systemd: {error}")
        return NOT_HERE if options.require else 0
    ledger.print_table()
    return 1 if ledger.failed else 0


def run(cache: Path, names: list[str], *, keep: bool) -> Ledger:
    """Make the machine and its robot, and run the trials; raises NotHereError."""
    if os.geteuid() != 0:
        raise NotHereError("a Debian root, its mounts and its cgroup tree need root's rights")
    ledger = Ledger()
    try:
        install_programs(PROGRAMS)
    except subprocess.CalledProcessError as error:
        raise NotHereError(f"Debian's packages cannot be had: {error}") from error
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="forerun-nspawn"))
    checkouts = folder / "checkouts"
    checkouts.mkdir()
    try:
        with ThreadPoolExecutor() as side_by_side, ledger.step("Debian and wheels"):
            root = side_by_side.submit(make_root, cache)
            side_by_side.submit(make_first, checkouts).result()
        with PrivateMounts(root.result(), folder) as mounts, OutsideWorld(mounts, folder / "robot") as world:
            binds = [f"--bind={world.folder}:{CABLES}", f"--bind-ro={checkouts}:{CHECKOUTS}"]
            machine = NspawnMachine(mounts, folder, binds)
            try:
                run_trials(InstalledRobot(machine, world, checkouts), names, ledger)
            finally:
                machine.close()
    finally:
        dispose(folder, keep=keep)
    return ledger


def run_trials(robot: InstalledRobot, names: list[str], ledger: Ledger) -> None:
    """Install, boot, and run the trials, each of which fails alone; where the first two fail, there are no others."""
    with ledger.step("first boot"):
        try:
            robot.machine.boot()
        except MachineError as error:  # nothing of ours is in it yet
            raise NotHereError(f"systemd does not boot in a container here: {error}") from error
    for name, trial in PREPARATIONS.items():
        if not run_trial(robot, name, trial, ledger):
            return
    for name, trial in TRIALS.items():
        if name in names:
            run_trial(robot, name, trial, ledger)
    with ledger.step("power off"):
        robot.machine.power_off()


def run_trial(robot: InstalledRobot, name: str, trial: Trial, ledger: Ledger) -> bool:
    """Run one trial, and again where it fails on the clock of a machine that has other things to do; return whether it went well."""
    attempts = 1 if name in ONCE else ATTEMPTS
    for attempt in range(1, attempts + 1):
        cursor = robot.cursor()
        with ledger.trial(name, is_last=attempt == attempts) as entry:
            if name in TRIALS:
                robot.follow_again()
            entry.text = trial(robot)
        if entry.verdict == "ok":
            return True
        say(robot.recent_journal(cursor))
    return False


def dispose(folder: Path, *, keep: bool) -> None:
    """Remove the machine, or say where its disk is."""
    if keep:
        say(f"the machine's disk, as far as it differs from the Debian: {folder / 'upper'}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def leave(number: int, frame: object) -> None:
    """End in order when told to, so that the machine ends, too."""
    del frame
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
