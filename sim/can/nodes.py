"""Who can be on an emulated CAN bus, by name: `damiao:7` is seven motors of that kind, fresh from the factory but for their ids.

Motors are rigid, and are where they are told to be; those of `yam` move that arm in MuJoCo, `yam-rigid` is the same without physics.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.can.port import CanFrame
from sim.can.bus import CanNode
from sim.cia402.emulator import EmulatedDrive
from sim.feetech.bus_process import RigidActuators
from sim.motors.springs import RigidMitMotors
from sim.odrive.emulator import EmulatedAxis
from sim.robstride.emulator import EmulatedRobstride
from sim.yam.arm import damiao_motors, yam_nodes
from sim.yam.links import MODELS

ECHO_OFFSET = 0x400
CIA402_COUNTS_PER_RAD = 100_000.0


class EchoNode:
    """Answers each data frame to its id with the same data, `ECHO_OFFSET` higher: for tests of adapters and ports."""

    def __init__(self, node_id: int) -> None:
        self._node_id = node_id

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        """Answer what is addressed to it."""
        del t_now_ns
        if frame.can_id != self._node_id or frame.remote:
            return []
        return [CanFrame(self._node_id + ECHO_OFFSET, frame.data, frame.extended)]

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        """Say nothing by itself."""
        del t_now_ns
        return []

    def power_on(self) -> None:
        """Nothing to forget."""


def make_nodes(names: str) -> list[CanNode]:
    """Return the nodes that `names` tells, "echo:2,damiao:7"; raises KeyError for a kind that there is not."""
    nodes: list[CanNode] = []
    for name in names.split(","):
        kind, _, count = name.partition(":")
        nodes += NODE_MAKERS[kind](int(count or 1))
    return nodes


def _echoes(count: int) -> list[CanNode]:
    return [EchoNode(1 + i) for i in range(count)]


def _damiao(count: int) -> list[CanNode]:
    return [*damiao_motors(["DM4310"] * count, RigidMitMotors(count))]


def _robstrides(count: int) -> list[CanNode]:
    motors = RigidMitMotors(count)
    return [EmulatedRobstride("RS02", 1 + i, i, motors) for i in range(count)]


def _cia402_drives(count: int) -> list[CanNode]:
    motors = RigidActuators(count)
    return [EmulatedDrive(1 + i, i, motors, CIA402_COUNTS_PER_RAD) for i in range(count)]


def _odrive_axes(count: int) -> list[CanNode]:
    motors = RigidActuators(count)
    return [EmulatedAxis(i, i, motors) for i in range(count)]


def _yams(count: int) -> list[CanNode]:
    from sim.yam.motors import YamMotors  # MuJoCo is loaded where it is wanted

    _require_one(count)
    return [*yam_nodes(YamMotors())]


def _rigid_yams(count: int) -> list[CanNode]:
    _require_one(count)
    return [*yam_nodes(RigidMitMotors(len(MODELS)))]


def _require_one(count: int) -> None:
    if count != 1:
        raise KeyError(f"{count} arms on one bus: their motors would have the same ids")


NODE_MAKERS: dict[str, Callable[[int], list[CanNode]]] = {
    "echo": _echoes,
    "damiao": _damiao,
    "robstride": _robstrides,
    "cia402": _cia402_drives,
    "odrive": _odrive_axes,
    "yam": _yams,
    "yam-rigid": _rigid_yams,
}
