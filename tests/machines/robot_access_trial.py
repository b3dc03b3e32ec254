"""Who may do what: the service may not change what it runs, and nobody outside the machine is listened to. Run by nspawn_robot.py."""

from __future__ import annotations

import json

from interfaces import installed
from tests.machines.robot_installed import InstalledRobot

PLACES = installed.Installation()
ROOTS_OWN = (PLACES.code, PLACES.settings, PLACES.bundles, PLACES.state / "calibration", PLACES.engines)
SERVICES_OWN = (PLACES.state / "flight", PLACES.trials, PLACES.run)
LOOPBACK = ("127.0.0.1:", "[::1]:", "127.0.0.1%lo:")
GET = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


def who_may_write(robot: InstalledRobot) -> str:
    """The service's user can write its records and sockets, and nothing else of forerun's: no code, no settings, no bundles."""
    roots = [str(path) for path in ROOTS_OWN]
    found = as_service(robot, "find", "-L", *roots, "-writable", "-not", "-type", "l")
    assert not found, f"the service's user may write {found.splitlines()[:5]}"
    for unit in ("system/forerun-command.service", "system/forerun.target"):
        assert robot.machine.ask("runuser", "-u", installed.SERVICE_USER, "--", "test", "-w", f"/etc/systemd/{unit}")[0]
    for folder in SERVICES_OWN:
        as_service(robot, "test", "-w", str(folder))
    modes = robot.machine.do("stat", "--format=%n %a %U:%G", *map(str, SERVICES_OWN)).splitlines()
    owner = f"{installed.SERVICE_USER}:{installed.SERVICE_USER}"
    for line in modes:
        assert line.endswith(f" 750 {owner}"), f"{line}; expected 750 {owner}"
    return f"{len(roots)} folders are closed to it, {len(modes)} are its own"


def only_loopback(robot: InstalledRobot) -> str:
    """Nothing listens beyond loopback."""
    lines = robot.machine.do("ss", "-Hlntup").splitlines()
    listening = [line.split()[4] for line in lines]
    outside = [address for address in listening if not address.startswith(LOOPBACK)]
    assert not outside, f"listens beyond loopback: {outside}"
    assert any(address.endswith(f":{installed.PAGE_PORT}") for address in listening), "the status page does not listen"
    return f"listens: {', '.join(listening)}"


def page_answers(robot: InstalledRobot) -> str:
    """The page and the metrics are there, and say what the robot does."""
    address = f"http://127.0.0.1:{installed.PAGE_PORT}"
    page = robot.machine.do("python3", "-c", GET, f"{address}/")
    assert "<html" in page.lower(), f"no page: {page[:200]}"
    metrics = robot.machine.do("python3", "-c", GET, f"{address}/metrics")
    ours = [line for line in metrics.splitlines() if line.startswith("forerun_")]
    assert len(ours) > 5, f"metrics: {metrics[:500]}"
    status, said = robot.forerun("status", "--json")
    assert status == 0, said
    assert json.loads(said), "an empty status"
    return f"{len(page)} bytes of page, {len(ours)} metrics"


def as_service(robot: InstalledRobot, *command: str) -> str:
    """Return what a command says that is run as the service's user."""
    return robot.machine.do("runuser", "-u", installed.SERVICE_USER, "--", *command)
