"""The emulated RobStride motor, driven by the maker's own package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import can
import pytest
from robstride_dynamics import Motor, ParameterType, RobstrideBus

from drivers.can.port import CanFrame
from drivers.robstride.protocol import Mode, Parameter
from sim.motors.springs import RigidMitMotors
from sim.robstride.emulator import SUPPLY_V, EmulatedRobstride

MS = 1_000_000


class Wire:
    """What python-can is to the maker's package: one wire with one motor."""

    def __init__(self) -> None:
        self.motors = RigidMitMotors(1)
        self.motor = EmulatedRobstride("RS02", 9, 0, self.motors)
        self.t_ns = 10**9
        self._answers: list[CanFrame] = []

    def send(self, message: can.Message) -> None:
        frame = CanFrame(message.arbitration_id, bytes(message.data), extended=message.is_extended_id)
        self._answers += self.motor.hear(frame, self.t_ns)

    def recv(self, timeout: float | None = None) -> can.Message | None:
        del timeout
        if not self._answers:
            return None
        frame = self._answers.pop(0)
        return can.Message(arbitration_id=frame.can_id, data=frame.data, is_extended_id=frame.extended)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def bus(wire: Wire) -> Iterator[Any]:
    made = RobstrideBus("none", {"motor": Motor(9, "rs-02")})
    made.channel_handler = wire
    yield made
    made.channel_handler = None  # or it would disable the motor when it is forgotten


def test_it_follows_once_it_is_enabled_and_says_where_it_is(wire: Wire, bus: Any) -> None:
    bus.write_operation_frame("motor", 1.0, kp=30.0, kd=1.0)
    assert bus.read_operation_frame("motor")[0] == pytest.approx(0.0, abs=1e-3)
    bus.enable("motor")
    assert wire.motors.driven == [True]
    wire.motors.torques_nm[0] = -3.0
    bus.write_operation_frame("motor", -1.25, kp=30.0, kd=1.0)
    position, velocity, torque, temperature = bus.read_operation_frame("motor")
    assert (position, velocity) == (pytest.approx(-1.25, abs=1e-3), pytest.approx(0.0, abs=2e-3))
    assert (torque, temperature) == (pytest.approx(-3.0, abs=1e-3), 25.0)
    bus.disable("motor")
    assert wire.motors.driven == [False]


def test_parameters_are_kept_until_the_power_goes(wire: Wire, bus: Any) -> None:
    assert bus.read("motor", ParameterType.VBUS) == SUPPLY_V
    bus.write("motor", ParameterType.TORQUE_LIMIT, 4.5)
    bus.write("motor", ParameterType.CAN_TIMEOUT, 4000)
    assert bus.read("motor", ParameterType.TORQUE_LIMIT) == 4.5
    assert bus.read("motor", ParameterType.CAN_TIMEOUT) == 4000
    wire.motor.power_on()
    assert bus.read("motor", ParameterType.TORQUE_LIMIT) == 17.0
    assert bus.read("motor", ParameterType.CAN_TIMEOUT) == 0


def test_it_lets_go_where_nobody_speaks_for_longer_than_its_time_out(wire: Wire, bus: Any) -> None:
    bus.write("motor", ParameterType.CAN_TIMEOUT, 4000)  # 200 ms
    bus.enable("motor")
    wire.motor.advance(wire.t_ns + 199 * MS)
    assert wire.motor.mode is Mode.RUN
    wire.motor.advance(wire.t_ns + 201 * MS)
    assert wire.motor.mode is Mode.RESET
    assert wire.motors.driven == [False]


def test_too_hot_is_a_fault_until_it_is_cleared(wire: Wire, bus: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bus.enable("motor")
    wire.motor.temperature_degc = 150.0
    bus.enable("motor")
    assert "overtemperature" in capsys.readouterr().out
    assert wire.motors.driven == [False]
    wire.motor.temperature_degc = 60.0
    bus.enable("motor")
    assert wire.motors.driven == [False]  # remembered
    bus.channel_handler.send(can.Message(arbitration_id=0x0400FD09, data=b"\x01" + bytes(7), is_extended_id=True))
    bus.channel_handler.recv()
    bus.enable("motor")
    assert wire.motors.driven == [True]


def test_the_mode_cannot_be_switched_while_it_runs(wire: Wire, bus: Any) -> None:
    bus.enable("motor")
    bus.write("motor", ParameterType.MODE, 2)
    assert wire.motor.parameters[Parameter.RUN_MODE] == 0
    bus.disable("motor")
    bus.write("motor", ParameterType.MODE, 2)
    assert wire.motor.parameters[Parameter.RUN_MODE] == 2


@pytest.mark.parametrize(
    "frame",
    [
        CanFrame(0x01800008, bytes(8), extended=True),  # to another
        CanFrame(0x009, bytes(8)),
        CanFrame(0x01800009, bytes(5), extended=True),
        CanFrame(0x01800009, extended=True, remote=True),
        CanFrame(0x1F00FD09, bytes(8), extended=True),  # what nobody documents
        CanFrame(0x1100FD09, bytes(8), extended=True),
    ],
)
def test_what_is_not_for_it_is_not_answered(wire: Wire, frame: CanFrame) -> None:
    assert wire.motor.hear(frame, wire.t_ns) == []
