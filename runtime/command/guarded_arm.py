"""An arm whose bus may fail: one lost packet is nothing, a row of them is a lost bus, and a lost bus is opened again."""

from __future__ import annotations

from drivers.arm import Arm
from interfaces.errors import CalibrationError, DeviceError, DeviceLostError, ForerunError, ProtocolError
from interfaces.messages import JointState, JointVector

_PAUSE_NS = 500_000_000  # between two attempts to open a lost bus
_PAUSE_MAX_NS = 8_000_000_000  # where it is lost again as soon as it is opened: each attempt enables torque
_STABLE_NS = 5_000_000_000


class GuardedArm:
    """Turns the errors of an arm into: went well, went wrong once, lost."""

    def __init__(self, arm: Arm, error_budget: int) -> None:
        self._arm = arm
        self._error_budget = error_budget
        self.errors_in_a_row = 0
        self.errors_total = 0
        self._pause_ns = _PAUSE_NS
        self._t_opened_ns: int | None = None
        self._t_retry_ns: int | None = None
        self.lost = True  # until it is opened
        self.fault = "not opened yet"

    def exchange(self, position_rad: JointVector) -> JointState | None:
        """Send the targets and return the measured joints, or None when the cycle failed; `lost` says whether for good."""
        try:
            joints = self._arm.exchange(position_rad)
        except (DeviceError, ProtocolError) as error:
            self._failed(error)
            return None
        self.errors_in_a_row = 0
        return joints

    def may_reopen(self, t_now_ns: int) -> bool:
        """Return whether it is time to try to open the bus, which may take seconds where motors are silent."""
        if self._t_opened_ns is not None:
            self._was_open_for(t_now_ns - self._t_opened_ns)
        return self._t_retry_ns is None or t_now_ns >= self._t_retry_ns

    def reopen(self, t_now_ns: int) -> JointState | None:
        """Open the bus and hold the measured pose, if it is time to try again; returns that pose once it works.

        Raises CalibrationError where another arm answers than the one that was calibrated: trying again does not mend that.
        """
        if not self.may_reopen(t_now_ns):
            return None
        self._t_retry_ns = t_now_ns + _PAUSE_NS
        self._arm.close()
        try:
            self._arm.open()
            joints = self._arm.hold()
        except CalibrationError:
            self._arm.close()
            raise
        except ForerunError as error:  # also a motor that refuses: the person who mends it finds the loop alive
            self.fault = str(error)
            self._arm.close()
            return None
        self.lost, self.errors_in_a_row = False, 0
        self._t_opened_ns = t_now_ns
        return joints

    def release(self) -> str | None:
        """Disable torque; return what went wrong, or None."""
        try:
            self._arm.release()
        except ForerunError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Close the bus; torque stays as it is."""
        self._arm.close()

    def _was_open_for(self, open_ns: int) -> None:
        """Be patient with a bus that opens well and then fails: twice as patient each time, until it works for a while."""
        if self._t_opened_ns is not None:
            self._pause_ns = _PAUSE_NS if open_ns >= _STABLE_NS else min(2 * self._pause_ns, _PAUSE_MAX_NS)
            self._t_retry_ns = self._t_opened_ns + self._pause_ns
            self._t_opened_ns = None

    def _failed(self, error: DeviceError | ProtocolError) -> None:
        self.errors_in_a_row += 1
        self.errors_total += 1
        self.fault = str(error)
        if isinstance(error, DeviceLostError):
            self.lost = True
            # A device file that is still open keeps its number: the adapter would come back under another name.
            self._arm.close()
        elif self.errors_in_a_row >= self._error_budget:
            self.lost = True
            self.fault = f"{self.errors_in_a_row} bus cycles failed in a row: {error}"
