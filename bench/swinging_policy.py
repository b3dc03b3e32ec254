"""A policy without a network: swings the first joint at 1 rad/s, to and fro, until it is killed.

    python -m bench.swinging_policy command.sock

It says "swinging" once it does. Like a real one it answers joint states with chunks, at a third of the rate of the command loop.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from interfaces.messages import ActionChunk
from interfaces.wire import CommandStatus
from runtime.link import PolicyLink

STEP_NS = 50_000_000
HORIZON = 16
FRAME_AGE_NS = 50_000_000
EVERY = 3


def swing(status: CommandStatus, sequence: int) -> ActionChunk:
    """Return the chunk that continues the swing from the joints of `status`."""
    t_state_ns = status.joints.t_measured_ns
    rows = np.tile(status.commanded_rad, (HORIZON, 1))
    t_rows_s = (t_state_ns + STEP_NS * np.arange(1, HORIZON + 1)) * 1e-9
    rows[:, 0] = np.abs(t_rows_s % 2.0 - 1.0) - 0.5
    return ActionChunk(
        sequence=sequence,
        t_capture_ns=t_state_ns - FRAME_AGE_NS,
        t_state_ns=t_state_ns,
        t_first_ns=t_state_ns + STEP_NS,
        step_ns=STEP_NS,
        foresight_age_ns=FRAME_AGE_NS,
        position_rad=rows,
    )


def main(socket_path: Path) -> None:
    """Swing until killed."""
    link, sequence = PolicyLink(socket_path), 0
    while True:
        status = link.wait_status(1.0)
        if status is not None and status.sequence % EVERY == 0:
            sequence += 1
            link.send_chunk(swing(status, sequence))
            if sequence == 1:
                sys.stdout.write("swinging\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
