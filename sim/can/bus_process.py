"""Emulated nodes on a CAN bus, in a process of their own: `python -m sim.can.bus_process PORT NODES`, told what to do over stdin.

PORT is the path of a pty that speaks slcan, or "can:vcan0" for an interface of the kernel. NODES are named in
sim/can/nodes.py: "damiao:7". Commands, one a line, each answered by "done": drop N, garbage ID#HEX, silence I, speak I (of node I,
from 0), delay MS, errors N, off (the bus), on, power (off and on), unplug, plug, quit; and of a pty's adapter: noise HEX, refuse N,
mute, talk, states, restart.
"""

from __future__ import annotations

import sys
from pathlib import Path

from drivers.can.port import CanFrame
from sim.can.bus import CanBus
from sim.can.nodes import make_nodes
from sim.can.server import CanServer
from sim.can.slcan_adapter import SlcanAdapter
from sim.motors.process import BusProcess, Commands, Plug, serve
from sim.serial.pty_port import PtyPort

INTERFACE = "can:"


class CanBusProcess(BusProcess):
    """The nodes in a process of their own, for as long as the `with` block lasts."""

    MODULE = "sim.can.bus_process"

    def __init__(self, port: Path | str, nodes: str) -> None:
        """`port` is where the pty shall be, or "can:vcan0"."""
        super().__init__(Path(port))
        self._arguments = [port if isinstance(port, str) else str(port.absolute()), nodes]


def main(port: str, nodes: str) -> None:
    """Serve until stdin ends."""
    bus = CanBus(make_nodes(nodes))
    if port.startswith(INTERFACE):
        server = CanServer(bus, port.removeprefix(INTERFACE))
        serve(server, bus_commands(server, bus))
        return
    adapter = SlcanAdapter(bus)
    pty = PtyPort(adapter, Path(port))
    serve(pty, {**bus_commands(pty, bus), **adapter_commands(adapter)})


def bus_commands(port: Plug, bus: CanBus) -> Commands:
    """Return what can be told to the bus."""
    faults = bus.faults
    return {
        "drop": lambda arguments: setattr(faults, "n_drop", int(arguments[0])),
        "garbage": lambda arguments: faults.garbage.append(_frame(arguments[0])),
        "silence": lambda arguments: faults.silent.add(int(arguments[0])),
        "speak": lambda arguments: faults.silent.discard(int(arguments[0])),
        "delay": lambda arguments: setattr(faults, "delay_ns", round(float(arguments[0]) * 1e6)),
        "errors": lambda arguments: setattr(faults, "n_error_frames", int(arguments[0])),
        "off": lambda _: setattr(faults, "bus_off", True),
        "on": lambda _: setattr(faults, "bus_off", False),
        "power": lambda _: bus.power_cycle(),
        "unplug": lambda _: port.close(),
        "plug": lambda _: port.open(),
    }


def adapter_commands(adapter: SlcanAdapter) -> Commands:
    """Return what can be told to the adapter."""
    faults = adapter.faults
    return {
        "noise": lambda arguments: setattr(faults, "garbage", bytes.fromhex(arguments[0])),
        "refuse": lambda arguments: setattr(faults, "n_refuse", int(arguments[0])),
        "mute": lambda _: setattr(faults, "is_mute", True),
        "talk": lambda _: setattr(faults, "is_mute", False),
        "states": lambda _: setattr(faults, "tells_states", True),
        "restart": lambda _: adapter.restart(),
    }


def _frame(text: str) -> CanFrame:
    can_id, _, data = text.partition("#")
    return CanFrame(int(can_id, 16), bytes.fromhex(data), extended=len(can_id) > 3)


if __name__ == "__main__":
    main(*sys.argv[1:])
