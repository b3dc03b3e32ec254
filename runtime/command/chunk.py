"""Where the joints should be now, read from action chunks by time, never by index.

    position
      |            . - o - - o - - o      newest chunk: row k at t_first + k * step, quintic from row to row
      |        . '
      |  x - '                            x: what was last sent; before t_first, from there smoothly to row 0
      +--------|-----|-----|-----|---- t

At a seam position, velocity and acceleration of what was sent before are kept, and their difference to the new chunk fades
over `blend_ns`: late or contradicting chunks cost accuracy, never a step.

Rows are samples of a motion, so their velocity and acceleration are those of the parabola through a row and its two
neighbours. What is wanted is then smooth in position, velocity and acceleration, passes through every row, and knows only
two rows on either side. It is not held monotone: that would stop the joint for a moment at every turning point of a motion
that never stops. The price is an overshoot where rows jump, at most a twelfth of the jump.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from interfaces.messages import ActionChunk, JointRows, JointVector
from runtime.command.motion import Motion, Polynomials, motion_on, quintic


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where the arm was sent last: the seam at which a new chunk takes over."""

    t_ns: int  # the instant the position was meant for
    position_rad: JointVector
    velocity_rad_s: JointVector
    acceleration_rad_s2: JointVector = field(default_factory=lambda: np.zeros(1))  # for every joint, where it is known


class ChunkFollower:
    """Follows the newest chunk: its rows are taken `latency_ns` ahead, it is stale `age_max_ns` after its joint state."""

    def __init__(self, *, latency_ns: int, age_max_ns: int, blend_ns: int) -> None:
        self._latency_ns = latency_ns
        self._age_max_ns = age_max_ns
        self._blend_ns = blend_ns
        self._chunk: ActionChunk | None = None
        self._newest = (-1, -1)
        self._line: _Line | None = None

    @property
    def chunk(self) -> ActionChunk | None:
        """Return the chunk that is followed."""
        return self._chunk

    def is_newer(self, chunk: ActionChunk) -> bool:
        """Return whether `chunk` is newer than all before; by its joint state, because a new policy counts from the beginning."""
        return (chunk.t_state_ns, chunk.sequence) > self._newest

    def adopt(self, chunk: ActionChunk, anchor: Anchor) -> None:
        """Follow `chunk` from `anchor` on; one that is not newer than all before is ignored."""
        if not self.is_newer(chunk):
            return
        self._newest = (chunk.t_state_ns, chunk.sequence)
        self._chunk = chunk
        self._line = _Line(chunk, anchor, self._blend_ns)

    def why_stale(self, t_now_ns: int) -> str | None:
        """Return why there is nothing to follow at `t_now_ns`, or None where there is."""
        chunk = self._chunk
        if chunk is None:
            return "no chunk"
        age_ns = t_now_ns - chunk.t_state_ns
        if age_ns > self._age_max_ns:
            return f"chunk {chunk.sequence} is {age_ns / 1e6:.0f} ms old, limit {self._age_max_ns / 1e6:.0f} ms"
        if t_now_ns + self._latency_ns > chunk.t_last_ns:
            return f"chunk {chunk.sequence} is past its last row"
        return None

    def wanted(self, t_now_ns: int) -> JointVector | None:
        """Return the position to command at `t_now_ns`, (joint,) rad, or None where the chunk is stale."""
        motion = self.motion(t_now_ns)
        return None if motion is None else motion.position_rad

    def motion(self, t_now_ns: int, ahead_ns: int = 0) -> Motion | None:
        """Return the motion to command `ahead_ns` after `t_now_ns`, or None where the chunk is stale now.

        Past its last row, where only looking ahead leads, it stands there: nothing says that there will be another chunk.
        """
        if self._line is None or self.why_stale(t_now_ns) is not None:
            return None
        return self._line.at(t_now_ns + self._latency_ns + ahead_ns)


def position_at(chunk: ActionChunk, t_ns: int) -> JointVector | None:
    """Return the joint positions of the chunk at `t_ns`, (joint,) rad, or None before its first row and after its last."""
    if not chunk.t_first_ns <= t_ns <= chunk.t_last_ns:
        return None
    return _Rows(chunk).at(t_ns).position_rad


class _Rows:
    """The rows of a chunk as one smooth motion."""

    def __init__(self, chunk: ActionChunk) -> None:
        self._t_first_ns, self._step_ns = chunk.t_first_ns, chunk.step_ns
        self.ends = Motion.at_rest(chunk.position_rad[0]), Motion.at_rest(chunk.position_rad[-1])
        self._pieces = _through(chunk.position_rad, chunk.step_ns * 1e-9)

    def at(self, t_ns: int) -> Motion:
        """Return the motion at `t_ns`; before the first row and after the last the arm would stand there."""
        elapsed_ns = t_ns - self._t_first_ns
        n_pieces = len(self._pieces)
        if elapsed_ns < 0 or elapsed_ns > n_pieces * self._step_ns or n_pieces == 0:
            return self.ends[elapsed_ns >= 0]
        k = min(elapsed_ns // self._step_ns, n_pieces - 1)
        return motion_on(self._pieces[k], (elapsed_ns - k * self._step_ns) * 1e-9)


class _Line:
    """The rows, what leads to them, and what is left of the gap to what was sent before."""

    def __init__(self, chunk: ActionChunk, anchor: Anchor, blend_ns: int) -> None:
        self._rows = _Rows(chunk)
        self._t_first_ns, self._t_anchor_ns = chunk.t_first_ns, anchor.t_ns
        self._lead: Polynomials | None = None
        self._gap: Polynomials | None = None
        self._fade_ns = blend_ns
        sent = Motion(
            position_rad=anchor.position_rad,
            velocity_rad_s=anchor.velocity_rad_s,
            acceleration_rad_s2=anchor.acceleration_rad_s2 + np.zeros(len(anchor.position_rad)),
        )
        lead_ns = chunk.t_first_ns - anchor.t_ns
        if lead_ns > blend_ns:
            self._lead = quintic(sent, self._rows.at(chunk.t_first_ns), lead_ns * 1e-9)
        elif blend_ns > 0:
            gap = sent - self._without_gap(anchor.t_ns)
            self._gap = quintic(gap, gap - gap, blend_ns * 1e-9)

    def at(self, t_ns: int) -> Motion:
        """Return the motion wanted at `t_ns`."""
        line = self._without_gap(t_ns)
        since_ns = max(t_ns - self._t_anchor_ns, 0)
        if self._gap is None or since_ns >= self._fade_ns:
            return line
        return line + motion_on(self._gap, since_ns * 1e-9)

    def _without_gap(self, t_ns: int) -> Motion:
        """Return the motion on the rows, and before row 0 on what leads there.

        A short lead is the first row's own motion continued backwards, so that the gap to it can fade; a long one starts at
        the anchor.
        """
        before_ns = self._t_first_ns - t_ns
        if before_ns <= 0 or self._t_first_ns <= self._t_anchor_ns:
            return self._rows.at(t_ns)
        if self._lead is not None:
            return motion_on(self._lead, max(t_ns - self._t_anchor_ns, 0) * 1e-9)
        first = self._rows.at(self._t_first_ns)
        return Motion(
            position_rad=first.position_rad - before_ns * 1e-9 * first.velocity_rad_s,
            velocity_rad_s=first.velocity_rad_s,
            acceleration_rad_s2=np.zeros(len(first.position_rad)),
        )


def _through(rows: JointRows, step_s: float) -> Polynomials:
    """Return one polynomial from each row to the next; the first and last row share the parabola of their neighbour."""
    if len(rows) < 2:
        return np.empty((0, 6, rows.shape[1]))
    ways = np.diff(rows.astype(np.float64), axis=0)
    bends = np.diff(ways, axis=0) if len(rows) > 2 else np.zeros((1, rows.shape[1]))
    bends = np.concatenate([bends[:1], bends, bends[-1:]])[: len(rows)]
    velocity_rad_s = np.concatenate([ways[:1] - bends[:1] / 2, ways[1:] - bends[1:-1] / 2, ways[-1:] + bends[-1:] / 2])
    velocity_rad_s /= step_s
    acceleration_rad_s2 = bends / step_s**2
    starts, ends = (
        Motion(
            position_rad=rows[part], velocity_rad_s=velocity_rad_s[part], acceleration_rad_s2=acceleration_rad_s2[part]
        )
        for part in (slice(None, -1), slice(1, None))
    )
    return quintic(starts, ends, step_s)
