"""The emulated drive, mastered by the `canopen` package: its SDO client, NMT, PDO maps and BaseNode402, single-threaded on our port."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from canopen.emcy import EmcyConsumer
from canopen.objectdictionary import ObjectDictionary, ODRecord, ODVariable, datatypes
from canopen.profiles.p402 import BaseNode402, State402
from canopen.sdo.exceptions import SdoAbortedError
from typing_extensions import override

from drivers.can.port import CanFrame
from drivers.cia402.bus import Cia402Bus
from drivers.cia402.protocol import PowerState
from drivers.cia402.sdo import PumpedNetwork, PumpedSdoClient
from sim.can.bus import CanBus
from sim.can.lockstep import LockstepCan
from sim.cia402.emulator import EmulatedDrive
from sim.cia402.objects import NAME, VENDOR
from sim.cia402.power import next_state
from sim.cia402.sdo_server import SdoObject, SdoServer
from sim.feetech.bus_process import RigidActuators

NODE_ID = 5
MS = 1_000_000
COUNTS_PER_RAD = 10_000.0
KINDS = {
    "B": datatypes.UNSIGNED8,
    "H": datatypes.UNSIGNED16,
    "I": datatypes.UNSIGNED32,
    "b": datatypes.INTEGER8,
    "i": datatypes.INTEGER32,
}


class PumpedNode(BaseNode402):
    """The master of `canopen`, with nothing changed but where it waits, and for how long."""

    TIMEOUT_RESET_FAULT = 0.05
    TIMEOUT_SWITCH_OP_MODE = TIMEOUT_SWITCH_STATE_FINAL = TIMEOUT_SWITCH_STATE_SINGLE = 30.0

    def __init__(self, network: PumpedNetwork) -> None:
        self._pumped = network
        super().__init__(NODE_ID, dictionary())

    @override
    def add_sdo(self, rx_cobid: int, tx_cobid: int) -> Any:
        client = PumpedSdoClient(self._pumped, NODE_ID)
        client.od = self.object_dictionary
        return client


def dictionary() -> ObjectDictionary:
    """Return what the master knows of the drive."""
    objects = ObjectDictionary()
    plain = {0x6040: "H", 0x6041: "H", 0x6060: "b", 0x6061: "b", 0x6064: "i", 0x607A: "i", 0x6502: "I", 0x603F: "H"}
    for index, kind in plain.items():
        objects.add_object(variable(index, 0, kind))
    for parameters in (0x1400, 0x1800):
        record = ODRecord(f"{parameters:04X}", parameters)
        for subindex, kind in enumerate("BIB"):
            record.add_member(variable(parameters, subindex, kind))
        objects.add_object(record)
        mapping = ODRecord(f"{parameters + 0x200:04X}", parameters + 0x200)
        for subindex, kind in enumerate("BII"):
            mapping.add_member(variable(parameters + 0x200, subindex, kind))
        objects.add_object(mapping)
    return objects


def variable(index: int, subindex: int, kind: str) -> ODVariable:
    made = ODVariable(f"{index:04X} {subindex}", index, subindex)
    made.data_type, made.access_type = KINDS[kind], "rw"
    return made


class Bench:
    """One drive and the master of `canopen`."""

    def __init__(self) -> None:
        self.motors = RigidActuators(1)
        self.drive = EmulatedDrive(NODE_ID, 0, self.motors, COUNTS_PER_RAD)
        self.t_ns = 10**9
        self.port = LockstepCan(CanBus([self.drive]), lambda: self.t_ns)
        self.line = Cia402Bus(self.port, "can0", {NODE_ID: "joint"}, 10 * MS)
        self.network = PumpedNetwork(self.line)
        self.line.on_frame = self.network.hear
        self.node: Any = PumpedNode(self.network)
        self.network[NODE_ID] = self.node

    def wait(self, duration_ms: float) -> None:
        self.line.wait(lambda: False, round(duration_ms * MS))

    def operate(self) -> None:
        """Map controlword and target as BaseNode402 wants them, taken at once, and enable.

        The statusword is left to SDO: once it has seen two TPDOs with it, BaseNode402 would wait for the next in its own way.
        """
        self.node.nmt.state = "PRE-OPERATIONAL"
        for pdo, objects in ((self.node.rpdo[1], (0x6040, 0x607A)), (self.node.tpdo[1], (0x6064,))):
            pdo.read()
            pdo.clear()
            for index in objects:
                pdo.add_variable(index)
            pdo.trans_type, pdo.enabled = 255, True
            pdo.save()
        self.node.setup_402_state_machine(read_pdos=False)
        self.node.nmt.state = "OPERATIONAL"
        self.node.op_mode = "CYCLIC SYNCHRONOUS POSITION"
        self.wait(1)
        self.node.state = "OPERATION ENABLED"


@pytest.fixture
def bench() -> Bench:
    logging.getLogger("canopen").setLevel(logging.CRITICAL)
    return Bench()


def test_it_boots_and_beats(bench: Bench) -> None:
    states: list[int] = []
    bench.node.nmt.add_heartbeat_callback(states.append)
    bench.wait(2)
    assert states == [0]
    bench.node.sdo.download(0x1017, 0, b"\x32\x00")
    bench.wait(120)
    bench.node.nmt.state = "OPERATIONAL"
    bench.wait(60)
    assert states == [0, 127, 127, 5]


def test_objects_are_read_and_written_by_the_package(bench: Bench) -> None:
    sdo = bench.node.sdo
    assert sdo.upload(0x1008, 0) == NAME  # in segments
    assert int.from_bytes(sdo.upload(0x1018, 1), "little") == VENDOR
    sdo.download(0x607A, 0, (1234).to_bytes(4, "little"))
    sdo.download(0x607A, 0, (4321).to_bytes(4, "little"), force_segment=True)
    assert bench.drive.get(0x607A) == 4321


@pytest.mark.parametrize(
    ("index", "subindex", "data", "code"),
    [
        (0x2000, 0, None, 0x06020000),
        (0x1018, 9, None, 0x06090011),
        (0x6064, 0, bytes(4), 0x06010002),
        (0x607A, 0, bytes(2), 0x06070010),
        (0x1A00, 0, b"\x02", 0x06040041),  # its second entry is none
    ],
)
def test_what_cannot_be_is_aborted_with_its_code(
    bench: Bench, index: int, subindex: int, data: bytes | None, code: int
) -> None:
    sdo = bench.node.sdo
    with pytest.raises(SdoAbortedError) as caught:
        sdo.upload(index, subindex) if data is None else sdo.download(index, subindex, data)
    assert caught.value.code == code


def test_pdos_may_not_be_changed_once_operational(bench: Bench) -> None:
    bench.node.nmt.state = "OPERATIONAL"
    with pytest.raises(SdoAbortedError, match="0x08000022"):
        bench.node.sdo.download(0x1800, 2, b"\x01")


def test_the_packages_master_enables_and_moves_it(bench: Bench) -> None:
    bench.operate()
    assert bench.motors.torque == [True]
    assert bench.node.op_mode == "CYCLIC SYNCHRONOUS POSITION"
    bench.node.rpdo[1][0x607A].raw = 5000
    bench.node.rpdo[1].transmit()
    bench.wait(2)
    assert bench.motors.positions_rad == pytest.approx([0.5])
    assert bench.node.tpdo[1][0x6064].raw == 5000
    bench.node.state = "SWITCHED ON"
    assert bench.motors.torque == [False]
    bench.node.state = "SWITCH ON DISABLED"


def test_the_packages_master_resets_its_fault(bench: Bench) -> None:
    bench.operate()
    bench.drive.fail(0x8611)
    bench.wait(3)
    assert bench.node.state == "FAULT"
    assert bench.motors.torque == [False]
    assert bench.node.emcy.active[0].code == 0x8611
    assert bench.node.sdo[0x603F].raw == 0x8611
    bench.node.reset_from_fault()
    assert bench.node.state == "OPERATION ENABLED"
    assert isinstance(bench.node.emcy, EmcyConsumer)
    assert bench.node.emcy.active == []


def test_over_voltage_and_a_heartbeat_that_stays_away_are_faults(bench: Bench) -> None:
    bench.operate()
    bench.drive.supply_v = 70.0
    bench.wait(3)
    assert (bench.drive.state, bench.drive.get(0x603F)) == (PowerState.FAULT, 0x3210)
    bench.drive.supply_v = 48.0
    bench.node.reset_from_fault()
    bench.node.sdo.download(0x6007, 0, b"\x01\x00")
    bench.node.sdo.download(0x1016, 1, b"\x32\x00\x7f\x00")
    bench.wait(200)
    assert bench.drive.state == PowerState.OPERATION_ENABLED  # it waits for the first
    bench.port.send([CanFrame(0x77F, b"\x05")])
    bench.wait(45)
    assert bench.drive.state == PowerState.OPERATION_ENABLED
    bench.wait(10)
    assert (bench.drive.state, bench.drive.get(0x603F)) == (PowerState.FAULT, 0x8130)
    assert bench.motors.torque == [False]


def test_a_loss_of_power_forgets_everything(bench: Bench) -> None:
    bench.operate()
    bench.drive.power_on()
    bench.wait(2)
    assert bench.drive.state == PowerState.SWITCH_ON_DISABLED
    assert bench.motors.torque == [False]
    assert bench.drive.get(0x6061) == 0
    assert bench.drive.get(0x1A00, 0) == 1


def test_every_transition_of_the_packages_table_is_made() -> None:
    for (before, after), controlword in State402.TRANSITIONTABLE.items():
        if before in {"START", "NOT READY TO SWITCH ON", "FAULT REACTION ACTIVE"}:
            continue
        state = PowerState[before.replace(" ", "_")]
        assert next_state(state, 0, controlword, fault_lasts=False).words.upper() == after


def test_no_other_command_leaves_a_state() -> None:
    told = {(before, after) for before, after in State402.TRANSITIONTABLE}
    told |= {("SWITCHED ON", "SWITCH ON DISABLED")}  # 10, by quick stop as well
    for state in PowerState:
        for controlword in range(256):
            after = next_state(state, 0, controlword, fault_lasts=False)
            assert after == state or (state.words.upper(), after.words.upper()) in told


def test_a_fault_that_lasts_and_a_level_without_an_edge_reset_nothing() -> None:
    assert next_state(PowerState.FAULT, 0, 0x80, fault_lasts=True) == PowerState.FAULT
    assert next_state(PowerState.FAULT, 0x80, 0x80, fault_lasts=False) == PowerState.FAULT


@pytest.mark.parametrize("request_hex", ["", "40", "A0 00 10 00 00 00 00 00", "60 00 00 00 00 00 00 00", "00" * 8])
def test_what_is_no_request_is_aborted_or_not_answered(request_hex: str) -> None:
    server = SdoServer({(0x1000, 0): SdoObject(bytes(4))})
    answer = server.answer(bytes.fromhex(request_hex))
    assert answer is None or answer[0] == 0x80
