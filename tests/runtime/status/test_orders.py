"""Starting and stopping through a systemctl that is a few lines of shell: the orders given, what is waited for, what is said."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bench.command_rig import EmulatedServos, RunningCommand
from bench.status_rig import POLICY_REPLY, ROBOT_FILE
from interfaces.errors import ConfigError, RefusedError
from interfaces.installed import COMMAND_UNIT, POLICY_UNIT, SAFE_UNIT, TARGET_UNIT
from interfaces.messages import CommandState
from interfaces.request_socket import RequestServer
from runtime.status.gather import RobotPlace
from runtime.status.orders import Service, start, stop

RUNS = {TARGET_UNIT: "active", COMMAND_UNIT: "active", POLICY_UNIT: "active", SAFE_UNIT: "inactive"}
SAFE = {TARGET_UNIT: "active", COMMAND_UNIT: "failed", POLICY_UNIT: "inactive", SAFE_UNIT: "active"}
OFF = dict.fromkeys(RUNS, "inactive")

SYSTEMCTL = """\
#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> orders
case "$*" in
show*) cat now ;;
*" start "*) cp after-start now ;;
*" stop --no-block"*) cp after-stop now ;;
esac
if test -e denied && test "$1" != show; then echo "Interactive authentication required." >&2; exit 1; fi
"""


class Machine:
    """A machine with units, as far as systemctl and journalctl tell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        for name, script in (
            ("systemctl", SYSTEMCTL),
            ("journalctl", "#!/bin/sh\necho 'ended: torque stays on: the arm is held'\n"),
        ):
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        self.service = Service(
            place=RobotPlace(ROBOT_FILE, folder, folder / "flight"), say=self.said.append, show=lambda _line: None,
            systemctl=(str(folder / "systemctl"),), journalctl=(str(folder / "journalctl"),),
        )  # fmt: skip

    def are(self, file: str, units: Mapping[str, str]) -> None:
        """Let the units be as told, now or after an order."""
        blocks = (
            f"Id={name}\nLoadState=loaded\nActiveState={active}\nSubState=x\nResult={'exit-code' if active == 'failed' else 'success'}\n"
            for name, active in units.items()
        )
        (self.folder / file).write_text("\n".join(blocks))

    @property
    def orders(self) -> list[str]:
        """Return what systemctl was asked to do."""
        lines = (self.folder / "orders").read_text().splitlines()
        return [line.removeprefix("--no-ask-password ") for line in lines if not line.startswith("show")]


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Return a machine whose robot is in its safe state, and would run after a start."""
    with tempfile.TemporaryDirectory(prefix="forerun") as name:
        made = Machine(Path(name))
        made.are("now", SAFE)
        made.are("after-start", RUNS)
        made.are("after-stop", OFF)
        yield made


def test_a_start_leaves_the_safe_state_and_waits_until_it_is_ready(machine: Machine) -> None:
    policy = RequestServer(machine.folder / "control.sock", lambda _request: {**POLICY_REPLY, "instruction": None})
    policy.start()
    with contextlib.closing(policy), EmulatedServos(machine.folder), RunningCommand(machine.folder) as command:
        command.wait_for(CommandState.READY)
        assert start(machine.service) == 0, machine.said
    assert machine.orders == [f"stop {SAFE_UNIT}", "reset-failed --all forerun*", f"start --no-block {TARGET_UNIT}"]
    assert machine.said[0].startswith("READY as asked: it follows nothing")


def test_a_start_that_fails_again_says_so(machine: Machine) -> None:
    machine.are("after-start", SAFE)
    assert start(machine.service) == 1
    assert machine.said[0].startswith("SAFE STATE: a person is needed")
    assert any("sudo forerun start" in line for line in machine.said)


def test_a_stop_says_how_the_arm_stands(machine: Machine) -> None:
    machine.are("now", RUNS)
    assert stop(machine.service) == 0
    assert machine.orders == [f"stop --no-block {TARGET_UNIT}"]
    assert machine.said == ["stopped: ended: torque stays on: the arm is held"]


def test_a_stop_without_a_journal_says_what_the_robot_file_says(machine: Machine) -> None:
    machine.are("now", RUNS)
    (machine.folder / "journalctl").unlink()
    assert stop(machine.service) == 0
    assert "runtime.on_stop of its robot file is 'hold'" in machine.said[0]


def test_a_stop_that_was_no_ordered_one_is_told(machine: Machine) -> None:
    machine.are("now", RUNS)
    machine.are("after-stop", {**OFF, COMMAND_UNIT: "failed"})
    assert stop(machine.service) == 1
    assert "stopped, but not in order" in machine.said[0]


@pytest.mark.parametrize("order", [start, stop])
def test_whoever_may_not_is_told(machine: Machine, order: Callable[[Service], int]) -> None:
    (machine.folder / "denied").touch()
    with pytest.raises(RefusedError, match="Interactive authentication required"):
        order(machine.service)


@pytest.mark.parametrize("order", [start, stop])
def test_without_units_it_is_said_what_to_do_instead(machine: Machine, order: Callable[[Service], int]) -> None:
    (machine.folder / "now").write_text("")
    with pytest.raises(RefusedError, match="forerun run"):
        order(machine.service)


def test_a_robot_whose_file_was_spoiled_since_is_stopped_and_not_started(machine: Machine) -> None:
    machine.are("now", RUNS)
    spoiled = machine.folder / "robot.toml"
    spoiled.write_text("not TOML")
    service = replace(machine.service, place=replace(machine.service.place, file=spoiled))
    (machine.folder / "journalctl").unlink()
    with pytest.raises(ConfigError, match=r"robot\.toml: "):
        start(service)
    assert stop(service) == 0
    assert machine.orders == [f"stop --no-block {TARGET_UNIT}"]
    assert "look how the arm stands" in machine.said[0]
