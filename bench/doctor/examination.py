"""The machine at rest, examined: every group at once, each in its time, so that what hangs keeps nobody else from being told."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from bench.doctor.asking import ask, ask_nobody
from bench.doctor.check import Check, Group, Verdict, all_checks, unreadable
from bench.doctor.groups import LOOKS, Look, Seen
from bench.doctor.patient import Heard, Patient
from interfaces.command_report import CommandReport
from interfaces.errors import DeviceError, ForerunError
from interfaces.installed import COMMAND_UNIT, SERVICE_USER
from interfaces.operator_wire import OperatorOrder, Order
from interfaces.robot_config import RobotConfig, load_robot
from runtime.operator_link import OperatorAsker

TIMEOUT_S = 4.5  # for all groups; one of them alone has longer
_ALONE_S = 60.0
_ASK_S = 2.0  # one question to another program
_REPORT_S = 0.5  # the command process answers within a period
_LOOK_S = 0.1
_HERE = Path("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was examined, and what was found."""

    title: str
    groups: list[Group]

    @property
    def checks(self) -> list[Check]:
        """Return the checks of all groups."""
        return list(all_checks(self.groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to examine."""

    robot_file: Path
    folder: Path = Path()  # where the robot's sockets lie
    only: tuple[str, ...] = ()  # names of groups; empty: all
    root: Path = _HERE  # of another machine's files; tests
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


def nothing(_waited_s: float, _names: Sequence[str]) -> None:
    """Show no progress."""


def examine_machine(plan: Plan, progress: Callable[[float, Sequence[str]], None] = nothing) -> Findings:
    """Return what can be said without running anything; `progress` is told the seconds so far, and who has not answered yet."""
    patient = find_patient(plan)
    looks = [look for look in LOOKS if not plan.only or look.name in plan.only]
    robot = patient.robot
    whom = f"{robot.name} at {robot.arm.rate_hz:g} Hz" if robot else f"{plan.robot_file}, which does not load"
    return Findings(title=f"this machine, for {whom}", groups=run(looks, patient, _time_s(plan), progress))


def find_patient(plan: Plan) -> Patient:
    """Return the machine and the robot to examine; a robot file that does not load is a finding, and no end."""
    robot, trouble = _load(plan.robot_file)
    here = plan.root.resolve() == _HERE
    return Patient(
        root=plan.root.resolve(),
        robot_file=plan.robot_file,
        robot=robot,
        robot_trouble=trouble,
        folder=plan.folder,
        heard=hear(plan.folder, robot) if here else Heard(),
        ask=partial(ask, timeout_s=_ASK_S) if here else ask_nobody,
        ask_long=partial(ask, timeout_s=_time_s(plan) - _REPORT_S),
        now=plan.now,
    )


def run(
    looks: Sequence[Look], patient: Patient, timeout_s: float, progress: Callable[[float, Sequence[str]], None]
) -> list[Group]:
    """Look at all of it at once, and return what was found within the time; who did not answer is said."""
    found: dict[str, Seen] = {}
    # Daemons: one that hangs in the kernel, on a dead disk or bus, must not keep this process from ending.
    threads = {look.name: threading.Thread(target=_look, args=(look, patient, found), daemon=True) for look in looks}
    t_start_ns = time.monotonic_ns()
    for thread in threads.values():
        thread.start()
    while waiting := [name for name, thread in threads.items() if thread.is_alive()]:
        waited_s = (time.monotonic_ns() - t_start_ns) * 1e-9
        if waited_s > timeout_s:
            break
        progress(waited_s, waiting)
        threads[waiting[0]].join(_LOOK_S)
    return [_group(look, found.get(look.name), timeout_s) for look in looks]


def _look(look: Look, patient: Patient, found: dict[str, Seen]) -> None:
    try:
        found[look.name] = look.at(patient)
    except Exception as error:  # noqa: BLE001 - what is wrong with one look must not keep the others from being told
        broken = f"{type(error).__name__}: {error}"[:200]
        remedy = "this is ours to mend: please report it, with `forerun doctor --report FILE.tar.gz`"
        check = Check(name=look.name, value=broken, limit="can be looked at", verdict=Verdict.WEAK, remedy=remedy)
        found[look.name] = Seen([check])


def _group(look: Look, seen: Seen | None, timeout_s: float) -> Group:
    if seen is None:
        late = f"no answer within {timeout_s:g} s: `forerun doctor --only {look.name}` waits for longer"
        seen = Seen([unreadable(look.name, "an answer", late)])
    return Group(name=look.name, title=look.title, checks=tuple(seen.checks), left_out=seen.left_out)


def _time_s(plan: Plan) -> float:
    return _ALONE_S if len(plan.only) == 1 else TIMEOUT_S


def _load(robot_file: Path) -> tuple[RobotConfig | None, str]:
    try:
        return load_robot(robot_file), ""
    except (ForerunError, OSError, UnicodeDecodeError) as error:
        return None, str(error)


def hear(folder: Path, robot: RobotConfig | None) -> Heard:
    """Return what the robot's command process tells of itself. Its bus is not touched."""
    if robot is None:
        return Heard()
    socket = folder / robot.runtime.operator_socket
    parent = socket.parent
    shut = os.path.lexists(parent) and not os.access(parent, os.X_OK)
    if shut or (os.path.lexists(socket) and not os.access(socket, os.W_OK)):
        remedy = f"`sudo usermod -aG {SERVICE_USER} $USER`, then log in again"
        return Heard(silence=f"{socket} is not for this user", remedy=remedy)
    try:
        with contextlib.closing(OperatorAsker(socket)) as asker:
            report, trouble = _report(asker)
    except DeviceError:  # nobody listens there
        return Heard()
    if trouble:
        remedy = f"`journalctl -u {COMMAND_UNIT} -n 50`, then `sudo forerun stop; sudo forerun start`"
        return Heard(silence=trouble, remedy=remedy, hung=True)
    return Heard(report=report)


def _report(asker: OperatorAsker) -> tuple[CommandReport | None, str]:
    """Return the report, or why there is none though somebody listens."""
    try:
        asker.send(OperatorOrder(order=Order.REPORT))
        report = asker.receive_report(_REPORT_S)
    except DeviceError as error:
        return None, str(error)
    return report, "" if report else f"its command process does not answer within {_REPORT_S:g} s"
