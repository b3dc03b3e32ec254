"""The referee: the vendor's own SDK (feetech-servo-sdk) drives the emulator over its pty, from another process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.feetech import registers
from sim.feetech.bus_process import ServoBusProcess

sdk: Any = pytest.importorskip("scservo_sdk")

ADDRESS_TORQUE, ADDRESS_GOAL, ADDRESS_LOCK, ADDRESS_PRESENT = 40, 42, 55, 56
LITTLE_ENDIAN = 0
ATTEMPTS = 5  # the SDK's time-outs are 34 ms of this machine's time, and the machine may be busy


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServoBusProcess]:
    with ServoBusProcess(tmp_path_factory.mktemp("bus") / "servo-bus") as process:
        yield process


@pytest.fixture
def port(emulator: ServoBusProcess) -> Iterator[Any]:
    handler = sdk.PortHandler(str(emulator.path))
    assert handler.setBaudRate(1_000_000)
    yield handler
    handler.closePort()


class Vendor:
    """The SDK's calls, repeated while they time out."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._sdk = sdk.PacketHandler(LITTLE_ENDIAN)

    def call(self, name: str, *arguments: object) -> tuple[Any, ...]:
        """What an SDK call gives, less its result code, which must be success in one of the attempts."""
        result = sdk.COMM_NOT_AVAILABLE
        for _ in range(ATTEMPTS):
            *values, result, error = getattr(self._sdk, name)(self._port, *arguments)
            if result == sdk.COMM_SUCCESS:
                return (*values, error)
            self._port.ser.reset_input_buffer()
        raise AssertionError(f"{name}{arguments}: {self._sdk.getTxRxResult(result)}")


def test_ping_tells_the_model(port: Any) -> None:
    assert [Vendor(port).call("ping", servo_id) for servo_id in range(1, 7)] == [(777, 0)] * 6


def test_a_servo_that_is_not_there_does_not_answer(port: Any) -> None:
    _, result, _ = sdk.PacketHandler(LITTLE_ENDIAN).ping(port, 7)
    assert result == sdk.COMM_RX_TIMEOUT


def test_what_is_written_is_read(port: Any) -> None:
    vendor = Vendor(port)
    assert vendor.call("write2ByteTxRx", 3, ADDRESS_GOAL, 1500) == (0,)
    assert vendor.call("write1ByteTxRx", 3, ADDRESS_TORQUE, 1) == (0,)
    assert vendor.call("read2ByteTxRx", 3, ADDRESS_GOAL) == (1500, 0)
    assert vendor.call("read2ByteTxRx", 3, ADDRESS_PRESENT) == (1500, 0)
    assert vendor.call("read1ByteTxRx", 3, registers.PRESENT_VOLTAGE.address) == (120, 0)


def test_a_registered_write_waits_for_action(port: Any) -> None:
    vendor = Vendor(port)
    vendor.call("write2ByteTxRx", 4, ADDRESS_GOAL, 2048)
    vendor.call("regWriteTxRx", 4, ADDRESS_GOAL, 2, [0x00, 0x04])
    assert vendor.call("read2ByteTxRx", 4, ADDRESS_GOAL) == (2048, 0)
    sdk.PacketHandler(LITTLE_ENDIAN).action(port, 0xFE)
    assert vendor.call("read2ByteTxRx", 4, ADDRESS_GOAL) == (1024, 0)


def test_sync_write_and_sync_read(port: Any) -> None:
    packets = sdk.PacketHandler(LITTLE_ENDIAN)
    goals = {servo_id: 2000 + servo_id for servo_id in range(1, 7)}
    torque, write = (sdk.GroupSyncWrite(port, packets, *field) for field in ((ADDRESS_TORQUE, 1), (ADDRESS_GOAL, 2)))
    for servo_id, goal in goals.items():
        assert torque.addParam(servo_id, [1])
        assert write.addParam(servo_id, [goal & 0xFF, goal >> 8])
    assert torque.txPacket() == sdk.COMM_SUCCESS
    assert write.txPacket() == sdk.COMM_SUCCESS
    read = sdk.GroupSyncRead(port, packets, ADDRESS_PRESENT, 8)
    assert all(read.addParam(servo_id) for servo_id in goals)
    assert sdk.COMM_SUCCESS in (read.txRxPacket() for _ in range(ATTEMPTS))
    assert {servo_id: read.getData(servo_id, ADDRESS_PRESENT, 2) for servo_id in goals} == goals
    assert {read.getData(servo_id, registers.PRESENT_VOLTAGE.address, 1) for servo_id in goals} == {120}


def test_at_another_rate_the_bus_is_silent(emulator: ServoBusProcess) -> None:
    handler = sdk.PortHandler(str(emulator.path))
    assert handler.setBaudRate(500_000)
    _, result, _ = sdk.PacketHandler(LITTLE_ENDIAN).ping(handler, 1)
    assert result == sdk.COMM_RX_TIMEOUT
    assert handler.setBaudRate(1_000_000)
    assert Vendor(handler).call("ping", 1) == (777, 0)
    handler.closePort()


def test_the_lock_decides_what_outlasts_the_power(port: Any, emulator: ServoBusProcess) -> None:
    vendor, delay = Vendor(port), registers.RETURN_DELAY.address
    vendor.call("write1ByteTxRx", 5, delay, 100)
    emulator.tell("power")
    assert vendor.call("read1ByteTxRx", 5, delay) == (250, 0)
    vendor.call("write1ByteTxRx", 5, ADDRESS_LOCK, 0)
    vendor.call("write1ByteTxRx", 5, delay, 100)
    vendor.call("write1ByteTxRx", 5, ADDRESS_LOCK, 1)
    emulator.tell("power")
    assert vendor.call("read1ByteTxRx", 5, delay) == (100, 0)


def test_a_wrong_checksum_is_noticed_by_the_sdk(port: Any, emulator: ServoBusProcess) -> None:
    emulator.tell("corrupt 1")
    _, result, _ = sdk.PacketHandler(LITTLE_ENDIAN).read2ByteTxRx(port, 1, ADDRESS_PRESENT)
    assert result == sdk.COMM_RX_CORRUPT
    assert Vendor(port).call("ping", 1) == (777, 0)


def test_the_port_is_gone_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "servo-bus"
    with ServoBusProcess(path) as process:
        assert path.is_symlink()
        process.tell("unplug")
        assert not path.is_symlink()
        process.tell("plug")
        assert path.exists()
    assert not path.is_symlink()
