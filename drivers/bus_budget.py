"""How much of a command period the wire is busy: computed before anything is sent, from the bytes or frames of one cycle. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.errors import RefusedError

BUDGET_RATIO = 0.7  # of the command period: what is left is for adapter, operating system and asking again


@dataclass(frozen=True, slots=True, kw_only=True)
class BusBudget:
    """The wire time of one cycle beside the period it has to fit into."""

    busy_ns: int
    period_ns: int
    made_of: str  # "124 bytes at 1 Mbit/s, 6 pauses of 60 us": what a person can change

    @property
    def ratio(self) -> float:
        """Return the share of the period that the wire is busy."""
        return self.busy_ns / self.period_ns

    @property
    def rate_max_hz(self) -> float:
        """Return the highest rate at which a cycle still leaves enough of the period free."""
        return BUDGET_RATIO * 1e9 / self.busy_ns

    def require_fit(self, bus: str) -> None:
        """Raise RefusedError, saying why and what would do, where a cycle takes more than BUDGET_RATIO of the period."""
        if self.ratio > BUDGET_RATIO:
            raise RefusedError(
                f"{bus}: one cycle takes {self.busy_ns * 1e-6:.2f} ms on the wire ({self.made_of}), {self.ratio:.0%} of the"
                f" {self.period_ns * 1e-6:.2f} ms of {1e9 / self.period_ns:g} Hz; at most {BUDGET_RATIO:.0%} leaves room for"
                f" losses: lower arm.rate_hz to {self.rate_max_hz:.0f} or less, or raise the rate of the bus"
            )
