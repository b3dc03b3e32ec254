"""What goes wrong with the simulated camera on purpose, between the exposure and the cable. Pure: the time is given."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from interfaces.errors import RefusedError
from sim.camera.process import Exposure


class CameraFault(Enum):
    """How the camera is wrong; `ms` is how much."""

    WELL = "well"
    SILENT = "silent"  # no picture comes
    FROZEN = "frozen"  # pictures come in time, and are all the same
    LATE = "late"  # pictures come `ms` after they would
    JUMPING = "jumping"  # the camera's clock is right, `ms` ahead and `ms` behind, in turn
    STEPPED = "stepped"  # the camera's clock is `ms` ahead for good


class CameraFaults:
    """Holds back, drops or changes what the camera sees."""

    def __init__(self) -> None:
        """Be well."""
        self._fault, self._amount_ns = CameraFault.WELL, 0
        self._underway: list[tuple[int, Exposure]] = []  # (due, exposure), in order

    def become(self, name: str, amount_ms: int) -> None:
        """Be wrong from now on in the way called `name`; RefusedError if there is no such way."""
        try:
            self._fault = CameraFault(name)
        except ValueError as error:
            ways = ", ".join(fault.value for fault in CameraFault)
            raise RefusedError(f"a camera cannot be {name!r}; it can be {ways}") from error
        self._amount_ns = amount_ms * 1_000_000

    def pass_on(self, exposure: Exposure | None, t_now_ns: int) -> list[Exposure]:
        """Take what is exposed now, if anything, and return what shall be seen now."""
        if exposure is not None and self._fault is not CameraFault.SILENT:
            late_ns = self._amount_ns if self._fault is CameraFault.LATE else 0
            self._underway.append((t_now_ns + late_ns, self._changed(exposure)))
        seen = [entry[1] for entry in self._underway if entry[0] <= t_now_ns]
        self._underway = [entry for entry in self._underway if entry[0] > t_now_ns]
        return seen

    def _changed(self, exposure: Exposure) -> Exposure:
        if self._fault is CameraFault.FROZEN:
            return replace(exposure, frozen=True)
        if self._fault is CameraFault.STEPPED:
            return replace(exposure, t_capture_ns=exposure.t_capture_ns + self._amount_ns)
        if self._fault is CameraFault.JUMPING:
            turn = exposure.number % 3 - 1
            return replace(exposure, t_capture_ns=exposure.t_capture_ns + turn * self._amount_ns)
        return exposure
