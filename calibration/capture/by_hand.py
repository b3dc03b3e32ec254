"""A person shows the limp arm: moves it wherever a policy may take it, and sees in a living table where it has not been."""

from __future__ import annotations

from rich.table import Table

from calibration.capture.collector import Collector
from calibration.capture.tables import coverage_table
from calibration.session.arm_session import ArmSession
from calibration.session.workplace import Workplace

LOOK_NS = 80_000_000  # between two looks at the table
RELAX_NS = 700_000_000  # nothing new for so long: less distance will do
INSTRUCTION = (
    "Move the arm slowly by hand wherever it may work: every joint over its range, the hand near and far, high and low, left and"
    " right. The table shows where it has not been. What you repeat is kept once."
)


class HandShow:
    """One walk of the arm, led by a hand."""

    def __init__(self, workplace: Workplace, session: ArmSession, collector: Collector) -> None:
        self._workplace, self._session, self._collector = workplace, session, collector
        self._t_new_ns = 0

    def run(self) -> None:
        """Let the operator move the limp arm until enough is kept."""
        operator = self._workplace.operator
        state = (
            "The arm is about to go limp: hold it." if any(self._session.torque_before) else "The arm is limp already."
        )
        operator.wait("support-arm", state)
        self._session.release()
        self._t_new_ns = self._workplace.clock.now_ns()
        operator.watch("show-arm", INSTRUCTION, self._look, lambda: self._collector.balance.is_complete)

    def _look(self) -> Table:
        clock, balance = self._workplace.clock, self._collector.balance
        t_end_ns = clock.now_ns() + LOOK_NS
        while clock.now_ns() < t_end_ns:
            if self._collector.see(self._session.read()):
                self._t_new_ns = clock.now_ns()
            elif clock.now_ns() - self._t_new_ns > RELAX_NS:
                balance.relax()
                self._t_new_ns = clock.now_ns()
        self._collector.write_all()
        return coverage_table(self._session.config.joint_names, balance)
