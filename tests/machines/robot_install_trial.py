"""install.sh on the machine, by itself: installing, installing again, upgrading to what does not work, going back, removing."""

from __future__ import annotations

import json
from pathlib import Path

from interfaces import installed
from interfaces.messages import CommandState
from tests.machines.nspawn_machine import MachineError
from tests.machines.nspawn_versions import CHECKOUTS, Version, make_other
from tests.machines.nspawn_world import LINKS, ROBOT_FILE
from tests.machines.robot_installed import InstalledRobot

INSTALL_S = 400.0
ROBOT = "/srv/robot.toml"  # a person's robot file, before it is installed
ACCOUNTS_BEFORE = "/srv/accounts-before"
TREE_BEFORE = "/srv/tree-before.json"
# On a machine whose processors are shared, what is a fault of a robot is only a busy moment.
PATIENT = {
    "bus_error_budget = 20 ": "bus_error_budget = 100 ",
    "stall_max_ms = 200.0": "stall_max_ms = 450.0",
    "joints_age_max_ms = 100.0": "joints_age_max_ms = 300.0",
    "chunk_age_max_ms = 250.0": "chunk_age_max_ms = 400.0",
    "[policy]\n": '[policy]\nfollow = "push"\n',
}
# Every file of the system with what makes it that file; not what a running system changes by itself.
LIST_TREE = """
import json, os, sys
left_out = ["/proc", "/sys", "/dev", "/run", "/tmp", "/mnt", "/root", "/srv"]
left_out += ["/var/tmp", "/var/log", "/var/lib/systemd", "/var/cache/ldconfig"]
tree = {}
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in left_out]
    for name in folders + files:
        path = os.path.join(folder, name)
        found = os.lstat(path)
        link = os.readlink(path) if os.path.islink(path) else ""
        is_file = not link and name in files
        tree[path] = [found.st_mode, found.st_uid, found.st_gid, link, [found.st_size, found.st_mtime_ns] if is_file else []]
json.dump(tree, sys.stdout)
"""
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
# Accounts are compared by what they say: tools write these files anew, and keep their last state beside them.
CHANGES_BY_ITSELF = {
    "/etc/machine-id", "/etc/.pwd.lock", "/etc/resolv.conf", *ACCOUNTS, *(f"{file}-" for file in ACCOUNTS)
}  # fmt: skip
# What the service writes while it runs, and the lock of the shelf.
SERVICES_OWN = tuple(f"/var/lib/forerun/{name}" for name in ("flight", "trials", "bundles/.lock"))
Tree = dict[str, list[object]]


def install(robot: InstalledRobot) -> str:
    """A robot without network is installed from a folder of wheels; a second time changes nothing."""
    files = robot.machine.files
    (files / ROBOT[1:]).write_text(robot_file())
    (files / "etc/tmpfiles.d/robot-cables.conf").write_text(LINKS)
    robot.machine.do("systemd-tmpfiles", "--create", "robot-cables.conf")
    (files / TREE_BEFORE[1:]).write_text(json.dumps(tree_of(robot)))
    (files / ACCOUNTS_BEFORE[1:]).write_text(accounts_of(robot))
    said = run_installer(robot, Version.FIRST, "install", "--robot", ROBOT)
    assert robot.is_active(installed.COMMAND_UNIT), f"the robot does not run after its installation: {said}"
    return said.splitlines()[-1]


def install_again(robot: InstalledRobot) -> str:
    """Installed a second time, nothing changes, and nothing is restarted."""
    before, pid = tree_of(robot), robot.number(installed.COMMAND_UNIT, "MainPID")
    said = run_installer(robot, Version.FIRST, "install", "--robot", ROBOT)
    changed = differences(before, tree_of(robot))
    assert not changed, f"a second installation changed {changed[:8]}: {said}"
    assert robot.number(installed.COMMAND_UNIT, "MainPID") == pid, "a second installation restarted the robot"
    return said.splitlines()[-1]


def upgrade_broken(robot: InstalledRobot) -> str:
    """A version that fails its self-test is not taken: the robot goes on, and does not even notice."""
    before, pid = current(robot), robot.number(installed.COMMAND_UNIT, "MainPID")
    said = refused_upgrade(robot, Version.BROKEN)
    assert "a version that is broken" in said, f"it was refused for another reason: {said}"
    assert current(robot) == before, f"the version is now {current(robot)}: {said}"
    assert robot.number(installed.COMMAND_UNIT, "MainPID") == pid, "the robot was restarted for a version that is none"
    return last_words(said)


def upgrade_unready(robot: InstalledRobot) -> str:
    """A version whose services do not come up gives way to the one before, which runs again."""
    before = current(robot)
    said = refused_upgrade(robot, Version.UNREADY)
    assert "self-test" not in last_words(said), f"it was refused before its services were tried: {said}"
    assert current(robot) == before, f"the version is now {current(robot)}: {said}"
    robot.await_state(CommandState.FOLLOWING)
    return last_words(said)


def upgrade_and_back(robot: InstalledRobot) -> str:
    """A good version is switched to, and the robot follows; so it does after going back."""
    before = current(robot)
    run_installer(robot, Version.SECOND, "upgrade", "--yes")
    upgraded = current(robot)
    assert upgraded != before, "the version is still the old one after an upgrade"
    robot.await_state(CommandState.FOLLOWING)
    run_installer(robot, Version.SECOND, "rollback", "--yes")
    assert current(robot) == before, f"the version is {current(robot)} after going back, not {before}"
    robot.await_state(CommandState.FOLLOWING)
    return f"{before} -> {upgraded} -> {before}, following each time"


def uninstall(robot: InstalledRobot) -> str:
    """Removed, nothing is left but what belongs to people."""
    run_installer(robot, Version.FIRST, "uninstall", "--yes")
    before: Tree = json.loads((robot.machine.files / TREE_BEFORE[1:]).read_text())
    changed = differences(before, tree_of(robot))
    peoples = [path for path in changed if path.startswith(("/etc/forerun", "/var/lib/forerun"))]
    left = sorted(set(changed) - set(peoples))
    assert not left, f"after the removal these are not as before: {left[:12]}"
    kept = (robot.machine.files / "etc/forerun/robot.toml").read_text()
    assert kept == robot_file(), "the robot file is not as it was given"
    before_accounts = set((robot.machine.files / ACCOUNTS_BEFORE[1:]).read_text().splitlines())
    accounts = before_accounts ^ set(accounts_of(robot).splitlines())
    assert not accounts, f"users and groups are not as before: {sorted(accounts)}"
    return f"all else is as before; kept: {len(peoples)} files and folders of people"


def run_installer(robot: InstalledRobot, version: Version, *arguments: str) -> str:
    """Run the install.sh of a version; return what it said. Raises MachineError where it fails."""
    if not (robot.checkouts / version.value).exists():
        make_other(robot.checkouts, version)
    installer = f"{CHECKOUTS}/{version.value}/install.sh"
    wheels = [] if arguments[0] in {"rollback", "uninstall"} else ["--wheels", f"{CHECKOUTS}/{version.value}-wheels"]
    return robot.machine.do(installer, *arguments, *wheels, timeout_s=INSTALL_S)


def refused_upgrade(robot: InstalledRobot, version: Version) -> str:
    """Return what install.sh said of an upgrade that it did not make."""
    try:
        said = run_installer(robot, version, "upgrade", "--yes")
    except MachineError as error:
        return str(error)
    raise AssertionError(f"a version that does not work was taken: {said}")


def last_words(said: str) -> str:
    """Return the installer's last sentence."""
    return said.splitlines()[-1].removeprefix("install.sh: ")


def current(robot: InstalledRobot) -> str:
    """Return the version that runs."""
    return Path(robot.machine.do("readlink", str(installed.Installation().current))).name


def robot_file() -> str:
    """Return the simulated robot's file, which follows by itself, and is patient."""
    text = ROBOT_FILE.read_text()
    for old, new in PATIENT.items():
        assert old in text, f"{ROBOT_FILE} has no {old!r}"
        text = text.replace(old, new)
    return text


def accounts_of(robot: InstalledRobot) -> str:
    """Return the machine's users and groups, a line each."""
    return robot.machine.do("cat", *ACCOUNTS[:2])


def tree_of(robot: InstalledRobot) -> Tree:
    """Return every file and folder of the machine's system."""
    tree: Tree = json.loads(robot.machine.do("python3", "-c", LIST_TREE))
    return tree


def differences(before: Tree, after: Tree) -> list[str]:
    """Return the paths that are not the same."""
    paths = sorted((before.keys() | after.keys()) - CHANGES_BY_ITSELF)
    return [path for path in paths if before.get(path) != after.get(path) and not path.startswith(SERVICES_OWN)]
