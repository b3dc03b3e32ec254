"""What goes wrong in one sequence, and when: drawn from a seed, printed, and played again from the same seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from bench.faults.faulty_policy import Mode

LAST_MS = 4_000  # the last event; then everything is mended, and the arm must follow again
_FIRST_MS = 300
_N_EVENTS = (5, 14)
_N_SERVOS = 6


class Fault(Enum):
    """What an event does; the second value is the range that its amount is drawn from."""

    POLICY = "the policy turns into another, by number", (0, round(1.5 * len(Mode)))
    POLICY_GONE = "the policy hangs up", (0, 0)
    DROP = "so many answers get lost", (1, 400)
    CORRUPT = "so many answers come with a wrong checksum", (1, 400)
    GARBAGE = "so many bytes of garbage come before an answer", (1, 60)
    SERVO_GONE = "the servo of this id falls silent", (1, _N_SERVOS)
    SERVO_BACK = "every servo answers again", (0, 0)
    DELAY = "answers come so many ms later", (1, 12)
    PROMPT = "answers come in time again", (0, 0)
    ECHO = "the adapter echoes, or stops to", (0, 1)
    UNPLUG = "the cable is pulled", (0, 0)
    POWER_CUT = "the cable is pulled, and the motors lose their power", (0, 0)
    PLUG = "the cable is put back", (0, 0)
    HOT = "a motor is so hot, in degC", (62, 80)
    COOL = "the motors are cool", (0, 0)
    SUPPLY = "the motors are supplied with so many tenths of a volt", (30, 120)
    ESTOP = "a person stops the arm", (0, 0)
    CLEAR = "a person clears whatever there is", (0, 0)
    STALL = "the loop stands still for so many ms", (30, 900)
    CLOCK_BACK = "the clock runs back by so many ms, for one period", (1, 500)

    def __init__(self, text: str, amounts: tuple[int, int]) -> None:
        self.text: str = text
        self.amounts: tuple[int, int] = amounts


# Faults that end a sequence early (latched until a clear) come less often than clears, so that much is seen beyond them.
_WEIGHTS = {
    Fault.POLICY: 12,
    Fault.CLEAR: 6,
    Fault.PLUG: 3,
    Fault.POLICY_GONE: 2,
    Fault.DROP: 2,
    Fault.CORRUPT: 2,
    Fault.GARBAGE: 2,
    Fault.STALL: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that goes wrong, or is mended."""

    t_ms: int  # after the arm was armed
    fault: Fault
    amount: int

    def line(self) -> str:
        """Return the event for people."""
        what = Mode.of(self.amount).value if self.fault is Fault.POLICY else self.amount
        return f"{self.t_ms:5d} ms  {self.fault.name:11s} {what!s:>16}  ({self.fault.text})"


def draw_script(seed: int) -> tuple[Event, ...]:
    """Return the events of a seed, in order."""
    rng = np.random.default_rng((seed, 5))
    kinds: list[Fault] = list(Fault)
    weights = np.array([_WEIGHTS.get(kind, 1) for kind in kinds], np.float64)
    n_events = int(rng.integers(*_N_EVENTS))
    instants_ms = np.sort(rng.integers(_FIRST_MS, LAST_MS, n_events)).tolist()
    drawn = [kinds[int(k)] for k in rng.choice(len(kinds), n_events, p=weights / weights.sum())]
    return tuple(
        Event(t_ms=t_ms, fault=fault, amount=_draw_amount(rng, fault))
        for t_ms, fault in zip(instants_ms, drawn, strict=True)
    )


def _draw_amount(rng: np.random.Generator, fault: Fault) -> int:
    """Small amounts as often as large ones: what is just below a limit matters as much as what is far beyond."""
    low, high = fault.amounts
    if low > 0 and high / low > 30:
        return round(math.exp(rng.uniform(math.log(low), math.log(high + 0.4))))
    return int(rng.integers(low, high + 1))
