"""A rig's motors on an interface of the kernel: `python -m tests.machines.served_rig NAME vcan0`, told what to do over stdin.

NAME is one of bench/arm_rigs/. Each line in is the name of one of the rig's methods and its arguments, as a JSON list; each line
out what it returned. The rig's own driver and its clock are not used: time is real here.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from bench.arm_rigs import RIGS
from sim.can_server import CanServer


def main(name: str, interface: str) -> None:
    """Serve until stdin ends."""
    rig: Any = RIGS[name]()
    server = CanServer(rig.bus, interface)
    server.open()
    say("ready")
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        with server.lock:
            returned = getattr(rig, method)(*arguments)
        say(returned.tolist() if isinstance(returned, np.ndarray) else returned)
    server.close()


def say(value: object) -> None:
    """Print one line of JSON at once."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
