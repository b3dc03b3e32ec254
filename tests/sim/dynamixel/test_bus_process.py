"""The referees: the maker's own SDK and rustypot drive the emulator over its pty, from another process.

The SDK (dynamixel-sdk 4.1.0) does not stuff what it sends, so it is no referee of that; rustypot (1.13) does it right both ways.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.dynamixel import registers
from sim.dynamixel.bus_process import DynamixelBusProcess

ATTEMPTS = 5  # the SDK's time-outs are 34 ms of this machine's time, and the machine may be busy
IDS = list(range(1, 7))
LIKE_A_HEADER = [0xFF, 0xFF, 0xFD, 0xFF]  # -131073, a homing offset


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamixelBusProcess]:
    with DynamixelBusProcess(tmp_path_factory.mktemp("bus") / "dynamixel-bus") as process:
        yield process


class Vendor:
    """The SDK's calls, repeated while they time out."""

    def __init__(self, path: Path) -> None:
        self.sdk: Any = pytest.importorskip("dynamixel_sdk")
        self.port = self.sdk.PortHandler(str(path))
        assert self.port.setBaudRate(1_000_000)
        self.packets = self.sdk.PacketHandler(2.0)

    def call(self, name: str, *arguments: object) -> tuple[Any, ...]:
        """What an SDK call gives, less its result code, which must be success in one of the attempts."""
        result = self.sdk.COMM_NOT_AVAILABLE
        for _ in range(ATTEMPTS):
            *values, result, error = getattr(self.packets, name)(self.port, *arguments)
            if result == self.sdk.COMM_SUCCESS:
                return (*values, error)
            self.port.ser.reset_input_buffer()
        raise AssertionError(f"{name}{arguments}: {self.packets.getTxRxResult(result)}")

    def until_done(self, action: Any) -> None:
        results: list[int] = []
        for _ in range(ATTEMPTS):
            results.append(action())
            if results[-1] == self.sdk.COMM_SUCCESS:
                return
            self.port.ser.reset_input_buffer()
        raise AssertionError([self.packets.getTxRxResult(result) for result in results])


@pytest.fixture
def vendor(emulator: DynamixelBusProcess) -> Iterator[Vendor]:
    vendor = Vendor(emulator.path)
    yield vendor
    vendor.port.closePort()


def rustypots(emulator: DynamixelBusProcess, controller: str = "Xl330PyController") -> Any:
    rustypot: Any = pytest.importorskip("rustypot")
    return getattr(rustypot, controller)(str(emulator.path), 1_000_000, 1.0)


def test_the_sdk_pings_reads_and_writes(vendor: Vendor) -> None:
    assert [vendor.call("ping", servo_id) for servo_id in IDS] == [(1060, 0)] * 2 + [(1200, 0)] * 4
    assert vendor.call("write4ByteTxRx", 3, 116, 1500) == (0,)
    assert vendor.call("write1ByteTxRx", 3, 64, 1) == (0,)
    assert vendor.call("read4ByteTxRx", 3, 116) == (1500, 0)
    assert vendor.call("read4ByteTxRx", 3, registers.PRESENT_POSITION.address) == (1500, 0)
    assert vendor.call("read2ByteTxRx", 3, registers.PRESENT_VOLTAGE.address) == (50, 0)
    assert vendor.call("write4ByteTxRx", 3, 116, 5000) == (6,)
    assert vendor.call("write1ByteTxRx", 3, 9, 0) == (7,)
    assert vendor.call("write1ByteTxRx", 3, 64, 0) == (0,)


def test_the_sdk_finds_everybody_with_one_ping(vendor: Vendor) -> None:
    found, result = vendor.packets.broadcastPing(vendor.port)
    assert result == vendor.sdk.COMM_SUCCESS
    assert found == {1: [1060, 50], 2: [1060, 50], 3: [1200, 50], 4: [1200, 50], 5: [1200, 50], 6: [1200, 50]}


def test_the_sdk_reads_and_writes_all_at_once(vendor: Vendor) -> None:
    sdk, goals = vendor.sdk, {servo_id: 2000 + servo_id for servo_id in IDS}
    torque = sdk.GroupSyncWrite(vendor.port, vendor.packets, 64, 1)
    write = sdk.GroupSyncWrite(vendor.port, vendor.packets, 116, 4)
    bulk = sdk.GroupBulkRead(vendor.port, vendor.packets)
    read = sdk.GroupSyncRead(vendor.port, vendor.packets, 126, 21)
    for servo_id, goal in goals.items():
        torque.addParam(servo_id, [1])
        write.addParam(servo_id, [goal & 0xFF, goal >> 8, 0, 0])
        bulk.addParam(servo_id, 132, 4)
        read.addParam(servo_id)
    assert torque.txPacket() == write.txPacket() == sdk.COMM_SUCCESS
    for ask in (read.txRxPacket, read.fastSyncRead):
        vendor.until_done(ask)
        assert {servo_id: read.getData(servo_id, 132, 4) for servo_id in IDS} == goals
    for ask in (bulk.txRxPacket, bulk.fastBulkRead):
        vendor.until_done(ask)
        assert {servo_id: bulk.getData(servo_id, 132, 4) for servo_id in IDS} == goals
    off = sdk.GroupSyncWrite(vendor.port, vendor.packets, 64, 1)
    for servo_id in IDS:
        off.addParam(servo_id, [0])
    assert off.txPacket() == sdk.COMM_SUCCESS


def test_the_sdk_registers_acts_clears_and_reboots(vendor: Vendor) -> None:
    assert vendor.call("regWriteTxRx", 4, 65, 1, [1]) == (0,)
    assert vendor.call("read1ByteTxRx", 4, 65) == (0, 0)
    vendor.packets.action(vendor.port, 0xFE)
    assert vendor.call("read1ByteTxRx", 4, 65) == (1, 0)
    assert vendor.call("clearMultiTurn", 4) == (0,)
    assert vendor.call("reboot", 4) == (0,)
    assert vendor.call("read1ByteTxRx", 4, 65) == (0, 0)


def test_the_sdk_sees_alerts_and_damage(vendor: Vendor, emulator: DynamixelBusProcess) -> None:
    emulator.tell("fail 5 4")
    assert vendor.call("read1ByteTxRx", 5, registers.HARDWARE_ERROR.address) == (4, 0x80)
    assert vendor.call("reboot", 5)[-1] == 0
    emulator.tell("corrupt 1")
    _, result, _ = vendor.packets.read4ByteTxRx(vendor.port, 1, 132)
    assert result == vendor.sdk.COMM_RX_CORRUPT
    vendor.port.ser.reset_input_buffer()
    assert vendor.call("ping", 1) == (1060, 0)


def test_at_another_rate_the_bus_is_silent(vendor: Vendor) -> None:
    assert vendor.port.setBaudRate(2_000_000)
    assert vendor.packets.ping(vendor.port, 1)[1] == vendor.sdk.COMM_RX_TIMEOUT
    assert vendor.port.setBaudRate(1_000_000)
    assert vendor.call("ping", 1) == (1060, 0)


@pytest.mark.parametrize("controller", ["Xl330PyController", "Xl430PyController"])
def test_rustypot_reads_and_writes_what_looks_like_a_header(emulator: DynamixelBusProcess, controller: str) -> None:
    bus = rustypots(emulator, controller)
    try:
        bus.write_raw_data(3, 20, LIKE_A_HEADER)
        assert list(bus.read_raw_data(3, 20, 4)) == LIKE_A_HEADER
        assert bus.read_register(3, "homing_offset") in {-131_073, 2**32 - 131_073}
        bus.write_raw_data(3, 20, [0, 0, 0, 0])
    finally:
        bus.close()


def test_rustypot_reads_all_at_once_fast_and_plain(emulator: DynamixelBusProcess) -> None:
    bus = rustypots(emulator)
    try:
        bus.sync_write_raw_data(IDS, 20, [LIKE_A_HEADER] * 6)
        for fast in (False, True):
            bus.set_fast_sync_read(fast)
            read = bus.sync_read_raw_data(IDS, 20, 4)
            assert [list(data) for data in read] == [LIKE_A_HEADER] * 6
        bus.sync_write_raw_data(IDS, 20, [[0, 0, 0, 0]] * 6)
        bus.sync_write_raw_data(IDS, 116, [[0x34, 0x08, 0, 0]] * 6)
        assert [list(data) for data in bus.sync_read_raw_data(IDS, 116, 4)] == [[0x34, 0x08, 0, 0]] * 6
    finally:
        bus.close()


def test_rustypot_sees_errors_pings_and_reboots(emulator: DynamixelBusProcess) -> None:
    bus = rustypots(emulator)
    try:
        assert bus.ping(6)
        assert bus.write_raw_data_with_error(6, 116, [0, 0x80, 0, 0]) == 6
        emulator.tell("fail 6 32")
        assert bus.read_raw_data_with_error(6, 70, 1)[1] == 0x80
        assert bus.reboot(6)
        assert bus.read_raw_data_with_error(6, 70, 1)[1] == 0
    finally:
        bus.close()


def test_the_port_is_gone_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "dynamixel-bus"
    with DynamixelBusProcess(path) as process:
        assert path.is_symlink()
        process.tell("unplug")
        assert not path.is_symlink()
    assert not path.is_symlink()
