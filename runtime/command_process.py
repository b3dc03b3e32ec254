"""The command process: owns the bus, and is the one that may move the robot.

python -I -m runtime.command_process robots/simulated.toml --log commands.npz
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import logging
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from drivers.open_devices import open_arm
from interfaces.errors import CalibrationError, ConfigError, RefusedError
from interfaces.robot_config import RobotConfig
from runtime.calibrated_robot import ARM_KINDS, CalibratedRobot, load_calibrated
from runtime.command.cycle_feed import CycleFeed
from runtime.command.dry_arm import DryArm
from runtime.command.guarded_arm import GuardedArm
from runtime.command.log import CommandLog
from runtime.command.loop import CommandLoop
from runtime.command.memory_reserve import reserve_memory
from runtime.command.realtime import enter_realtime
from runtime.command.voice import say, say_refused
from runtime.flight.feed import FlightFeed
from runtime.known_arm import known_arm
from runtime.link import CommandListener
from runtime.service.inherited_socket import inherited_socket

_LOG_S = 1200.0  # the log keeps the last so many seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status.

    2 for an impossible robot file, or a calibration record that is not as it must be; 1 where it may not run.
    """
    arguments = _parse(argv)
    try:
        calibrated = load_calibrated(arguments.robot, now=datetime.now(timezone.utc))
        config = calibrated.robot
        log = _log_for(config) if arguments.log else None
        loop = _open_loop(calibrated, log, arguments)
    except (ConfigError, CalibrationError, RefusedError) as error:
        say_refused(_refusal(error))
        return _status_of(error)
    with contextlib.suppress(RuntimeError):  # there is no standard error
        faulthandler.enable(all_threads=False)  # says where it hung, when the watchdog aborts it
    try:
        for warning in calibrated.warned_of(ARM_KINDS):
            loop.say(warning, logging.WARNING, event="calibration")
        _enter_realtime(config, loop)
        reserve = reserve_memory()
        loop.run()
        del reserve  # until here nobody else may have it
    except (CalibrationError, RefusedError) as error:
        loop.say(_refusal(error), logging.ERROR, event="refused")
        return _status_of(error)
    finally:
        with loop.ending():
            loop.close()
            saved = _saved(log, arguments.log)
    return 0 if saved else 1


def _refusal(error: ConfigError | CalibrationError | RefusedError) -> str:
    return str(error) if isinstance(error, ConfigError) else f"refused: {error}"


def _status_of(error: ConfigError | CalibrationError | RefusedError) -> int:
    return 1 if isinstance(error, RefusedError) else 2


def _open_loop(calibrated: CalibratedRobot, log: CommandLog | None, arguments: argparse.Namespace) -> CommandLoop:
    config = calibrated.robot
    arm = known_arm(open_arm(config.arm), calibrated)
    guarded = GuardedArm(DryArm(arm) if arguments.dry_run else arm, config.runtime.bus_error_budget)
    inherited = None if arguments.listen_fd is None else inherited_socket(arguments.listen_fd)
    listener = CommandListener(Path(config.runtime.command_socket), inherited)
    feed = CycleFeed(FlightFeed(Path(config.record.socket)), len(config.arm.joints))
    return CommandLoop(config, guarded, listener, feed, log, dry_run=arguments.dry_run)


def _saved(log: CommandLog | None, path: Path | None) -> bool:
    """Save the log, where there is one; a full disk must not look like a crash of the robot."""
    if log is None or path is None:
        return True
    try:
        log.save(path)
    except (OSError, MemoryError) as error:
        say(f"the log is not saved: {path}: {getattr(error, 'strerror', 'no memory')}")
        return False
    return True


def _enter_realtime(config: RobotConfig, loop: CommandLoop) -> None:
    report = enter_realtime(config.runtime)
    loop.runs_under(report)
    if config.runtime.realtime == "preferred":
        for lack in report.missing:
            loop.say(f"without real time: {lack}", logging.WARNING, event="realtime")
    loop.say(f"{config.name}: {config.arm.rate_hz:g} Hz, {report.line()}", event="realtime")


def _log_for(config: RobotConfig) -> CommandLog:
    capacity = round(_LOG_S * config.arm.rate_hz)
    return CommandLog(n_joints=len(config.arm.joints), period_ns=config.arm.period_ns, capacity=capacity)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="runtime.command_process", description="Hold the arm, and follow the policy's chunks."
    )
    parser.add_argument("robot", type=Path, help="the robot file")
    parser.add_argument("--log", type=Path, metavar="FILE.npz", help="write a record of every period there at the end")
    parser.add_argument("--dry-run", action="store_true", help="measure the arm, and tell the motors nothing")
    parser.add_argument(
        "--listen-fd", type=int, help="a listening socket to take over; 3 under systemd socket activation"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
