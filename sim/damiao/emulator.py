"""One emulated Damiao motor: its registers, its state, and what frames do to the motor behind it.

What Damiao documents is done as documented; where it says nothing, this emulator does the plainest thing, marked
"undocumented" below. The clock is whoever calls: `hear` and `advance`, so it runs in real time and in lockstep.

Sources: as drivers/damiao/protocol.py.
"""

from __future__ import annotations

import math
import struct
from dataclasses import replace

from drivers.can.port import CanFrame
from drivers.damiao import protocol
from drivers.damiao.protocol import RANGES, Feedback, MitCommand, MitRange, MotorState, Register, RegisterAnswer
from sim.motors.springs import MitMotors

TURN_RAD = 2 * math.pi
READ_ONLY = frozenset((*range(11, 21), 36, *range(50, 56), 80, 81))
GEARS = {"DM4310": 10, "DM4340": 40, "DM6006": 6, "DM8006": 6, "DM8009": 9, "DM10010": 10}
FACTORY: dict[int, int | float] = {
    Register.UNDER_VOLTAGE_V: 15.0,
    Register.OVERHEAT_DEGC: 100.0,
    Register.TIMEOUT: 0,
    Register.CONTROL_MODE: protocol.MIT_MODE,
    Register.HARDWARE_VERSION: 1,
    Register.SOFTWARE_VERSION: 5016,
    Register.SUB_VERSION: 14,
    Register.OVER_VOLTAGE_V: 32.0,
    35: 4,  # 1 Mbit/s
}
FIRST_SERIAL = 0x2A5C_0100
AIR_DEGC = 25.0
SUPPLY_V = 24.0
_FOLLOWED = (MotorState.DISABLED, MotorState.ENABLED)


class EmulatedDamiao:
    """Motor `index` of `motors`, as a node of sim/can/bus.py, with its ids and ranges set as for the model."""

    def __init__(self, model: str, motor_id: int, feedback_id: int, index: int, motors: MitMotors) -> None:
        self._index = index
        self._motors = motors
        self._flash = dict.fromkeys(protocol.READABLE_REGISTERS, 0) | FACTORY
        span = RANGES[model]
        self._flash |= {
            Register.FEEDBACK_ID: feedback_id,
            Register.MOTOR_ID: motor_id,
            Register.SERIAL_NUMBER: FIRST_SERIAL + index,
            20: GEARS[model],
            Register.POSITION_MAX: span.position_max_rad,
            Register.VELOCITY_MAX: span.velocity_max_rad_s,
            Register.TORQUE_MAX: span.torque_max_nm,
        }
        self._zero_rad = 0.0  # kept over the power
        self._t_ns = self._t_commanded_ns = 0
        self._orders = {
            protocol.ENABLE: self._enable,
            protocol.DISABLE: self._disable,
            protocol.ZERO: self._zero,
            protocol.CLEAR: self._clear,
        }
        self.supply_v = SUPPLY_V
        self.bridge_degc = self.rotor_degc = AIR_DEGC
        self.power_on()

    @property
    def motor_id(self) -> int:
        """Return the id it listens to."""
        return int(self._registers[Register.MOTOR_ID])

    @property
    def _feedback_id(self) -> int:
        return int(self._registers[Register.FEEDBACK_ID]) & 0x7FF

    @property
    def span(self) -> MitRange:
        """Return what its packed numbers mean."""
        p, v, t = (self._registers[r] for r in (Register.POSITION_MAX, Register.VELOCITY_MAX, Register.TORQUE_MAX))
        return MitRange(position_max_rad=p, velocity_max_rad_s=v, torque_max_nm=t)

    def get(self, register: int) -> int | float:
        """Return a register."""
        return self._registers[register]

    def put(self, register: int, value: float, *, saved: bool = False) -> None:
        """Set a register, read-only ones as well; `saved` keeps it over the power."""
        self._registers[register] = value
        if saved:
            self._flash[register] = value

    def power_on(self) -> None:
        """Start anew: registers as saved, torque off, whole turns forgotten (to within half a turn of zero: undocumented)."""
        self._registers = dict(self._flash)
        self.state = MotorState.DISABLED
        turned_rad = self._motors.position_rad(self._index) - self._zero_rad
        self._turns_rad = TURN_RAD * round(turned_rad / TURN_RAD)
        self._motors.drive(self._index, None)

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        """Take in a frame; answer it if it is for this motor."""
        self.advance(t_now_ns)
        if frame.extended or frame.remote or len(frame.data) != protocol.FRAME_BYTES:
            return []
        if frame.can_id == protocol.REGISTER_ID:
            return self._obey_register(frame.data)
        if frame.can_id != self.motor_id:
            return []
        return self._obey(frame.data, t_now_ns)

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        """Let time pass: let go where something is wrong, or where nobody commanded for longer than the time-out."""
        self._t_ns = t_now_ns
        self._motors.advance(t_now_ns)
        if self.state is MotorState.ENABLED:
            timeout_ns = self._registers[Register.TIMEOUT] * protocol.TIMEOUT_UNIT_NS
            silent = 0 < timeout_ns < t_now_ns - self._t_commanded_ns
            self.fail(self._trouble() or (MotorState.LOST_COMMUNICATION if silent else None))
        return []

    def fail(self, state: MotorState | None) -> None:
        """Let go and report `state`, where there is one, until it is cleared."""
        if state is not None:
            self.state = state
            self._motors.drive(self._index, None)

    def _obey(self, data: bytes, t_now_ns: int) -> list[CanFrame]:
        order = self._orders.get(data)
        if order is not None:
            self._t_commanded_ns = t_now_ns
            order()
        elif self._registers[Register.CONTROL_MODE] != protocol.MIT_MODE:
            return []  # undocumented; damiao-motor's guide: it "will not respond"
        else:
            self._command(protocol.parse_mit_command(data, self.span), t_now_ns)
        return [self._feedback()]

    def _enable(self) -> None:
        self.fail(self._trouble())
        if self.state in _FOLLOWED:
            self.state = MotorState.ENABLED

    def _disable(self) -> None:
        if self.state in _FOLLOWED:
            self.state = MotorState.DISABLED
        self._motors.drive(self._index, None)

    def _clear(self) -> None:
        if self.state not in _FOLLOWED:
            self.state = self._trouble() or MotorState.DISABLED

    def _zero(self) -> None:
        self._zero_rad, self._turns_rad = self._motors.position_rad(self._index), 0.0

    def _command(self, command: MitCommand, t_now_ns: int) -> None:
        self._t_commanded_ns = t_now_ns
        if self.state is MotorState.ENABLED:
            shifted_rad = command.position_rad + self._zero_rad + self._turns_rad
            self._motors.drive(self._index, replace(command, position_rad=shifted_rad))

    def _obey_register(self, data: bytes) -> list[CanFrame]:
        motor_id, operation, register = struct.unpack("<HBB", data[:4])
        if motor_id != self.motor_id:
            return []
        if operation == protocol.REFRESH:
            return [self._feedback()]
        if operation == protocol.SAVE:
            if self.state is not MotorState.ENABLED:
                self._flash = dict(self._registers)
            return [CanFrame(self._feedback_id, data)]
        if operation not in (protocol.READ, protocol.WRITE) or register not in self._registers:
            return []  # undocumented
        if operation == protocol.WRITE and register not in READ_ONLY:
            self._write(register, data[4:])
        answer = RegisterAnswer(motor_id, operation, register, self._registers[register])
        return [protocol.register_answer(self._feedback_id, answer)]

    def _write(self, register: int, data: bytes) -> None:
        value = protocol.parse_register_bytes(register, data)
        sizes = (Register.POSITION_MAX, Register.VELOCITY_MAX, Register.TORQUE_MAX)
        if math.isfinite(value) and (register not in sizes or value > 0):
            self._registers[register] = value

    def _feedback(self) -> CanFrame:
        told = Feedback(
            id_nibble=self.motor_id & 0xF,
            state=self.state,
            position_rad=self._motors.position_rad(self._index) - self._zero_rad - self._turns_rad,
            velocity_rad_s=self._motors.velocity_rad_s(self._index),
            torque_nm=self._motors.torque_nm(self._index) if self.state is MotorState.ENABLED else 0.0,
            bridge_degc=round(self.bridge_degc),
            rotor_degc=round(self.rotor_degc),
        )
        return protocol.feedback(self._feedback_id, told, self.span)

    def _trouble(self) -> MotorState | None:
        limit_degc = self._registers[Register.OVERHEAT_DEGC]
        if self.supply_v > self._registers[Register.OVER_VOLTAGE_V]:
            return MotorState.OVER_VOLTAGE
        if self.supply_v < self._registers[Register.UNDER_VOLTAGE_V]:
            return MotorState.UNDER_VOLTAGE
        if self.bridge_degc > limit_degc:
            return MotorState.BRIDGE_OVERHEAT
        return MotorState.ROTOR_OVERHEAT if self.rotor_degc > limit_degc else None
