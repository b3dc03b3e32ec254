"""A policy without a network whose chunks carry, as their frame's instant, the instant at which they were sent.

    python -m bench.doctor.stamped_policy command.sock swing|stay

So the command process's own log tells how old each chunk was whenever a command was made from it. It swings the first joint as
bench/swinging_policy.py does, or stays where it is: on a real arm's bus nothing may even be meant to move.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.swinging_policy import EVERY, HORIZON, swing
from runtime.link import PolicyLink


def main(socket_path: Path, *, stay: bool) -> None:
    """Propose until killed; says "proposing" once it does."""
    link, sequence = PolicyLink(socket_path), 0
    while True:
        status = link.wait_status(1.0)
        if status is None or status.sequence % EVERY:
            continue
        sequence += 1
        chunk = swing(status, sequence)
        if stay:
            chunk = replace(chunk, position_rad=np.tile(status.commanded_rad, (HORIZON, 1)))
        link.send_chunk(replace(chunk, t_capture_ns=time.monotonic_ns()))
        if sequence == 1:
            sys.stdout.write("proposing\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), stay=sys.argv[2] == "stay")
