"""Drives on their way from whatever state to operation enabled, at the pose they stand at: all of them at once, step by step.

Each step is a controlword in the RPDO of a cycle, with the drive's newest measured position as its target, so that it has that
before its power comes. From then on its target stays: one that followed a sagging joint would let it sink while others are
still on their way. A drive that is stuck is named with the step it did not take.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.cia402 import protocol
from drivers.cia402.bus import Cia402Bus
from drivers.cia402.protocol import TOWARDS_ENABLED, Controlword, PowerState, error_text, power_state
from interfaces.errors import BusTimeoutError, DeviceError, ProtocolError

STEP_PATIENCE_NS = 1_000_000_000  # a brake has to open
RESET_PATIENCE_NS = 500_000_000
CYCLE_BUDGET_RATIO = 0.7


class Enabling:
    """One attempt to make all drives hold."""

    def __init__(self, bus: Cia402Bus, period_ns: int) -> None:
        self._bus = bus
        self._period_ns = period_ns
        self.goals: dict[int, int] = {}  # counts, the targets last sent

    def reset_faults(self) -> None:
        """Reset the drives that have a fault; raises DeviceError naming one that keeps it."""
        t_end_ns = self._bus.now_ns() + RESET_PATIENCE_NS
        self._cycle({})
        while faulty := self._in({PowerState.FAULT, PowerState.FAULT_REACTION_ACTIVE}):
            if self._bus.now_ns() >= t_end_ns:
                raise DeviceError(f"{self._describe(faulty)}: fault reset had no effect")
            self._cycle(dict.fromkeys(faulty, Controlword.DISABLE_VOLTAGE))  # it is the edge that resets
            self._cycle(dict.fromkeys(faulty, Controlword.FAULT_RESET))
        for node_id in self._bus.drives:
            self._bus.drives[node_id].emergency = None

    def enable(self) -> None:
        """Take every drive to operation enabled; raises DeviceError naming one that stops on its way, and where."""
        t_step_ns = self._bus.now_ns()
        steps: Mapping[int, Controlword] = {}
        while True:
            before, steps = steps, {i: TOWARDS_ENABLED[state(self._bus, i)] for i in self._bus.drives}
            if steps != before:
                t_step_ns = self._bus.now_ns()
            self._cycle(steps)
            if not self._in(set(PowerState) - {PowerState.OPERATION_ENABLED}):
                self._cycle(dict.fromkeys(steps, Controlword.ENABLE_OPERATION))
                return
            if faulty := self._in({PowerState.FAULT, PowerState.FAULT_REACTION_ACTIVE}):
                raise DeviceError(f"{self._describe(faulty)}: so it answered {steps[faulty[0]].words}")
            if self._bus.now_ns() >= t_step_ns + STEP_PATIENCE_NS:
                stuck = self._in(set(PowerState) - {PowerState.OPERATION_ENABLED})
                raise DeviceError(f"{self._describe(stuck)}: {steps[stuck[0]].words} had no effect")

    def _cycle(self, words: Mapping[int, Controlword]) -> None:
        """Send commands with the measured positions as targets, then wait for the end of the period."""
        t_end_ns = self._bus.now_ns() + self._period_ns
        targets = [protocol.target(node_id, word, self._goal(node_id)) for node_id, word in words.items()]
        silent = self._bus.cycle(targets, round(CYCLE_BUDGET_RATIO * self._period_ns))
        if silent:
            raise BusTimeoutError(f"{', '.join(self._bus.name(node_id) for node_id in silent)}: no answer in time")
        self._bus.wait(lambda: False, t_end_ns - self._bus.now_ns())

    def _goal(self, node_id: int) -> int:
        if node_id not in self.goals or state(self._bus, node_id) != PowerState.OPERATION_ENABLED:
            self.goals[node_id] = protocol.decode_status(self._bus.drives[node_id].status)[1]
        return self.goals[node_id]

    def _in(self, states: set[PowerState]) -> list[int]:
        return [node_id for node_id in self._bus.drives if state(self._bus, node_id) in states]

    def _describe(self, node_ids: list[int]) -> str:
        return "; ".join(
            f"{self._bus.name(node_id)} is in state {describe(self._bus, node_id)}" for node_id in node_ids
        )


def state(bus: Cia402Bus, node_id: int) -> PowerState:
    """Return the state of a drive at the latest SYNC; raises DeviceError where its statusword is none."""
    try:
        return power_state(protocol.decode_status(bus.drives[node_id].status)[0])
    except ProtocolError as error:
        raise DeviceError(f"{bus.name(node_id)}: {error}") from error


def describe(bus: Cia402Bus, node_id: int) -> str:
    """Return state, statusword and error code of a drive, for people."""
    emergency = bus.drives[node_id].emergency
    statusword = protocol.decode_status(bus.drives[node_id].status)[0]
    return (
        f"{state(bus, node_id).words} (statusword {statusword:#06x}), {error_text(emergency.code if emergency else 0)}"
    )
