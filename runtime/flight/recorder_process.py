"""The recorder process: writes the flight record of one robot, and shows it live on request. It may die without effect.

python -I -m runtime.flight.recorder_process robots/simulated.toml --live
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from interfaces.errors import CalibrationError, ConfigError, RefusedError
from interfaces.toml_writer import to_toml
from runtime.calibrated_robot import load_calibrated
from runtime.flight.recorder import Recorder
from runtime.service.notifier import Notifier
from runtime.unblocking_log import log_to

_log = logging.getLogger(__name__)
LIVE_PORT = 8765  # where Foxglove and Lichtblick look first
_STEP_S = 0.01  # below any camera's period
_NICENESS = 5  # on a busy machine the robot goes first
_STATUS_NS = 5_000_000_000  # how often it says how it is, if that changed


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status.

    2 for an impossible robot file, or a calibration record that is not as it must be; 1 where it may not run, or failed.
    """
    arguments = _parse(argv)
    faulthandler.enable()  # a watchdog's SIGABRT then tells where it hung
    log_to(sys.stderr.fileno(), "recorder", identifier="forerun-record")
    logging.getLogger("foxglove").setLevel(logging.WARNING)
    told_to_stop = _listen_to_signals()
    try:
        recorder = _open(arguments)
    except (ConfigError, CalibrationError, RefusedError) as error:
        _log.error("%s", error)
        return 1 if isinstance(error, RefusedError) else 2
    os.nice(_NICENESS)
    _record(recorder, told_to_stop, Notifier())
    return 0 if told_to_stop else 1


def _record(recorder: Recorder, told_to_stop: list[int], notifier: Notifier) -> None:
    """Write until told to stop; each step that ends, and only that, feeds the watchdog."""
    said, t_said_ns = "", 0
    while recorder.alive and not told_to_stop:
        t_now_ns = time.monotonic_ns()
        recorder.step(t_now_ns)
        if not recorder.hangs(t_now_ns):
            notifier.progress(t_now_ns)
        if not said:
            notifier.ready(said := recorder.status())
        elif t_now_ns - t_said_ns >= _STATUS_NS and recorder.status() != said:
            notifier.status(said := recorder.status())
            t_said_ns = t_now_ns
        time.sleep(_STEP_S)
    notifier.stopping("ends the file")
    recorder.close(time.monotonic_ns())


def _open(arguments: argparse.Namespace) -> Recorder:
    robot = load_calibrated(arguments.robot, now=datetime.now(timezone.utc)).robot
    written = arguments.robot.read_text(encoding="utf-8")
    # With records, the robot that flies is another than its file says; a replay must decide with its values.
    text = written if robot.calibration is None else to_toml(robot)
    offset_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
    folder = arguments.folder or Path(robot.record.folder)
    recorder = Recorder(robot, text, folder, offset_ns)
    _log.info("%s: writes to %s, at most %g MB", robot.name, folder, robot.record.size_max_mb)
    if arguments.live is not None:
        _log.info("live at ws://127.0.0.1:%d", recorder.serve_live(arguments.live))
    return recorder


def _listen_to_signals() -> list[int]:
    """Return a list that is not empty once somebody asked for the end: a handler may do no more than note it."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: asked.append(number))
    return asked


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="runtime.flight.recorder_process", description="Write the flight record.")
    parser.add_argument("robot", type=Path, help="the robot file")
    parser.add_argument(
        "--live",
        type=int,
        nargs="?",
        const=LIVE_PORT,
        metavar="PORT",
        help=f"show it to Foxglove or Lichtblick on this machine; default port {LIVE_PORT}, 0 takes a free one",
    )
    parser.add_argument("--folder", type=Path, help="write there instead of the robot file's folder")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
