"""Our driver as the master of drives that are not ours: nodes of the `canopen` package, with its own tables of the state machine.

What our driver writes into them is taken over by that package alone: SDO, NMT, PDO mapping, heartbeat. What it does not have,
SYNC and a motor, is the few lines of `RefereeDrive`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from canopen import LocalNode
from canopen.network import Network
from canopen.objectdictionary import ObjectDictionary, ODArray, ODRecord, ODVariable, datatypes
from canopen.profiles.p402 import State402
from typing_extensions import override

from bench.arm_rigs.cia402 import cia402_config
from drivers.can.port import CanFrame
from drivers.cia402.arm import Cia402Arm
from interfaces.errors import DeviceError
from interfaces.messages import JointState
from sim.can.bus import CanBus
from sim.can.lockstep import LockstepCan

MS = 1_000_000
COUNTS_PER_TURN = 100_000.0
COUNTS_PER_RAD = COUNTS_PER_TURN / (2 * np.pi)
TYPES = {
    "B": datatypes.UNSIGNED8,
    "H": datatypes.UNSIGNED16,
    "I": datatypes.UNSIGNED32,
    "b": datatypes.INTEGER8,
    "h": datatypes.INTEGER16,
    "i": datatypes.INTEGER32,
}
VARIABLES = {
    0x1000: ("I", 0x20192), 0x1001: ("B", 0), 0x1017: ("H", 0), 0x6007: ("h", 0), 0x603F: ("H", 0), 0x6040: ("H", 0),
    0x6041: ("H", 0x40), 0x6060: ("b", 0), 0x6061: ("b", 0), 0x6064: ("i", 0), 0x606C: ("i", 0), 0x6072: ("H", 1000),
    0x6077: ("h", 0), 0x6079: ("I", 48_500), 0x607A: ("i", 0), 0x6502: ("I", 0x80),
}  # fmt: skip


class Periodic:
    """What stands in for a cyclic task of python-can."""

    def __init__(self, can_id: int, data: bytes, period_s: float) -> None:
        self.frame = CanFrame(can_id, bytes(data))
        self.period_ns = round(period_s * 1e9)
        self.t_sent_ns = 0
        self.runs = True

    def stop(self) -> None:
        self.runs = False

    def update(self, data: bytes) -> None:
        self.frame = replace(self.frame, data=bytes(data))


class OutboxNetwork(Network):
    """A network of `canopen` that is nobody's thread: what it sends is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox: list[CanFrame] = []
        self.tasks: list[Periodic] = []

    @override
    def send_message(self, can_id: int, data: bytes, remote: bool = False) -> None:
        self.outbox.append(CanFrame(can_id, bytes(data), remote=remote))

    @override
    def send_periodic(self, can_id: int, data: bytes, period: float, remote: bool = False) -> Any:
        self.tasks.append(Periodic(can_id, data, period))
        return self.tasks[-1]


def dictionary() -> ObjectDictionary:
    """Return the objects of a small drive."""
    objects = ObjectDictionary()
    for index, (kind, default) in VARIABLES.items():
        objects.add_object(variable(f"{index:04X}", index, 0, kind, default))
    record(objects, 0x1018, {1: ("I", 0xAB), 2: ("I", 402), 3: ("I", 1), 4: ("I", 99)})
    record(objects, 0x60C2, {1: ("B", 1), 2: ("b", -3)})
    record(objects, 0x1016, {1: ("I", 0)})
    for parameters, can_id in ((0x1400, 0x203), (0x1800, 0x183), (0x1801, 0x8000_0283), (0x1802, 0x8000_0383)):
        record(objects, parameters, {1: ("I", can_id), 2: ("B", 255)})
        mapping = ODArray(f"{parameters + 0x200:04X}", parameters + 0x200)
        mapping.add_member(variable("count", parameters + 0x200, 0, "B", 0))
        mapping.add_member(variable("entry", parameters + 0x200, 1, "I", 0))
        objects.add_object(mapping)
    return objects


def record(objects: ObjectDictionary, index: int, members: dict[int, tuple[str, int]]) -> None:
    added = ODRecord(f"{index:04X}", index)
    added.add_member(variable("count", index, 0, "B", len(members)))
    for subindex, (kind, default) in members.items():
        added.add_member(variable(f"sub {subindex}", index, subindex, kind, default))
    objects.add_object(added)


def variable(name: str, index: int, subindex: int, kind: str, default: int) -> ODVariable:
    made = ODVariable(name, index, subindex)
    made.data_type, made.default, made.access_type, made.pdo_mappable = TYPES[kind], default, "rw", True
    return made


class RefereeDrive:
    """A CanNode of sim/can/bus.py around a LocalNode, whose motor is at once where it is sent."""

    def __init__(self, node_id: int) -> None:
        self.network = OutboxNetwork()
        self.node: Any = LocalNode(node_id, dictionary())
        self.network[node_id] = self.node
        self.power_on()

    def power_on(self) -> None:
        self.state = "SWITCH ON DISABLED"
        self.visited = [self.state]
        self.node.nmt.state = "INITIALISING"  # sends the boot-up frame
        self.node.nmt.state = "PRE-OPERATIONAL"
        self.targets: list[int] = []  # as they came, with the controlword that came along

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        self.network.notify(frame.can_id, bytearray(frame.data), t_now_ns * 1e-9)
        if frame.can_id == 0 and self.node.nmt.state == "OPERATIONAL":
            self.node.pdo.read()  # as it was configured by SDO
        if frame.can_id == 0x80 and self.node.nmt.state == "OPERATIONAL":
            self.sync()
        if self["6060"] != self["6061"]:
            self["6061"] = self["6060"]
        return self.flush()

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        for task in self.network.tasks:
            if task.runs and t_now_ns - task.t_sent_ns >= task.period_ns:
                task.t_sent_ns = t_now_ns
                self.network.outbox.append(task.frame)
        return self.flush()

    def flush(self) -> list[CanFrame]:
        frames, self.network.outbox = self.network.outbox, []
        return frames

    def __getitem__(self, index: str) -> int:
        return self.node.sdo[int(index, 16)].raw

    def __setitem__(self, index: str, value: int) -> None:
        self.node.sdo[int(index, 16)].raw = value

    def sync(self) -> None:
        self["6041"] = State402.SW_MASK[self.state][1] | (0x1000 if self.state == "OPERATION ENABLED" else 0)
        for pdo in self.node.tpdo.values():
            if pdo.enabled and pdo.trans_type == 1:
                for mapped in pdo:
                    mapped.raw = self.node.sdo[mapped.index].raw
                pdo.transmit()
        rpdo = self.node.rpdo[1]
        if not rpdo.enabled or not rpdo.is_received:
            return
        rpdo.is_received = False
        self.command(rpdo["6040"].raw)
        self["607A"] = rpdo["607A"].raw
        self.targets.append(rpdo["607A"].raw)
        if self.state == "OPERATION ENABLED":
            self["6064"] = self["607A"]

    def command(self, controlword: int) -> None:
        for (before, after), word in State402.TRANSITIONTABLE.items():
            if before == self.state and word == controlword and "START" not in before:
                self.state = after
                self.visited.append(after)
                return


@pytest.fixture
def drives() -> list[RefereeDrive]:
    return [RefereeDrive(node_id) for node_id in (3, 5)]


@pytest.fixture
def arm(drives: list[RefereeDrive]) -> Cia402Arm:
    t_ns = 10**9
    bus = CanBus(drives)
    config = cia402_config()
    joints = tuple(
        replace(joint, node_id=node_id, counts_per_turn=COUNTS_PER_TURN, home_counts=0, direction=1)
        for joint, node_id in zip(config.joints[:2], (3, 5), strict=True)
    )
    return Cia402Arm(replace(config, joints=joints), LockstepCan(bus, lambda: t_ns).open_port)


def exchange(arm: Cia402Arm, *position_rad: float) -> JointState:
    arm.exchange(np.array(position_rad))
    return arm.exchange(np.array(position_rad))


def test_opening_writes_what_the_referee_understands(drives: list[RefereeDrive], arm: Cia402Arm) -> None:
    drives[0]["6064"] = 5000
    state = arm.open()
    assert state.position_rad == pytest.approx([5000 / COUNTS_PER_RAD, 0])
    assert state.voltage_v == pytest.approx([48.5, 48.5])
    for drive, node_id in zip(drives, (3, 5), strict=True):
        assert drive.node.nmt.state == "OPERATIONAL"
        assert [(each.index, each.length) for each in drive.node.rpdo[1]] == [(0x6040, 16), (0x607A, 32)]
        assert [(each.index, each.length) for each in drive.node.tpdo[1]] == [(0x6041, 16), (0x6064, 32), (0x6077, 16)]
        assert [(each.index, each.length) for each in drive.node.tpdo[2]] == [(0x606C, 32), (0x6061, 8)]
        assert [each.index for each in drive.node.tpdo[3]] == [0x6079]
        assert drive.node.tpdo[3].trans_type == 50  # of 100 SYNCs a second
        assert drive.node.rpdo[1].cob_id == 0x200 + node_id
        assert drive.node.sdo[0x1016][1].raw == 127 << 16 | 100
        assert (drive["6060"], drive["1017"], drive["6072"], drive["6007"]) == (8, 100, 800, 1)
        assert drive.state == "SWITCH ON DISABLED"


def test_holding_takes_the_steps_of_the_referees_table(drives: list[RefereeDrive], arm: Cia402Arm) -> None:
    drives[1]["6064"] = -1234
    arm.open()
    arm.hold()
    for drive in drives:
        assert drive.visited == ["SWITCH ON DISABLED", "READY TO SWITCH ON", "SWITCHED ON", "OPERATION ENABLED"]
    assert set(drives[1].targets) == {-1234}
    assert exchange(arm, 0.5, -0.25).position_rad == pytest.approx([0.5, -0.25], abs=1 / COUNTS_PER_RAD)
    assert drives[0]["6064"] == round(0.5 * COUNTS_PER_RAD)


def test_effort_and_velocity_come_through_the_referees_packing(drives: list[RefereeDrive], arm: Cia402Arm) -> None:
    arm.open()
    arm.hold()
    drives[0]["6077"], drives[1]["606C"] = -250, -12_345
    state = exchange(arm, 0.0, 0.0)
    assert state.effort_ratio == pytest.approx([-0.25, 0])
    assert state.velocity_rad_s == pytest.approx([0, -12_345 / COUNTS_PER_RAD])


def test_the_referees_emergency_is_told_and_its_fault_reset(drives: list[RefereeDrive], arm: Cia402Arm) -> None:
    arm.open()
    arm.hold()
    drives[1].state = "FAULT"
    drives[1].node.emcy.send(0x8611, 0x20, b"maker")
    with pytest.raises(
        DeviceError, match=r"drive 5 \(joint_2\) on can0 let go: fault \(.*\), 8611h \(following error\)"
    ):
        exchange(arm, 0.0, 0.0)
    arm.hold()
    assert drives[1].visited[-3:] == ["READY TO SWITCH ON", "SWITCHED ON", "OPERATION ENABLED"]
    exchange(arm, 0.1, 0.1)


def test_a_referee_that_starts_anew_is_set_up_again_by_holding(drives: list[RefereeDrive], arm: Cia402Arm) -> None:
    arm.open()
    arm.hold()
    drives[0].power_on()
    drives[0].node.data_store.clear()
    with pytest.raises(DeviceError, match=r"drive 3 \(joint_1\) on can0 has started anew"):
        exchange(arm, 0.0, 0.0)
    arm.hold()
    assert exchange(arm, 0.2, 0.2).position_rad == pytest.approx([0.2, 0.2], abs=1 / COUNTS_PER_RAD)


def test_releasing_disables_the_referees_voltage(drives: list[RefereeDrive], arm: Cia402Arm) -> None:
    arm.open()
    arm.hold()
    exchange(arm, 0.5, 0.5)
    arm.release()
    assert [drive.state for drive in drives] == ["SWITCH ON DISABLED"] * 2
    assert drives[0].targets[-1] == round(0.5 * COUNTS_PER_RAD)  # no other target came along
    assert drives[0].node.sdo[0x1016][1].raw == 0
