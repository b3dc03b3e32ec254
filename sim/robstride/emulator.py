"""One emulated RobStride motor: its parameters, its mode, and what frames do to the motor behind it.

What the manual says is done; where it says nothing, the plainest, marked "undocumented". The clock is whoever calls: `hear` and
`advance`, so it runs in real time and in lockstep. Sources: as drivers/robstride/protocol.py.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.can.port import CanFrame
from drivers.damiao.protocol import MitCommand
from drivers.robstride import protocol
from drivers.robstride.protocol import SPANS, Fault, Feedback, Kind, Mode, Parameter
from sim.motors.springs import MitMotors

OVERHEAT_DEGC = 145.0
UNDERVOLTAGE_V = 12.0
AIR_DEGC = 25.0
SUPPLY_V = 48.0
FIRST_SERIAL = 0x3130_4B1C_0028_5100


class EmulatedRobstride:
    """Motor `index` of `motors`, as a node of sim/can/bus.py."""

    def __init__(self, model: str, motor_id: int, index: int, motors: MitMotors) -> None:
        self.motor_id = motor_id
        self.span = SPANS[model]
        self.temperature_degc = AIR_DEGC
        self.supply_v = SUPPLY_V
        self.serial = FIRST_SERIAL + index
        self.faults = Fault(0)
        self.mode = Mode.RESET
        self.parameters: dict[int, float] = {}
        self._index = index
        self._motors = motors
        self._host_id = 0
        self._t_heard_ns = 0
        self._orders: dict[int, Callable[[CanFrame], None]] = {
            Kind.CONTROL: self._control,
            Kind.ENABLE: self._enable,
            Kind.STOP: self._stop,
            Kind.WRITE: self._write,
        }
        self.power_on()

    def power_on(self) -> None:
        """Start anew: no torque, parameters as from the factory."""
        self.parameters = {
            Parameter.RUN_MODE: 0,
            Parameter.TORQUE_LIMIT_NM: self.span.torque_max_nm,
            Parameter.TIMEOUT: 0,
        }
        self.faults = Fault(0)
        self._let_go()

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        """Take in a frame; answer it if it is for this motor."""
        self.advance(t_now_ns)
        kind, what, to = protocol.split_id(frame.can_id)
        if to != self.motor_id or not frame.extended or frame.remote or len(frame.data) != protocol.FRAME_BYTES:
            return []
        self._t_heard_ns = t_now_ns
        if kind != Kind.CONTROL:
            self._host_id = what & 0xFF
        if kind == Kind.READ:
            return self._read(frame)
        if kind == Kind.IDENTITY:
            number = self.serial.to_bytes(protocol.FRAME_BYTES, "little")
            return [protocol.make_frame(Kind.IDENTITY, self.motor_id, protocol.IDENTITY_HOST, number)]
        order = self._orders.get(kind)
        if order is None:
            return []
        order(frame)
        told = Feedback(
            motor_id=self.motor_id,
            mode=self.mode,
            faults=self.faults,
            position_rad=self._motors.position_rad(self._index),
            velocity_rad_s=self._motors.velocity_rad_s(self._index),
            torque_nm=self._motors.torque_nm(self._index) if self.mode is Mode.RUN else 0.0,
            temperature_degc=self.temperature_degc,
        )
        return [protocol.feedback(told, self.span, self._host_id)]

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        """Let time pass: let go where something is wrong, or where nobody spoke for longer than the time-out."""
        self._motors.advance(t_now_ns)
        self.faults |= self._troubles()
        timeout_ns = self.parameters[Parameter.TIMEOUT] * protocol.TIMEOUT_UNIT_NS
        if self.faults or 0 < timeout_ns < t_now_ns - self._t_heard_ns:
            self._let_go()
        return []

    def _control(self, frame: CanFrame) -> None:
        if self.mode is Mode.RUN and self.parameters[Parameter.RUN_MODE] == 0:
            self._motors.drive(self._index, MitCommand(*protocol.parse_control(frame, self.span)))

    def _enable(self, frame: CanFrame) -> None:
        del frame
        if not self.faults and self.mode is not Mode.RUN:
            self.mode = Mode.RUN
            self._motors.drive(self._index, MitCommand(0.0, 0.0, 0.0, 0.0, 0.0))  # limp until commanded: undocumented

    def _stop(self, frame: CanFrame) -> None:
        if frame.data[0] == 1:
            self.faults = self._troubles()
        self._let_go()

    def _write(self, frame: CanFrame) -> None:
        index, value = protocol.parse_parameter(frame)
        # The mode cannot be switched while the motor runs.
        if index in self.parameters and not (index == Parameter.RUN_MODE and self.mode is Mode.RUN):
            self.parameters[index] = value

    def _read(self, frame: CanFrame) -> list[CanFrame]:
        index, _ = protocol.parse_parameter(frame)
        known = self.parameters | {Parameter.SUPPLY_V: self.supply_v}
        if index not in known:
            return []  # undocumented
        data = protocol.parameter_data(index, known[index])
        return [protocol.make_frame(Kind.READ, self.motor_id, self._host_id, data)]

    def _troubles(self) -> Fault:
        hot = Fault.OVERHEAT if self.temperature_degc > OVERHEAT_DEGC else Fault(0)
        return hot | (Fault.UNDERVOLTAGE if self.supply_v < UNDERVOLTAGE_V else Fault(0))

    def _let_go(self) -> None:
        self.mode = Mode.RESET
        self._motors.drive(self._index, None)
