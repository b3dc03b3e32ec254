"""The virtual port: bytes are there when the wire has carried them, not before."""

import pytest

from drivers.feetech import protocol
from sim.feetech.bus_process import rigid_servo_bus
from sim.serial.lockstep import LockstepSerial

PING_DONE_NS = 12 * 10_000 + 500_000  # both frames at 1 Mbit/s, and the factory's return delay


class Clock:
    """An instant that the test sets."""

    t_now_ns = 10**9


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def port(clock: Clock) -> LockstepSerial:
    return LockstepSerial(rigid_servo_bus(), lambda: clock.t_now_ns).open_port("anywhere", 1_000_000)


def test_time_runs_on_to_the_answer(port: LockstepSerial, clock: Clock) -> None:
    port.write(protocol.ping(1))
    assert port.read(6, clock.t_now_ns + 10**8) == protocol.build_packet(1, 0)
    assert port.now_ns() == clock.t_now_ns + PING_DONE_NS


def test_a_deadline_before_the_answer_is_kept_and_the_rest_comes_later(port: LockstepSerial, clock: Clock) -> None:
    port.write(protocol.ping(1))
    assert port.read(6, clock.t_now_ns + 1000) == b""
    assert port.now_ns() == clock.t_now_ns + 1000
    port.discard()  # has not arrived yet
    assert port.read(2, clock.t_now_ns + 10**8) == b"\xff\xff"
    assert port.read(9, clock.t_now_ns + 10**8) == protocol.build_packet(1, 0)[2:]
    assert port.now_ns() == clock.t_now_ns + 10**8


def test_what_arrived_can_be_thrown_away(port: LockstepSerial, clock: Clock) -> None:
    port.write(protocol.ping(1))
    clock.t_now_ns += PING_DONE_NS
    port.discard()
    assert port.read(6, clock.t_now_ns + 1000) == b""


def test_the_outer_clock_wins_once_it_is_ahead(port: LockstepSerial, clock: Clock) -> None:
    port.read(1, clock.t_now_ns + 1000)
    clock.t_now_ns += 10**7
    assert port.now_ns() == clock.t_now_ns
