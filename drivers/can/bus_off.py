"""How long, and how often, a CAN port waits for its controller to come back onto the bus. Pure.

A controller that has seen too many errors leaves the bus; the kernel lets it return after restart-ms, where that is set.
"""

from __future__ import annotations

from interfaces.errors import DeviceLostError

PATIENCE_NS = 500_000_000
TIMES = 3
FORGIVEN_NS = 10_000_000_000  # after so long on the bus, what was before no longer counts


class BusOffBudget:
    """Told what happens to one controller; says when there is no more hope."""

    def __init__(self, name: str, restart_ms: int | None) -> None:
        """`restart_ms` is that of the interface: 0 never lets it return; None is not known."""
        self._name = name
        self._restart_ms = restart_ms
        self._t_off_ns: int | None = None
        self._t_last_ns = 0
        self._n_in_a_row = 0
        self.n_off = 0

    @property
    def is_off(self) -> bool:
        """Return whether the controller is off the bus."""
        return self._t_off_ns is not None

    def leave(self, t_now_ns: int) -> None:
        """Take note that the controller left the bus."""
        if self._t_off_ns is not None:
            return
        if t_now_ns - self._t_last_ns > FORGIVEN_NS:
            self._n_in_a_row = 0
        self._t_off_ns = self._t_last_ns = t_now_ns
        self._n_in_a_row += 1
        self.n_off += 1

    def come_back(self) -> None:
        """Take note that it is back."""
        self._t_off_ns = None

    def require_hope(self, t_now_ns: int) -> None:
        """Raise DeviceLostError where the controller will not come back, or took too long, or left too often."""
        if self._t_off_ns is None:
            return
        off = f"{self._name} is off the bus: too many errors on the wire (bit rate, termination, a motor that disturbs)"
        if self._restart_ms == 0:
            raise DeviceLostError(
                f"{off}, and stays off: ip link set {self._name} down; ip link set {self._name} type can restart-ms 100"
            )
        if self._n_in_a_row > TIMES:
            raise DeviceLostError(f"{off}, for the {self._n_in_a_row}th time in a row; {TIMES} are waited for")
        if t_now_ns - self._t_off_ns > PATIENCE_NS:
            raise DeviceLostError(
                f"{off}, and did not come back within {PATIENCE_NS // 1_000_000} ms; is restart-ms set?"
            )
