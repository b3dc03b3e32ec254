"""The referee: damiao-motor, written for real motors by another hand, drives emulated ones over slcan on a pty.

Its controller takes no adapter but SocketCAN's; so its way to open a bus is replaced, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import can
import pytest

from sim.can.bus_process import CanBusProcess

N_MOTORS = 6
PATIENCE_S = 60.0
POLL_S = 0.005


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanBusProcess]:
    with CanBusProcess(tmp_path_factory.mktemp("can") / "adapter", f"damiao:{N_MOTORS}") as process:
        yield process


@pytest.fixture
def motors(emulator: CanBusProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    def open_bus(**_: object) -> can.BusABC:
        channel = str(emulator.path)
        return can.Bus(interface="slcan", channel=channel, bitrate=1_000_000, sleep_after_open=0, ignore_config=True)

    monkeypatch.setattr("can.interface.Bus", open_bus)
    controller: Any = pytest.importorskip("damiao_motor").DaMiaoController()
    yield [controller.add_motor(1 + i, 0x11 + i, "4310") for i in range(N_MOTORS)]
    controller.shutdown()


def until(is_so: Callable[[], bool], again: Callable[[], object]) -> None:
    """Do something over and over until it has worked: the referee has no retries."""
    t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
    while not is_so():
        assert time.monotonic_ns() < t_end_ns
        again()
        time.sleep(POLL_S)


def show(motor: Any, name: str) -> None:
    """Wait until the motor's state is the one of that name."""
    until(lambda: motor.get_states().get("status") == name, motor.request_motor_feedback)


def test_registers_are_read_and_written(motors: list[Any]) -> None:
    for number, motor in enumerate(motors, start=1):
        assert motor.get_register(8, timeout=PATIENCE_S) == number
        assert motor.get_register(7, timeout=PATIENCE_S) == 0x10 + number
        assert motor.get_register(22, timeout=PATIENCE_S) == 30.0
        motor.ensure_control_mode("MIT")
    motors[0].set_can_timeout(5000)
    motors[0].registers.clear()
    until(lambda: motors[0].registers.get(9) == 100_000, lambda: motors[0].request_register_reading(9))
    motors[0].set_can_timeout(0)


def test_motors_are_enabled_follow_and_are_disabled(motors: list[Any]) -> None:
    for motor in motors:
        motor.request_motor_feedback()
        show(motor, "DISABLED")
        motor.enable()
        show(motor, "ENABLED")
    for number, motor in enumerate(motors, start=1):

        def command(motor: Any = motor, number: int = number) -> None:
            motor.send_cmd_mit(0.1 * number, 0.0, 20.0, 1.0, 0.0)

        command()
        # A step of the encoding is 0.4 mrad; both sides cut down.
        until(lambda motor=motor, number=number: abs(motor.get_states()["pos"] - 0.1 * number) < 1e-3, command)
    for motor in motors:
        motor.disable()
        show(motor, "DISABLED")


def test_a_motor_that_lost_communication_is_cleared(motors: list[Any]) -> None:
    motor = motors[2]
    motor.set_can_timeout(1)
    motor.enable()
    show(motor, "LOST_COMM")
    motor.clear_error()
    show(motor, "DISABLED")
    motor.set_can_timeout(0)


def test_zero_is_set(motors: list[Any]) -> None:
    motor = motors[3]
    motor.enable()
    show(motor, "ENABLED")
    until(lambda: abs(motor.get_states()["pos"] - 1.0) < 1e-3, lambda: motor.send_cmd_mit(1.0, 0.0, 20.0, 1.0, 0.0))
    motor.disable()
    motor.set_zero_position()
    until(lambda: abs(motor.get_states()["pos"]) < 1e-3, motor.request_motor_feedback)
