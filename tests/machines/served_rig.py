"""A rig's motors on an interface of the kernel: `python -m tests.machines.served_rig NAME vcan0`, told what to do over stdin.

NAME is one of bench/arm_rigs/. Each line in is the name of one of the rig's methods and its arguments, as a JSON list, or
["begin"], which puts new motors in the place of the old; each line out what was returned. The rig's own driver and its clock
are not used: time is real here.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from bench.arm_rigs import RIGS
from sim.can.server import CanServer


class Motors:
    """The motors that are on the interface now."""

    def __init__(self, name: str, interface: str) -> None:
        self._name, self._interface = name, interface
        self.begin()

    def begin(self) -> None:
        """Put new motors on the interface."""
        self._rig: Any = RIGS[self._name]()
        self._server = CanServer(self._rig.bus, self._interface)
        self._server.open()

    def obey(self, method: str, *arguments: Any) -> Any:
        """Return what a method of the rig returns."""
        if method == "begin":
            self._server.close()
            return self.begin()
        with self._server.lock:
            returned = getattr(self._rig, method)(*arguments)
        return returned.tolist() if isinstance(returned, np.ndarray) else returned


def main(name: str, interface: str) -> None:
    """Serve until stdin ends."""
    motors = Motors(name, interface)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(motors.obey(*json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
