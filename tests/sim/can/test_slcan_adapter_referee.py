"""The referee: python-can's own slcan drives the emulated adapter over its pty; then our port does, from another process, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import can
import pytest
from can.interfaces.slcan import slcanBus

from drivers.can.open_port import open_can
from drivers.can.port import CanFrame, CanPort
from interfaces.errors import DeviceError, DeviceLostError
from sim.can.bus_process import CanBusProcess

GENEROUS_S = 20.0
ATTEMPTS = 10
OFFSET = 0x400  # of the answer's id


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanBusProcess]:
    with CanBusProcess(tmp_path_factory.mktemp("can") / "adapter", "echo:3") as process:
        yield process


@pytest.fixture
def referee(emulator: CanBusProcess) -> Iterator[can.BusABC]:
    with open_referee(emulator, 1_000_000) as bus:
        yield bus


def open_referee(emulator: CanBusProcess, bitrate_hz: int) -> can.BusABC:
    return can.Bus(
        interface="slcan",
        channel=str(emulator.path),
        bitrate=bitrate_hz,
        sleep_after_open=0,
        timeout=0.01,
        ignore_config=True,
    )


def open_ours(emulator: CanBusProcess) -> CanPort:
    """Our port; the adapter's process may be slow to answer on a busy machine."""
    for _ in range(ATTEMPTS):
        with suppress(DeviceLostError):
            return open_can(f"slcan:{emulator.path}", 1_000_000)
    return open_can(f"slcan:{emulator.path}", 1_000_000)


def ask(bus: can.BusABC, message: can.Message) -> can.Message:
    """What comes back; python-can returns None for lines that are no frame, too."""
    bus.send(message)
    t_end_ns = time.monotonic_ns() + round(GENEROUS_S * 1e9)
    while time.monotonic_ns() < t_end_ns:
        if answer := bus.recv(1.0):
            return answer
    raise AssertionError(f"no answer to {message}")


def test_frames_of_both_kinds_come_back(referee: can.BusABC) -> None:
    for can_id, extended, data in ((1, False, b"\x12\x34"), (2, True, b"12345678"), (3, False, b"")):
        answer = ask(referee, can.Message(arbitration_id=can_id, is_extended_id=extended, data=data))
        assert (answer.arbitration_id, answer.is_extended_id, bytes(answer.data)) == (can_id + OFFSET, extended, data)


def test_the_adapter_tells_version_and_number(referee: can.BusABC) -> None:
    assert isinstance(referee, slcanBus)
    assert referee.get_version(GENEROUS_S) == (10, 13)
    assert referee.get_serial_number(GENEROUS_S) == "A123"


def test_at_another_rate_nobody_answers(emulator: CanBusProcess) -> None:
    with open_referee(emulator, 500_000) as bus:
        bus.send(can.Message(arbitration_id=1, is_extended_id=False))
        assert [bus.recv(0.1) for _ in range(3)] == [None] * 3
    with open_referee(emulator, 1_000_000) as bus:
        ask(bus, can.Message(arbitration_id=1, is_extended_id=False))


def test_garbage_is_let_through_and_the_next_frame_is_whole(referee: can.BusABC, emulator: CanBusProcess) -> None:
    emulator.tell("garbage 7FF#01")
    assert ask(referee, can.Message(arbitration_id=1, is_extended_id=False)).arbitration_id == 0x7FF
    assert ask(referee, can.Message(arbitration_id=2, is_extended_id=False)).arbitration_id == 1 + OFFSET
    assert ask(referee, can.Message(arbitration_id=3, is_extended_id=False)).arbitration_id == 2 + OFFSET


def test_our_port_asks_the_same(emulator: CanBusProcess) -> None:
    port = open_ours(emulator)
    for frame in (CanFrame(1, b"\x12\x34"), CanFrame(2, b"12345678", extended=True), CanFrame(3)):
        port.send([frame])
        answer = port.receive(port.now_ns() + round(GENEROUS_S * 1e9))
        assert answer == CanFrame(frame.can_id + OFFSET, frame.data, frame.extended)
    with pytest.raises(DeviceError, match=r"in use|cannot be opened"):
        open_can(f"slcan:{emulator.path}", 1_000_000)
    port.close()


def test_our_port_is_lost_with_the_cable_and_opens_again(emulator: CanBusProcess) -> None:
    port = open_ours(emulator)
    emulator.tell("unplug")
    with pytest.raises(DeviceLostError):
        port.receive(port.now_ns() + round(GENEROUS_S * 1e9))
    port.close()
    with pytest.raises(DeviceLostError):
        open_can(f"slcan:{emulator.path}", 1_000_000)
    emulator.tell("plug")
    emulator.tell("restart")
    port = open_ours(emulator)
    port.send([CanFrame(1)])
    assert port.receive(port.now_ns() + round(GENEROUS_S * 1e9)) == CanFrame(1 + OFFSET)
    port.close()


def test_noise_that_is_no_text_costs_one_frame(emulator: CanBusProcess) -> None:
    port = open_ours(emulator)
    emulator.tell("noise ff00c328")
    port.send([CanFrame(1, b"lost"), CanFrame(1, b"whole")])
    assert port.receive(port.now_ns() + round(GENEROUS_S * 1e9)) == CanFrame(1 + OFFSET, b"whole")
    port.close()
