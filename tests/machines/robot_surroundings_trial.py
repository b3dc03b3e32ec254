"""What happens around the processes: a full disk, a camera that is not there, a bus that is unplugged. Run by nspawn_robot.py."""

from __future__ import annotations

import time

from interfaces import installed
from interfaces.messages import CommandState
from sim.camera.link import CAMERA_SOCKET
from tests.machines.nspawn_machine import until
from tests.machines.nspawn_world import BUS
from tests.machines.robot_installed import UNITS, InstalledRobot
from tests.machines.robot_process_trial import seconds_between

STATE = str(installed.Installation().state)
SMALL_MB = 64  # a disk with room for bundles and records, and for some seconds of flight
STAYS_S = 3.0  # what stays for so long is said to stay
UNPLUGGED = (CommandState.BOOT, CommandState.FAULT)


def full_disk(robot: InstalledRobot) -> str:
    """On a disk that is full the robot starts, and follows; the recorder says why there is no record."""
    robot.stop()
    kept = robot.machine.do("mktemp", "--directory")
    robot.machine.do("cp", "--archive", f"{STATE}/.", kept)
    robot.machine.do("mount", "-t", "tmpfs", "-o", f"size={SMALL_MB}M,mode=0755", "tmpfs", STATE)
    try:
        robot.machine.do("sh", "-c", f"cp --archive {kept}/. {STATE}; rm -rf {STATE}/flight/*")
        robot.machine.ask("dd", "if=/dev/zero", f"of={STATE}/filled", "bs=64k")
        assert robot.machine.ask("sh", "-c", f"echo more >{STATE}/more")[0], "the disk is not full"
        cursor = robot.cursor()
        robot.start()
        robot.await_state(CommandState.FOLLOWING)
        line = robot.await_line(cursor, "cannot write", unit=installed.RECORD_UNIT)
        stays(robot, CommandState.FOLLOWING)
    finally:
        robot.stop()
        robot.machine.do("umount", STATE)
        robot.machine.do("rm", "-rf", kept)
    robot.follow_again()
    return f"follows all the same; the recorder: {line}"


def camera_missing(robot: InstalledRobot) -> str:
    """Without its camera the robot starts, holds and says so; it follows when the camera comes, and again when it comes back."""
    socket = robot.world.folder / CAMERA_SOCKET
    away = socket.with_suffix(".away")
    robot.stop()
    socket.rename(away)
    cursor = robot.cursor()
    try:
        robot.start()
        robot.await_active(installed.COMMAND_UNIT)
        line = robot.await_line(cursor, "camera", unit=installed.POLICY_UNIT)
        stays(robot, CommandState.READY, CommandState.HOLDING)
    finally:
        away.rename(socket)
    robot.await_state(CommandState.FOLLOWING)
    robot.await_active(*UNITS)
    lost_line = camera_lost(robot)
    return f"missing: {line}; lost: {lost_line}; follows each time it is back"


def camera_lost(robot: InstalledRobot) -> str:
    """Return what is said of a camera that falls silent and comes back; nothing is restarted but, at most, the policy."""
    cursor, n_before = robot.cursor(), robot.number(installed.COMMAND_UNIT, "NRestarts")
    robot.world.tell({"camera": "silent", "ms": 0})
    try:
        robot.await_state(CommandState.HOLDING)
        line = robot.await_line(cursor, "camera", unit=installed.POLICY_UNIT)
        stays(robot, CommandState.HOLDING)
    finally:
        robot.world.tell({"camera": "well", "ms": 0})
    robot.await_state(CommandState.FOLLOWING)
    assert robot.number(installed.COMMAND_UNIT, "NRestarts") == n_before, "the command process was restarted"
    return line


def bus_unplugged(robot: InstalledRobot) -> str:
    """Without its bus the robot starts all the same, says so, and goes on as soon as it is plugged in and cleared; so also later."""
    robot.stop()
    robot.world.tell({"unplug": "bus"})
    cursor = robot.cursor()
    robot.start()
    at_boot = robot.await_line(cursor, BUS, unit=installed.COMMAND_UNIT)
    until(lambda: robot.state() in UNPLUGGED, 20.0, "the command process is in BOOT or FAULT")
    stays(robot, *UNPLUGGED)
    plug_and_clear(robot)
    cursor = robot.cursor()
    t_unplugged_ns = time.monotonic_ns()
    robot.world.tell({"unplug": "bus"})
    faulted_s = seconds_between(t_unplugged_ns, robot.await_state(CommandState.FAULT))
    later = robot.await_line(cursor, "FAULT", unit=installed.COMMAND_UNIT)
    assert robot.is_active(installed.COMMAND_UNIT), "the command unit is not active any more"
    plug_and_clear(robot)
    return f"at boot: {at_boot}; later, after {faulted_s:.2f} s: {later}"


def plug_and_clear(robot: InstalledRobot) -> None:
    """Plug the bus in, and clear the fault as soon as that is accepted; the arm follows again."""
    robot.world.tell({"plug": "bus"})
    until(lambda: robot.state() not in UNPLUGGED or robot.forerun("clear")[0] == 0, 30.0, "`forerun clear` is accepted")
    robot.await_state(CommandState.FOLLOWING)


def stays(robot: InstalledRobot, *states: CommandState) -> None:
    """See that the command process stays in some states, and that no unit is given up."""
    t_end_ns = time.monotonic_ns() + round(STAYS_S * 1e9)
    while time.monotonic_ns() < t_end_ns:
        state = robot.state()
        assert state in states, (
            f"the command process is {state and state.name}, not {' or '.join(s.name for s in states)}"
        )
        for unit in UNITS:
            found = robot.show(unit, "ActiveState")
            assert found in {"active", "activating"}, f"{unit} is {found}"
        time.sleep(0.1)


def stopped_in_order(robot: InstalledRobot) -> str:
    """An ordered stop brakes the arm and holds it; and lets it go where the robot file says so."""
    held = _stop_while_it_moves(robot)
    assert held["drives"], "the motors lost their torque at an ordered stop"
    _hold_still(robot)
    file = robot.machine.files / installed.Installation().robot_file.relative_to("/")
    text = file.read_text()
    file.write_text(text.replace("[runtime]\n", '[runtime]\non_stop = "release"\n'))
    try:
        robot.follow_again()
        released = _stop_while_it_moves(robot)
        assert not released["drives"], 'the motors have torque although the robot file says on_stop = "release"'
    finally:
        file.write_text(text)
    robot.follow_again()
    return "brakes and holds; with on_stop = release the torque is off"


def _stop_while_it_moves(robot: InstalledRobot) -> dict[str, object]:
    robot.await_state(CommandState.FOLLOWING)
    robot.stop()
    for unit in UNITS:
        result = robot.show(unit, "Result")
        assert result == "success", f"{unit} ended with {result}"
    return robot.world.status()


def _hold_still(robot: InstalledRobot) -> None:
    before = robot.world.status()["joints_rad"]
    time.sleep(1.0)
    after = robot.world.status()["joints_rad"]
    moved = max(abs(a - b) for a, b in zip(before, after, strict=True))
    assert moved < 0.01, f"the arm moved by {moved:.3f} rad after the stop"
