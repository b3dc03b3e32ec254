"""The committed prefix: rows of a new chunk that come too late to matter, because the chunk before is followed until then. Pure.

    previous chunk   o----o----o----o----o----o
    new chunk             .    p    p    .    o    o    o        p, p: the previous chunk at these instants, by time
                               ^ now          ^ now + expected latency

A policy that knows them goes on from them, and the seam is smooth (training-time real-time chunking, arXiv 2512.05964).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.messages import ActionChunk, JointVector
from runtime.command.chunk import position_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The first rows of a new chunk; those from `n_rows` on repeat the last committed one, and mean nothing."""

    position_rad: NDArray[np.float32]  # (horizon, joint)
    n_rows: int


def committed_prefix(
    previous: ActionChunk | None, t_rows_ns: NDArray[np.int64], t_committed_ns: int, joints_rad: JointVector
) -> Prefix:
    """Return the rows at `t_rows_ns`, (horizon,), that lie before `t_committed_ns` and in the previous chunk.

    Without any, all repeat `joints_rad`, the measured pose: zeros would be a pose, too, and another one.
    """
    committed = list[JointVector]()
    for t_row_ns in t_rows_ns[t_rows_ns < t_committed_ns]:
        position_rad = None if previous is None else position_at(previous, int(t_row_ns))
        if position_rad is None:
            break
        committed.append(position_rad)
    rows = np.empty((len(t_rows_ns), len(joints_rad)), np.float32)
    rows[:] = committed[-1] if committed else joints_rad
    if committed:
        rows[: len(committed)] = committed
    return Prefix(position_rad=rows, n_rows=len(committed))
