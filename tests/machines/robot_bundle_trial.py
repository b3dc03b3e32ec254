"""Other bundles on the installed robot: a damaged one is refused, one that fails gives way to the one before. Run by nspawn_robot.py."""

from __future__ import annotations

import json
from typing import Any

from interfaces import installed
from interfaces.messages import CommandState
from tests.machines.nspawn_machine import until
from tests.machines.robot_installed import InstalledRobot

SHELF = installed.Installation().bundles
CAME_ALONG = f"{installed.Installation().current}/robots/bundles/so101-small"
REFUSED = 2


def damaged_bundle(robot: InstalledRobot) -> str:
    """A bundle whose reference outputs are not what it computes is not put onto the shelf, and one that anybody may write is not run."""
    before = listed(robot)
    new = another_bundle(robot, "damaged")
    robot.machine.do("sh", "-c", f"printf x | dd of={new}/parity.npz bs=1 seek=4000 conv=notrunc status=none")
    status, said = robot.forerun("bundle", "install", new)
    assert status == REFUSED, f"status {status}, not {REFUSED}: {said}"
    assert listed(robot) == before, "the shelf is not as before"
    open_one = on_shelf(robot, another_bundle(robot, f"open-to-all-{len(before)}"))
    robot.machine.do("chmod", "o+w", f"{SHELF}/{open_one}/action.fp32.onnx")
    open_status, open_said = robot.forerun("bundle", "activate", open_one, "--skip-dry-run")
    assert open_status == REFUSED, f"status {open_status}, not {REFUSED}: {open_said}"
    robot.machine.do("rm", "-rf", f"{SHELF}/{open_one}")
    return f"damaged: {said.splitlines()[-1]}; writable by all: {open_said.splitlines()[-1]}"


def bundle_falls_back(robot: InstalledRobot) -> str:
    """A new bundle on trial that does not open any more gives way to the one before, without anybody's help."""
    proven = in_charge(robot)
    name = f"newer-{len(listed(robot))}"
    new = on_shelf(robot, another_bundle(robot, name))
    status, said = robot.forerun("bundle", "activate", new, "--skip-dry-run")
    assert status == 0, said
    until(lambda: running(robot).get("name") == name, 30.0, "the new bundle runs")
    robot.await_state(CommandState.FOLLOWING)
    robot.machine.do("truncate", "--size=1000", f"{SHELF}/{new}/action.fp32.onnx")
    robot.machine.do("systemctl", "restart", "--no-block", installed.POLICY_UNIT)
    until(lambda: running(robot).get("fallback"), 30.0, "the bundle before runs again")
    robot.await_state(CommandState.FOLLOWING)
    rows = {row["name"]: row for row in listed(robot)}
    assert rows[proven]["runs"], f"`forerun bundle list` does not say that {proven} runs: {rows}"
    assert "fail" in rows[new]["state"], f"`forerun bundle list` does not say that {new} failed: {rows[new]}"
    status, said = robot.forerun("bundle", "rollback")
    assert status == 0, said
    return f"{new}: {rows[new]['state']}; runs {proven}"


def another_bundle(robot: InstalledRobot, name: str) -> str:
    """Make a bundle of another name from the one that came along; return its folder."""
    folder = f"/srv/{name}"
    robot.machine.do("rm", "-rf", folder)
    robot.machine.do("cp", "-r", CAME_ALONG, folder)
    robot.machine.do("sed", "-i", f'0,/^name = .*/s//name = "{name}"/', f"{folder}/manifest.toml")
    return folder


def on_shelf(robot: InstalledRobot, folder: str) -> str:
    """Install a bundle; return its name on the shelf."""
    before = {row["name"] for row in listed(robot)}
    status, said = robot.forerun("bundle", "install", folder)
    assert status == 0, said
    return next(row["name"] for row in listed(robot) if row["name"] not in before)


def in_charge(robot: InstalledRobot) -> str:
    """Return the bundle that the next start runs."""
    return next(row["name"] for row in listed(robot) if row["runs"])


def running(robot: InstalledRobot) -> dict[str, Any]:
    """Return what the policy says of its bundle."""
    return robot.policy().get("bundle", {})


def listed(robot: InstalledRobot) -> list[dict[str, Any]]:
    """Return the shelf, as `forerun bundle list` tells it."""
    status, said = robot.forerun("bundle", "list", "--json")
    assert status == 0, said
    return json.loads(said)["bundles"]
