"""Motors are found on an emulated CAN bus on a virtual clock: heard or asked, and left as they are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from drivers.can.open_port import open_can
from drivers.can.port import CanFrame
from drivers.damiao import protocol as damiao
from drivers.find import can_motors as find_can_motors
from drivers.find import can_questions as find_can_questions
from drivers.find.can_motors import BusSweep, sweep_bus
from drivers.find.can_questions import FoundMotor
from drivers.robstride import protocol as robstride
from sim.can.bus import CanBus, CanNode
from sim.can.lockstep import LockstepCan
from sim.can.nodes import make_nodes
from sim.damiao.emulator import EmulatedDamiao
from sim.feetech.bus_process import RigidActuators
from sim.motors.springs import RigidMitMotors
from sim.odrive.emulator import EmulatedAxis
from sim.robstride.emulator import EmulatedRobstride


class Port(LockstepCan):
    """A port that remembers what was sent."""

    def __init__(self, nodes: Sequence[CanNode]) -> None:
        self.bus = CanBus(nodes)
        super().__init__(self.bus, lambda: 0)
        self.sent: list[CanFrame] = []

    def send(self, frames: Sequence[CanFrame]) -> None:  # pyright: ignore[reportImplicitOverride]
        self.sent += frames
        super().send(frames)


class CanOpenNode:
    """A node that answers SDO uploads of 1000 and 1018, and sends heartbeats (CiA 301)."""

    OBJECTS: ClassVar[dict[tuple[int, int], int]] = {
        (0x1000, 0): 0x00020192,
        (0x1018, 1): 0xFB,
        (0x1018, 2): 0x2A,
        (0x1018, 3): 0x00010005,
    }

    def __init__(self, node: int, *, heartbeats: bool = False) -> None:
        self._node, self._heartbeats = node, heartbeats
        self._t_due_ns = 0

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        del t_now_ns
        if frame.can_id != 0x600 + self._node:
            return []
        command, index, subindex, _ = struct.unpack("<BHBI", frame.data)
        assert command == 0x40  # a read, and nothing else
        value = self.OBJECTS.get((index, subindex))
        answer = (0x80, 0x06020000) if value is None else (0x43, value)
        return [CanFrame(0x580 + self._node, struct.pack("<BHBI", answer[0], index, subindex, answer[1]))]

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        if not self._heartbeats or t_now_ns < self._t_due_ns:
            return []
        self._t_due_ns = t_now_ns + 1_000_000_000
        return [CanFrame(0x700 + self._node, b"\x7f")]

    def power_on(self) -> None:
        """Nothing is kept."""


def sweep(port: Port) -> BusSweep:
    return sweep_bus(port, lambda _what, _share: None)


def test_damiao_motors_are_found_and_left_alone() -> None:
    motors = RigidMitMotors(3)
    nodes = [
        EmulatedDamiao(model, 1 + index, 0x11 + index, index, motors)
        for index, model in enumerate(("DM4310", "DM4340", "DM8009"))
    ]
    nodes[1].rotor_degc = 44.0
    port = Port(nodes)
    found = sweep(port).motors
    assert [(m.motor_id, m.feedback_id, m.model) for m in found] == [
        (1, 0x11, "DM4310"),
        (2, 0x12, "DM4340"),
        (3, 0x13, "DM8009"),
    ]
    assert found[1].temperature_degc == 44
    assert found[0].position_rad == pytest.approx(0.0, abs=1e-3)
    assert {m.state for m in found} == {"disabled"}
    assert found[0].firmware == "5016"
    # Nothing but reads of registers and questions for the state, and never at a motor's own id.
    assert {(frame.can_id, frame.data[2]) for frame in port.sent if not frame.extended} == {
        (0x7FF, damiao.READ),
        (0x7FF, damiao.REFRESH),
    }
    assert {node.state for node in nodes} == {damiao.MotorState.DISABLED}


def test_ranges_of_no_known_model_are_shown_as_they_are() -> None:
    node = EmulatedDamiao("DM4310", 5, 0x15, 0, RigidMitMotors(1))
    node.put(damiao.Register.TORQUE_MAX, 7.0)
    (motor,) = sweep(Port([node])).motors
    assert motor.model == "Damiao, 12.5 rad, 30 rad/s, 7 Nm"


def test_odrive_axes_are_heard_and_not_asked() -> None:
    actuators = RigidActuators(2)
    nodes = [EmulatedAxis(3, 0, actuators), EmulatedAxis(50, 1, actuators)]
    port = Port(nodes)
    told = sweep(port)
    assert [(m.family, m.motor_id, m.state) for m in told.motors] == [("odrive", 3, "idle"), ("odrive", 50, "idle")]
    assert told.n_frames > 10
    # 0x642 would be an emergency stop of axis 50.
    assert {frame.can_id for frame in port.sent if not frame.extended} == {0x7FF}
    assert "CANopen nodes were not asked" in told.notes[0]


def test_canopen_drives_tell_who_they_are() -> None:
    port = Port([CanOpenNode(1), CanOpenNode(127, heartbeats=True)])
    told = sweep(port)
    assert told.motors == [
        FoundMotor(
            family="cia402", motor_id=1, model="CiA 402 drive, vendor 0xfb, product 0x2a", firmware="1.5", state=""
        ),
        FoundMotor(
            family="cia402",
            motor_id=127,
            model="CiA 402 drive, vendor 0xfb, product 0x2a",
            firmware="1.5",
            state="pre-operational",
        ),
    ]
    assert told.notes == []


def test_a_canopen_node_beside_others_is_heard_and_not_asked() -> None:
    port = Port([EmulatedDamiao("DM4310", 1, 0x11, 0, RigidMitMotors(1)), CanOpenNode(9, heartbeats=True)])
    assert [(m.family, m.motor_id) for m in sweep(port).motors] == [("damiao", 1), ("cia402", 9)]
    assert {frame.can_id for frame in port.sent if not frame.extended} == {0x7FF}


def test_robstride_motors_are_asked_for_their_supply_and_nothing_else() -> None:
    motors = RigidMitMotors(2)
    port = Port([EmulatedRobstride("RS02", motor_id, index, motors) for index, motor_id in enumerate((3, 127))])
    found = sweep(port).motors
    assert [(m.family, m.motor_id, m.state) for m in found] == [
        ("robstride", 3, "supply 48.0 V"),
        ("robstride", 127, "supply 48.0 V"),
    ]
    kinds = {robstride.split_id(frame.can_id)[0] for frame in port.sent if frame.extended}
    assert kinds == {robstride.Kind.READ}
    assert motors.driven == [False, False]


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ("cia402:3", [("cia402", 1), ("cia402", 2), ("cia402", 3)]),
        ("odrive:2", [("odrive", 0), ("odrive", 1)]),
        ("yam-rigid", [("damiao", motor_id) for motor_id in range(1, 8)]),
        ("echo:1", []),
    ],
)
def test_every_emulated_bus_is_found(nodes: str, found: list[tuple[str, int]]) -> None:
    assert [(m.family, m.motor_id) for m in sweep(Port(make_nodes(nodes))).motors] == found


class Robot:
    """Another computer's driver, which commands a Damiao motor 250 times a second."""

    def __init__(self) -> None:
        self._t_due_ns = 0

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        del frame, t_now_ns
        return []

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        if t_now_ns < self._t_due_ns:
            return []
        self._t_due_ns = t_now_ns + 4_000_000
        span = damiao.RANGES["DM4310"]
        return [damiao.mit_command(motor_id, damiao.MitCommand(0, 0, 10, 1, 0), span) for motor_id in (1, 2)]

    def power_on(self) -> None:
        """Nothing is kept."""


def test_on_a_bus_that_somebody_drives_nobody_is_asked() -> None:
    """The ids of Damiao motors look like orders and heartbeats of ODrive's axis 0."""
    motors = RigidMitMotors(2)
    port = Port([*(EmulatedDamiao("DM4310", 1 + i, 0x11 + i, i, motors) for i in range(2)), Robot()])
    told = sweep(port)
    assert port.sent == []
    assert told.motors == []
    assert "in use" in told.notes[0]


def test_axes_that_also_tell_their_positions_are_heard() -> None:
    axis = EmulatedAxis(7, 0, RigidActuators(1))
    axis.estimates_period_ns = 10_000_000
    assert [(m.family, m.motor_id) for m in sweep(Port([axis])).motors] == [("odrive", 7)]


def test_a_bus_that_nobody_acknowledges_is_said() -> None:
    told = sweep(Port([]))
    assert told.motors == []
    assert "nobody acknowledges" in told.notes[0]


def test_the_canopen_package_s_own_node_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is not ours answers: `canopen`, on python-can's virtual bus, in real time."""
    canopen: Any = pytest.importorskip("canopen")
    monkeypatch.setattr(find_can_motors, "LISTEN_NS", 1)
    monkeypatch.setattr(find_can_motors, "DAMIAO_IDS", range(1, 2))
    monkeypatch.setattr(find_can_motors, "ROBSTRIDE_IDS", range(1, 2))
    monkeypatch.setattr(find_can_motors, "CANOPEN_NODES", range(40, 44))
    monkeypatch.setattr(find_can_questions, "ANSWER_NS", 400_000_000)
    objects = canopen.objectdictionary
    dictionary = objects.ObjectDictionary()
    kind = objects.ODVariable("Device type", 0x1000)
    kind.data_type, kind.default = objects.UNSIGNED32, 0x00020192
    dictionary.add_object(kind)
    identity = objects.ODRecord("Identity", 0x1018)
    for subindex, value in enumerate((0x1F2, 0x33, 0x00020001), start=1):
        member = objects.ODVariable(f"Entry {subindex}", 0x1018, subindex)
        member.data_type, member.default = objects.UNSIGNED32, value
        identity.add_member(member)
    dictionary.add_object(identity)
    network = canopen.Network()
    network.connect(interface="virtual", channel="find-canopen", receive_own_messages=False)
    port = open_can("virtual:find-canopen", 1_000_000)
    try:
        network.add_node(canopen.LocalNode(42, dictionary))
        told = sweep_bus(port, lambda _what, _share: None)
    finally:
        port.close()
        network.disconnect()
    assert [(m.family, m.motor_id, m.model, m.firmware) for m in told.motors] == [
        ("cia402", 42, "CiA 402 drive, vendor 0x1f2, product 0x33", "2.1")
    ]
