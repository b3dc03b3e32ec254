"""A second referee: rustypot (Rust, of Pollen Robotics) drives the emulator over its pty, from another process.

Where it disagrees with the vendor's memory table: it writes a goal below 0 as two's complement, which the table has as sign and
magnitude; neither it nor we send one. And it calls model 521 an STS3036, where others call it an STS3032.
"""

import os
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from drivers.feetech import protocol, registers
from drivers.feetech.models import MODELS
from drivers.feetech.registers import RAD_PER_TICK, Register
from sim.feetech.bus_process import ServoBusProcess

rustypot: Any = pytest.importorskip("rustypot")
IDS = list(range(1, 7))
PATIENCE_S = 5.0  # for an answer that comes; the machine may be busy
SHORT_S = 0.05  # for one that does not


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServoBusProcess]:
    with ServoBusProcess(tmp_path_factory.mktemp("bus") / "servo-bus") as process:
        yield process


@pytest.fixture
def controller(emulator: ServoBusProcess) -> Iterator[Any]:
    controller = rustypot.Sts3215PyController(str(emulator.path), 1_000_000, PATIENCE_S)
    yield controller
    controller.close()


def test_it_finds_the_servos_and_their_model(controller: Any) -> None:
    assert [controller.ping(servo_id) for servo_id in IDS] == [True] * 6
    assert controller.scan([1, 2, 7]) == {1: 777, 2: 777}


def test_goals_arrive_and_positions_are_the_same_in_radians(controller: Any) -> None:
    goals_rad = [0.1, 0.2, -0.3, 0.4, 0.5, 0.6]
    controller.sync_write_torque_enable(IDS, [True] * 6)
    controller.sync_write_goal_position(IDS, goals_rad)
    assert controller.sync_read_present_position(IDS) == pytest.approx(goals_rad, abs=RAD_PER_TICK)
    ticks = np.array(controller.sync_read_raw_present_position(IDS))
    assert (ticks - 2048) * RAD_PER_TICK == pytest.approx(goals_rad, abs=RAD_PER_TICK)
    controller.sync_write_torque_enable(IDS, [False] * 6)


def test_feedback_comes_as_one_block_of_any_length_that_the_driver_asks(controller: Any) -> None:
    for length in registers.FEEDBACK_LENGTHS:
        address = registers.feedback_address(length)
        blocks = controller.sync_read_raw_data(IDS, address, length)
        assert [len(block) for block in blocks] == [length] * 6
        start = registers.PRESENT_VOLTAGE.address - address
        assert [block[start] for block in blocks] == [120] * 6


def test_single_registers_are_read(controller: Any) -> None:
    assert controller.read_present_voltage(2) == [120]
    assert controller.read_present_temperature(2) == [25]
    assert controller.read_present_load(2) == [0]


@pytest.mark.parametrize("offset_ticks", [-2047, -1, 0, 1, 700])
def test_signed_registers_mean_the_same(controller: Any, offset_ticks: int) -> None:
    address = registers.HOMING_OFFSET.address
    controller.write_raw_data(6, address, list(registers.HOMING_OFFSET.encode(offset_ticks)))
    assert controller.read_register(6, "homing_offset") == offset_ticks
    controller.write_raw_data(6, address, [0, 0])


def test_the_lock_decides_what_outlasts_the_power(controller: Any, emulator: ServoBusProcess) -> None:
    controller.write_lock(5, False)  # noqa: FBT003  # its signature
    controller.write_raw_data(5, registers.RETURN_DELAY.address, [33])
    controller.write_lock(5, True)  # noqa: FBT003
    controller.write_raw_data(5, registers.RETURN_DELAY.address, [44])
    emulator.tell("power")
    assert controller.read_return_delay_time(5) == [33]


def test_a_spoilt_answer_is_noticed_by_it_too(controller: Any, emulator: ServoBusProcess) -> None:
    emulator.tell("corrupt 1")
    with pytest.raises(RuntimeError, match="Checksum error"):
        controller.read_present_position(1)
    assert controller.ping(1)


def test_our_registers_lie_where_it_has_them() -> None:
    theirs = {(register.addr, register.size): register.name for register in rustypot.Sts3215PyController.registers()}
    ours = {name: value for name, value in vars(registers).items() if isinstance(value, Register)}
    assert [name for name, register in ours.items() if (register.address, register.size) not in theirs] == []
    assert len(ours) > 30
    assert rustypot.Sts3215PyController.resolution() == registers.TICKS_PER_TURN


def test_its_model_numbers_are_ours() -> None:
    theirs = {number: name for name, number in rustypot.Sts3215PyController.models().items()}
    assert set(theirs) <= set(MODELS)
    assert all(name in MODELS[number].name for number, name in theirs.items())


def sent_by_rustypot(call: Callable[[Any], object]) -> bytes:
    """What it writes to its port for one call that nobody answers."""
    far_fd, near_fd = os.openpty()
    tty.setraw(near_fd)
    controller = rustypot.Sts3215PyController(os.ttyname(near_fd), 1_000_000, SHORT_S)
    with suppress(RuntimeError):
        call(controller)
    sent = os.read(far_fd, 1000)
    controller.close()
    os.close(near_fd)
    os.close(far_fd)
    return sent


FRAMES: list[tuple[bytes, Callable[[Any], object]]] = [
    (protocol.ping(1), lambda c: c.ping(1)),
    (protocol.read(1, 56, 8), lambda c: c.read_raw_data(1, 56, 8)),
    (protocol.write(3, 40, b"\x01"), lambda c: c.write_raw_data(3, 40, [1])),
    (protocol.write(3, 48, registers.TORQUE_LIMIT.encode(550)), lambda c: c.write_torque_limit(3, 550)),
    (protocol.write(2, 31, registers.HOMING_OFFSET.encode(-700)), lambda c: c.write_register(2, "homing_offset", -700)),
    (protocol.reboot(4), lambda c: c.reboot(4)),
    (protocol.sync_read(56, 8, IDS), lambda c: c.sync_read_raw_data(IDS, 56, 8)),
    (
        protocol.sync_write(42, {servo_id: registers.GOAL_POSITION.encode(2000 + servo_id) for servo_id in IDS}),
        lambda c: c.sync_write_raw_goal_position(IDS, [2000 + servo_id for servo_id in IDS]),
    ),
]


@pytest.mark.parametrize(("ours", "call"), FRAMES, ids=[frame.hex() for frame, _ in FRAMES])
def test_frames_equal_those_of_rustypot(ours: bytes, call: Callable[[Any], object]) -> None:
    assert sent_by_rustypot(call) == ours
