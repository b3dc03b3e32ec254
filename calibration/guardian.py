"""A process of its own that puts the motors back as they were when a calibration program dies without doing so itself.

Ctrl-C and errors are seen to by ArmSession. What no program can see to itself (kill -9, a lost SSH line, no memory left) is seen
by the guardian, as the end of a pipe. It looked at torque and homing offsets before the program began. A program that ended
because the bus was lost leaves the motors to it, too: it tries for some 20 s, in which a plug is put back.

python -I -m calibration.guardian robots/mine.toml
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

import numpy as np

from calibration.records.store import RecordStore
from calibration.session.arm_session import ArmSession
from calibration.session.clock import MonotonicClock
from calibration.session.touch import TouchError
from drivers.homing import ServoHoming, Ticks
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from interfaces.calibration.joints import JointsRecord
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, CalibrationError, DeviceLostError, ForerunError, RefusedError
from interfaces.robot_config import RobotConfig
from runtime.calibrated_robot import load_for_calibration
from runtime.record_findings import records_folder

_READY, _DONE, _STANDS = "ready", "done", "--stands"
_START_S = 20.0
_TRIES, _PAUSE_S = 40, 0.5


class Guardian:
    """The guardian as the program sees it: a context in which the motors may be changed."""

    def __init__(self, robot_file: Path, *, stands: bool = False) -> None:
        """An arm that `stands` by itself is let go where it is; another goes to its rest pose first."""
        self._robot_file, self._stands = robot_file, stands

    def __enter__(self) -> Guardian:
        """Start it, and wait until it has seen how the motors are; raises RefusedError where it cannot."""
        self._process = subprocess.Popen(
            (
                sys.executable,
                "-I",
                "-m",
                "calibration.guardian",
                str(self._robot_file),
                *[_STANDS] * self._stands,
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C and hang-up are for the program alone
        )
        said = self._process.stdout.readline().strip() if self._process.stdout else ""
        if said != _READY:
            self._process.wait(_START_S)
            raise RefusedError(said or "the guardian of the motors did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Tell it that the motors are as they should be; where the bus was lost, let it look for itself, and wait for it."""
        if isinstance(error, (BusTimeoutError, DeviceLostError)):
            self._process.communicate()  # ends its tries by itself
        else:
            self._process.communicate(_DONE + "\n", _START_S)


class MotorsBefore:
    """What the guardian remembers of the motors, and how it brings that back."""

    def __init__(self, robot: RobotConfig, records: Path | None, *, stands: bool) -> None:
        """Look; raises DeviceError where the bus or a motor is not there. `records` is the folder of the robot's records."""
        self._arm, self._records, self._stands = robot.arm, records, stands
        self._homing = open_homing(robot.arm)
        if self._homing is None:
            arm = open_arm(robot.arm)
            arm.open()
            self._torque = arm.torque()
            arm.close()
        else:
            # An arm that was never calibrated may not open as one, but its servos do.
            with _opened(self._homing) as servos:
                self._torque, self._offsets = servos.torque(), _offsets(servos)

    def bring_back(self) -> str:
        """Put offsets and torque back; return what was done, for people."""
        done: list[str] = []
        if self._homing is not None:
            with _opened(self._homing) as servos:
                if self._stands and not any(self._torque):
                    servos.release()
                if (_offsets(servos) != self._offsets).any() and not self._is_recorded(servos.identity()):
                    servos.release()
                    servos.write_offsets(self._offsets)
                    done.append("homing offsets written back")
                if servos.torque() == self._torque:
                    return ", ".join(done) or "the motors are as they were"
        self._bring_back_torque()
        return ", ".join((*done, "torque put back"))

    def _bring_back_torque(self) -> None:
        arm = open_arm(self._arm)
        with ArmSession(arm, self._arm, MonotonicClock(), torque_before=self._torque, stands=self._stands) as session:
            if any(arm.torque()):
                session.hold()  # from here the session leaves it as it was

    def _is_recorded(self, motors: tuple[MotorIdentity, ...]) -> bool:
        """Return whether the program came as far as its record: it names the offsets that the servos keep now."""
        with contextlib.suppress(CalibrationError):
            record = None if self._records is None else RecordStore(self._records).current("joints")
            if isinstance(record, JointsRecord) and record.header.passed:
                return [_kept(motor) for motor in record.arm.motors] == [_kept(motor) for motor in motors]
        return False


@contextlib.contextmanager
def _opened(homing: ServoHoming) -> Generator[ServoHoming, None, None]:
    homing.open()
    try:
        yield homing
    finally:
        homing.close()


def _kept(motor: MotorIdentity) -> tuple[int, int]:
    return motor.motor_id, motor.homing_offset


def _offsets(servos: ServoHoming) -> Ticks:
    return np.array([motor.homing_offset for motor in servos.identity()], np.int64)


def main(argv: Sequence[str] | None = None) -> int:
    """Remember, wait for the program's end, and put back what it could not."""
    robot_file, *stands = sys.argv[1:] if argv is None else argv
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of the pipe is what counts
    try:
        robot = load_for_calibration(Path(robot_file), now=datetime.now(timezone.utc))
        before = MotorsBefore(robot, records_folder(Path(robot_file), robot), stands=stands == [_STANDS])
    except ForerunError as error:
        print(error, flush=True)  # noqa: T201 - the program reads it
        return 1
    print(_READY, flush=True)  # noqa: T201
    if sys.stdin.readline().strip() == _DONE:
        return 0
    return bring_back(before)


def bring_back(before: MotorsBefore) -> int:
    """Try, and try again while the port is not free yet or a cable is being put back; say what came of it."""
    said = ""
    for _ in range(_TRIES):
        try:
            done, words = _tried(before)
        except TouchError as error:
            sys.stderr.write(f"\nforerun calibrate died, or lost the bus: {error}\n")
            return 1  # it is not pushed again and again
        if words != said:
            sys.stderr.write(f"\n{words}\n")
            said = words
        if done:
            return 0
        time.sleep(_PAUSE_S)
    sys.stderr.write("\nforerun calibrate died, or lost the bus: the motors could NOT be put back, support the arm\n")
    return 1


def _tried(before: MotorsBefore) -> tuple[bool, str]:
    """Return whether the motors are put back, and what to say about it."""
    try:
        return True, f"forerun calibrate died, or lost the bus: {before.bring_back()}"
    except TouchError:
        raise
    except ForerunError as error:
        return False, f"{error}\nsupport the arm: for {_TRIES * _PAUSE_S:.0f} s it is tried to put its motors back ..."


if __name__ == "__main__":
    sys.exit(main())
