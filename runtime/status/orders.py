"""Starting and stopping an installed robot through systemd, and telling how far it is. A laptop has no such units."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from interfaces.errors import ForerunError, RefusedError
from interfaces.installed import COMMAND_UNIT, SAFE_UNIT, SERVICES, TARGET_UNIT
from interfaces.robot_config import load_robot
from runtime.status.asking import ask
from runtime.status.gather import Gathering, RobotPlace
from runtime.status.robot_status import RobotStatus
from runtime.status.units import UnitStatus, read_units
from runtime.status.verdict import Wellbeing, judge, unit_words
from runtime.status.words import status_lines

# A cold start reads its bundle and waits for its cameras: some ten seconds, else something is wrong.
_START_PATIENCE_S = 60.0
_STOP_PATIENCE_S = 30.0  # the units' own time-outs end before
_LOOK_S = 0.25
_JOURNAL_S = 5.0
_JOURNAL_LATE_S = 1.0
_OURS = (TARGET_UNIT, *SERVICES)
_MOVING = {"activating", "deactivating", "reloading"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The robot's units, and how they are reached."""

    place: RobotPlace
    say: Callable[[str], None]  # a line that stays
    show: Callable[[str], None]  # a line that is rewritten
    systemctl: Sequence[str] = ("systemctl",)
    journalctl: Sequence[str] = ("journalctl",)

    def units(self) -> tuple[UnitStatus, ...]:
        """Return the units as systemd tells of them now."""
        return read_units(self.systemctl)

    def order(self, *words: str) -> None:
        """Give systemd an order; raises RefusedError where it does not take it."""
        asked = subprocess.run(
            [*self.systemctl, "--no-ask-password", *words], capture_output=True, text=True, check=False
        )
        if asked.returncode != 0:
            said = asked.stderr.strip().splitlines()  # the first line; others tell of logs
            why = said[0] if said else f"systemctl {' '.join(words)} ended with status {asked.returncode}"
            root = (
                "" if os.geteuid() == 0 else "only root may start it and stop its units; put sudo before it. systemd: "
            )
            raise RefusedError(f"{root}{why}")

    def last_words(self, since: datetime) -> str:
        """Return what the command process said of the arm when it ended after `since`; empty where the journal does not tell.

        The journal may get it a moment after systemd knows that the process has ended.
        """
        asked = [
            *self.journalctl, "--quiet", "--no-pager", "--output=cat", "--lines=1", f"--unit={COMMAND_UNIT}",
            f"--since=@{since.timestamp():.3f}", "FORERUN_EVENT=ended",
        ]  # fmt: skip
        t_end_ns = time.monotonic_ns() + round(_JOURNAL_LATE_S * 1e9)
        while not (last := ask(asked, _JOURNAL_S).strip()) and time.monotonic_ns() < t_end_ns:
            time.sleep(_LOOK_S)
        return last


def start(service: Service) -> int:
    """Start the robot, out of its safe state, too; wait until it holds its arm and its policy is ready; say how it is.

    Returns 0 when all is well then, else 1. Raises RefusedError where there are no units, or this person may not; ConfigError
    for its file.
    """
    _require_units(service)
    load_robot(service.place.file)  # told here rather than by units that give up
    service.order("stop", SAFE_UNIT)
    service.order("reset-failed", "--all", "forerun*")  # a glob alone passes over units that are inactive
    service.order("start", "--no-block", TARGET_UNIT)
    status = _wait_for_start(service)
    service.show("")
    for line in status_lines(status):
        service.say(line)
    return int(judge(status).wellbeing is not Wellbeing.WELL)


def stop(service: Service) -> int:
    """Stop the robot in order, wait until it stopped, and say how its arm stands; return 0, or 1 where something goes on.

    Raises RefusedError where there are no units, or this person may not.
    """
    _require_units(service)
    begun, ran = datetime.now(timezone.utc), _is_up(service.units(), COMMAND_UNIT)
    service.order("stop", "--no-block", TARGET_UNIT)
    t_end_ns = time.monotonic_ns() + round(_STOP_PATIENCE_S * 1e9)
    while (
        left := [unit for unit in service.units() if unit.name in _OURS and unit.active in {"active", *_MOVING}]
    ) and (time.monotonic_ns() < t_end_ns):
        service.show("stopping: " + ", ".join(f"{_short(unit)} {unit.sub}" for unit in left))
        time.sleep(_LOOK_S)
    service.show("")
    if left:
        service.say(
            f"NOT STOPPED after {_STOP_PATIENCE_S:g} s: " + ", ".join(f"{each.name} {each.active}" for each in left)
        )
        return 1
    return _say_stopped(service, service.last_words(begun) if ran else "it did not run")


def _say_stopped(service: Service, last: str) -> int:
    command = next((unit for unit in service.units() if unit.name == COMMAND_UNIT), None)
    if command is not None and command.active == "failed":
        service.say(f"stopped, but not in order: {COMMAND_UNIT} {unit_words(command)}; look how the arm stands")
        return 1
    service.say(f"stopped: {last or _as_its_file_says(service.place.file)}")
    return 0


def _as_its_file_says(file: Path) -> str:
    try:
        on_stop = load_robot(file).runtime.on_stop
    except ForerunError as error:  # whoever stops a robot is not kept from it by its file
        return f"look how the arm stands; {error}"
    return f"runtime.on_stop of its robot file is {on_stop!r}; look how the arm stands"


def _require_units(service: Service) -> None:
    if not any(unit.name == TARGET_UNIT for unit in service.units()):
        raise RefusedError(
            "no units of forerun on this machine: it is not installed here, or there is no systemd."
            f" Without them a robot is run by: forerun run {service.place.file}   (q or Ctrl-C there stops it)"
        )


def _wait_for_start(service: Service) -> RobotStatus:
    """Return the status once it started, or will not."""
    t_end_ns = time.monotonic_ns() + round(_START_PATIENCE_S * 1e9)
    with Gathering(service.place, service.units, units_pause_s=0.0) as gathering:
        while True:
            t_now_ns = time.monotonic_ns()
            status = gathering.gather(t_now_ns)
            if t_now_ns > t_end_ns or _is_decided(status):
                return status
            service.show(f"starting: {_progress(status)}")
            time.sleep(_LOOK_S)


def _is_decided(status: RobotStatus) -> bool:
    """Return whether waiting longer would change nothing: it runs, or a person is needed."""
    arm, policy = status.arm, status.policy
    if any(unit.active == "failed" for unit in status.units) or _is_up(status.units, SAFE_UNIT):
        return True
    if arm is None or arm.state == "BOOT":
        return False
    return arm.state in {"FAULT", "ESTOP"} or (policy is not None and policy.ready is not False)


def _progress(status: RobotStatus) -> str:
    arm = f"command {status.arm.state}" if status.arm is not None else "command not there yet"
    policy = status.policy
    of_policy = (
        "policy not there yet"
        if policy is None
        else "policy waits for its cameras"
        if not policy.ready
        else "policy ready"
    )
    return f"{arm}, {of_policy}"


def _is_up(units: Sequence[UnitStatus], name: str) -> bool:
    return any(unit.name == name and unit.active == "active" for unit in units)


def _short(unit: UnitStatus) -> str:
    return unit.name.removeprefix("forerun-").removesuffix(".service")
