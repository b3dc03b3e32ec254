"""A policy on a virtual clock that is right, or wrong in one of the ways a policy can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum

import numpy as np

from interfaces.arm_config import ArmConfig
from interfaces.messages import ActionChunk, JointRows, JointState

MS = 1_000_000
_STEP_NS = 50 * MS
_HORIZON = 16
_LATENCY_NS = 20 * MS  # from the joint state to the chunk
_LATE_NS = 200 * MS  # more, where it is late: ten times slower inference
_FRAME_AGE_NS = 50 * MS
_STALE_NS = 10_000 * MS
_AMPLITUDE_RAD = 0.3
_FREQUENCIES_HZ = np.array([0.5, 0.4, 0.35, 0.45, 0.7, 0.6])


class Mode(Enum):
    """How the policy is wrong."""

    RIGHT = "right"
    NAN = "nan"
    INF = "inf"
    CONSTANT = "constant"
    JUMPING = "jumping"  # each chunk wants to be elsewhere, anywhere within the limits
    BEYOND = "beyond"  # far outside the limits
    NO_ANGLE = "no angle"  # beyond anything that a joint could be asked
    ROUGH = "rough"  # every row elsewhere
    LATE = "late"
    OLD = "old"  # the same chunk again and again
    OUT_OF_ORDER = "out of order"  # chunks overtake each other
    FUTURE = "future"  # made from joints that are not measured yet
    STALE_FORESIGHT = "stale foresight"
    WRONG_JOINTS = "wrong joints"
    SILENT = "silent"

    @classmethod
    def of(cls, number: int) -> Mode:
        """Return a mode by its number; numbers beyond are RIGHT, so that there is motion to disturb."""
        modes = list(cls)
        return modes[number] if number < len(modes) else cls.RIGHT


class FaultyPolicy:
    """Makes chunks from joint states, and hands them over when they would arrive; the caller sets `mode`."""

    def __init__(self, arm: ArmConfig, seed: int) -> None:
        """Be right at first; `seed` draws what is random."""
        low_rad, high_rad = arm.vector("position_min_rad"), arm.vector("position_max_rad")
        self._low_rad, self._high_rad = low_rad, high_rad
        room_rad = _AMPLITUDE_RAD * 1.1
        self._centre_rad = np.clip(arm.vector("rest_rad"), low_rad + room_rad, high_rad - room_rad)
        self._rng = np.random.default_rng((seed, 6))
        self._phases = self._rng.uniform(0, 2 * np.pi, len(arm.joints))
        self._sequence = 0
        self._constant_rad = self._anywhere(1)
        self._old: ActionChunk | None = None
        self._underway: list[tuple[int, ActionChunk]] = []  # (arrival, chunk)
        self._mode = Mode.RIGHT
        self._rows: dict[Mode, Callable[[int], JointRows]] = {
            Mode.NAN: lambda t_ns: self._poisoned(t_ns, np.nan),
            Mode.INF: lambda t_ns: self._poisoned(t_ns, np.inf),
            Mode.CONSTANT: lambda _t_ns: self._constant_rad.repeat(_HORIZON, axis=0),
            Mode.JUMPING: lambda _t_ns: self._anywhere(1).repeat(_HORIZON, axis=0),
            Mode.BEYOND: lambda _t_ns: 100.0 * self._anywhere(1).repeat(_HORIZON, axis=0),
            Mode.NO_ANGLE: lambda _t_ns: 1e30 * self._anywhere(1).repeat(_HORIZON, axis=0),
            Mode.ROUGH: lambda _t_ns: self._anywhere(_HORIZON),
            Mode.WRONG_JOINTS: lambda t_ns: self._right(t_ns)[:, 1:],
        }

    @property
    def mode(self) -> Mode:
        """Return how it is wrong now."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        """Be wrong in another way from the next chunk on."""
        self._mode = mode
        self._constant_rad = self._anywhere(1)

    def hang_up(self) -> None:
        """Be gone: nothing that is underway arrives."""
        self._underway.clear()
        self._mode = Mode.SILENT

    def think(self, joints: JointState) -> None:
        """Make a chunk from joints; it will arrive later."""
        if self._mode is Mode.SILENT:
            return
        chunk, latency_ns = self._chunk(joints.t_measured_ns), _LATENCY_NS
        if self._mode is Mode.LATE:
            latency_ns += _LATE_NS
        elif self._mode is Mode.OUT_OF_ORDER:
            latency_ns += int(self._rng.integers(0, _LATE_NS))
        elif self._mode is Mode.OLD:
            self._old = chunk = self._old or chunk
        if self._mode is not Mode.OLD:
            self._old = None
        self._underway.append((joints.t_measured_ns + latency_ns, chunk))

    def arrived(self, t_now_ns: int) -> ActionChunk | None:
        """Return the chunk that arrived last by now, as a socket of which the newest message is read."""
        arrived = [entry for entry in self._underway if entry[0] <= t_now_ns]
        self._underway = [entry for entry in self._underway if entry[0] > t_now_ns]
        return max(arrived, key=lambda entry: entry[0])[1] if arrived else None

    def _chunk(self, t_state_ns: int) -> ActionChunk:
        self._sequence += 1
        t_first_ns = t_state_ns + _STEP_NS
        chunk = ActionChunk(
            sequence=self._sequence,
            t_capture_ns=t_state_ns - _FRAME_AGE_NS,
            t_state_ns=t_state_ns,
            t_first_ns=t_first_ns,
            step_ns=_STEP_NS,
            foresight_age_ns=_FRAME_AGE_NS,
            position_rad=self._rows.get(self._mode, self._right)(t_first_ns),
        )
        if self._mode is Mode.FUTURE:
            return replace(chunk, t_state_ns=t_state_ns + _STALE_NS)
        if self._mode is Mode.STALE_FORESIGHT:
            return replace(chunk, foresight_age_ns=_STALE_NS)
        return chunk

    def _right(self, t_first_ns: int) -> JointRows:
        t_s = (t_first_ns + _STEP_NS * np.arange(_HORIZON))[:, None] * 1e-9
        return self._centre_rad + _AMPLITUDE_RAD * np.sin(2 * np.pi * _FREQUENCIES_HZ * t_s + self._phases)

    def _anywhere(self, n_rows: int) -> JointRows:
        return self._rng.uniform(self._low_rad, self._high_rad, (n_rows, len(self._low_rad)))

    def _poisoned(self, t_first_ns: int, value: float) -> JointRows:
        rows = self._right(t_first_ns)
        rows[tuple(self._rng.integers(rows.shape).tolist())] = value
        return rows
