"""The slcan port against the emulated adapter, on a virtual clock: opening, frames, refusals, and other adapters' habits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.can.open_port import open_can
from drivers.can.port import CanFrame, CanHealth
from drivers.can.slcan import REFUSALS_MAX, SlcanPort
from drivers.serial.port import BytePort
from interfaces.errors import DeviceError, DeviceLostError, RefusedError
from sim.can.bus import HOST_QUEUE, CanBus
from sim.can.slcan_adapter import SlcanAdapter
from sim.serial.bus import Reply
from sim.serial.lockstep import LockstepSerial

PATH = "/dev/ttyACM0"
REQUEST, ANSWER = CanFrame(1, b"\x12\x34"), CanFrame(0x101, b"\x12\x34")


class Node:
    """Answers id 1 at 0x101, and id 2 at a 29 bit one."""

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        del t_now_ns
        answers = {1: CanFrame(0x101, frame.data), 2: CanFrame(0x1ABCDEF0, frame.data, extended=True)}
        return [answers[frame.can_id]] if frame.can_id in answers else []

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        del t_now_ns
        return []

    def power_on(self) -> None:
        """Nothing to forget."""


class Bench:
    """An adapter, its bus, and a clock."""

    def __init__(self) -> None:
        self.t_ns = 10**9
        self.bus = CanBus([Node()])
        self.adapter = SlcanAdapter(self.bus)
        self.serial = LockstepSerial(self.adapter, lambda: self.t_ns)

    def open(self, bitrate_hz: int = 1_000_000) -> SlcanPort:
        port = open_can(f"slcan:{PATH}", bitrate_hz, self.serial.open_port)
        assert isinstance(port, SlcanPort)
        return port


@pytest.fixture
def bench() -> Bench:
    return Bench()


def soon(port: SlcanPort) -> int:
    return port.now_ns() + 10**7


def test_frames_go_out_and_come_back(bench: Bench) -> None:
    port = bench.open()
    port.send([REQUEST, CanFrame(2, b"x")])
    assert port.receive(soon(port)) == ANSWER
    assert port.receive(soon(port)) == CanFrame(0x1ABCDEF0, b"x", extended=True)
    assert port.receive(soon(port)) is None
    assert port.health() == CanHealth(error_frames=0, bus_off=0, queue_full=0)


def test_a_deadline_is_kept(bench: Bench) -> None:
    port = bench.open()
    t_ns = port.now_ns()
    assert port.receive(t_ns + 12345) is None
    assert port.now_ns() == t_ns + 12345


def test_what_arrived_can_be_thrown_away(bench: Bench) -> None:
    port = bench.open()
    port.send([REQUEST])
    bench.t_ns = port.now_ns() + 10**7
    port.discard()
    assert port.receive(soon(port)) is None


def test_a_frame_of_which_half_was_thrown_away_is_none(bench: Bench) -> None:
    port = bench.open()
    port.send([REQUEST])
    assert port.receive(port.now_ns()) is None  # takes in the acknowledgement
    bench.adapter.faults.garbage = b"t1238112233"
    port.send([REQUEST])
    assert port.receive(soon(port)) == ANSWER  # the first one
    port.discard()
    assert port.receive(soon(port)) is None  # the second ended the garbage
    port.send([REQUEST])
    assert port.receive(soon(port)) == ANSWER


def test_the_wrong_rate_is_silence(bench: Bench) -> None:
    port = bench.open(500_000)
    port.send([REQUEST])
    assert port.receive(soon(port)) is None


def test_a_rate_that_slcan_does_not_have_is_refused(bench: Bench) -> None:
    with pytest.raises(RefusedError, match=r"no bit rate of 800000; it has 10000, .* 1000000"):
        bench.open(800_000)


def test_a_channel_that_another_program_left_open_is_opened_anew(bench: Bench) -> None:
    bench.open(500_000)
    bench.serial.write(b"t123")  # and a line begun
    port = bench.open(1_000_000)
    port.send([REQUEST])
    assert port.receive(soon(port)) == ANSWER


def test_closing_closes_the_channel(bench: Bench) -> None:
    bench.open().close()
    bench.serial.write(b"F\r")
    assert bench.serial.read(9, bench.t_ns + 10**9) == b"\a"  # open, it would tell its status


def test_garbage_costs_no_more_than_the_line_it_runs_into(bench: Bench) -> None:
    port = bench.open()
    bench.adapter.faults.garbage = b"\xff\x00t12\xc3\x28"
    port.send([REQUEST, REQUEST])
    assert port.receive(soon(port)) == ANSWER
    assert port.receive(soon(port)) is None


def test_a_refused_frame_is_lost_and_the_reason_asked(bench: Bench) -> None:
    port = bench.open()
    bench.bus.faults.silent = {0}
    for _ in range(HOST_QUEUE + 2):
        port.send([REQUEST])
        assert port.receive(port.now_ns() + 10**6) is None
    assert port.health().queue_full == 2
    bench.bus.faults.silent = set()
    port.send([REQUEST])
    assert port.receive(soon(port)) == ANSWER


def test_errors_on_the_wire_are_told_when_a_frame_is_refused(bench: Bench) -> None:
    port = bench.open()
    bench.bus.faults.n_error_frames = 1
    port.send([REQUEST])
    assert port.receive(soon(port)) == ANSWER
    bench.adapter.faults.n_refuse = 1
    port.send([REQUEST])
    assert port.receive(soon(port)) is None
    assert port.health().error_frames == 1


def test_an_adapter_that_lost_its_channel_is_lost(bench: Bench) -> None:
    port = bench.open()
    bench.adapter.restart()
    port.send([REQUEST] * REFUSALS_MAX)
    with pytest.raises(DeviceLostError, match=f"{PATH}: the adapter refused {REFUSALS_MAX} times in a row"):
        port.receive(soon(port))
    port = bench.open()
    port.send([REQUEST])
    assert port.receive(soon(port)) == ANSWER


def test_off_the_bus_is_a_lost_device_where_the_adapter_tells(bench: Bench) -> None:
    port = bench.open()
    bench.adapter.faults.tells_states = True
    bench.bus.faults.bus_off = True
    port.send([REQUEST])
    with pytest.raises(DeviceLostError, match="off the bus"):
        port.receive(soon(port))
    assert port.health().bus_off == 1


def test_an_adapter_that_acknowledges_nothing_will_do(bench: Bench) -> None:
    bench.adapter.faults.is_mute = True
    port = bench.open()
    port.send([REQUEST])
    assert port.receive(soon(port)) == ANSWER


class Fixed:
    """A device that answers each line with what it is told to."""

    is_ramping = False
    baud_hz = 0

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer

    def advance(self, t_now_ns: int) -> None:
        """Nothing moves."""

    def handle(self, data: bytes, t_now_ns: int) -> list[Reply]:
        return [Reply(t_now_ns, self._answer(line)) for line in data.split(b"\r")[:-1]]


def opener(answer: Callable[[bytes], bytes]) -> Callable[[str, int], BytePort]:
    return LockstepSerial(Fixed(answer), lambda: 0).open_port


def test_a_device_that_says_nothing_is_no_adapter() -> None:
    with pytest.raises(DeviceLostError, match="no CAN adapter answers"):
        open_can(f"slcan:{PATH}", 1_000_000, opener(lambda _: b""))


def test_a_device_that_answers_without_ever_ending_a_line_is_no_adapter() -> None:
    with pytest.raises(DeviceLostError, match="no CAN adapter answers"):
        open_can(f"slcan:{PATH}", 1_000_000, opener(lambda _: b"login: " * 100))


def test_an_adapter_that_refuses_the_rate_is_named() -> None:
    with pytest.raises(DeviceError, match="refuses a bit rate of 1000000"):
        open_can(f"slcan:{PATH}", 1_000_000, opener(lambda line: b"\a" if line == b"S8" else b"\r"))


def test_an_adapter_that_does_not_open_is_named() -> None:
    with pytest.raises(DeviceError, match="refuses to open its channel"):
        open_can(f"slcan:{PATH}", 1_000_000, opener(lambda line: b"\a" if line == b"O" else b"\r"))


def test_the_serial_rate_stands_behind_an_at() -> None:
    rates: list[int] = []

    def open_port(path: str, baud_hz: int) -> BytePort:
        assert path == PATH
        rates.append(baud_hz)
        return Bench().serial

    open_can(f"slcan:{PATH}@921600", 1_000_000, open_port)
    open_can(f"slcan:{PATH}", 1_000_000, open_port)
    assert rates == [921_600, 115_200]
    with pytest.raises(RefusedError, match="not a number"):
        open_can(f"slcan:{PATH}@fast", 1_000_000, open_port)
