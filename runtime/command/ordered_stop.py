"""An ordered stop: brake, hold, and then what the robot file says: torque stays on, or is switched off once the arm stands still. Pure."""

from __future__ import annotations

from typing import Literal

import numpy as np

from interfaces.messages import CommandState, JointState

STOP_MAX_NS = 2_000_000_000  # to come to rest; braking from full speed takes a tenth of it
_STILL_RAD_S = 0.1  # measured, of every joint: what is slower stands, or trembles where it stands
_SETTLE_NS = 300_000_000  # at rest for so long before torque may go: the arm follows its commands late
_MAY_RELEASE = {CommandState.READY, CommandState.HOLDING}


class OrderedStop:
    """Knows since when a stop is ordered, when the loop may end, and whether torque may then be switched off."""

    def __init__(self, on_stop: Literal["hold", "release"], *, dry_run: bool) -> None:
        """Do at the end what the robot file says; in a dry run nothing is ever told to the motors."""
        self._releases = on_stop == "release" and not dry_run
        self._on_stop = on_stop
        self._dry_run = dry_run
        self._t_ordered_ns: int | None = None
        self._t_rest_ns: int | None = None
        self._still = False

    @property
    def ordered(self) -> bool:
        """Return whether a stop was ordered."""
        return self._t_ordered_ns is not None

    def order(self, t_now_ns: int) -> None:
        """Order it; once is enough."""
        if self._t_ordered_ns is None:
            self._t_ordered_ns = t_now_ns

    def over(self, state: CommandState, joints: JointState | None, t_now_ns: int, *, at_rest: bool) -> bool:
        """Return whether the loop may end; `at_rest` is whether the last command left the arm where it was."""
        if self._t_ordered_ns is None:
            return False
        if t_now_ns - self._t_ordered_ns > STOP_MAX_NS:
            return True
        if state is CommandState.FOLLOWING or not at_rest:
            self._t_rest_ns = None
            return False
        if not self._releases or state not in _MAY_RELEASE:
            return True
        if self._t_rest_ns is None:
            self._t_rest_ns = t_now_ns
        stands = joints is not None and bool(np.abs(joints.velocity_rad_s).max() <= _STILL_RAD_S)
        self._still = stands and t_now_ns - self._t_rest_ns >= _SETTLE_NS
        return self._still

    def why_not_release(self, state: CommandState, *, lost: bool) -> str | None:
        """Return why torque must stay as it is, for people; None where it is to be switched off now."""
        if self._on_stop == "hold":
            return "torque stays on: the arm is held"
        if self._dry_run:
            return "torque stays as it is: a dry run"
        if lost:
            return "torque stays as it is: the bus is lost"
        if state not in _MAY_RELEASE:
            return f"torque stays on: {state.name}"
        return None if self._still else "torque stays on: the arm does not stand still"
