"""One emulated axis of an ODrive on CAN: what CANSimple says and hears, and a motor behind it; a CanNode of sim/can/bus.py.

Firmware 0.6, or 0.5 where asked for. Only position control with the input passed through moves the motor. Unlike the real
firmware, which makes the present position its input when it closes the loop, this axis drives to the last input it was
told: a driver that does not tell the measured pose first is seen to jump.

Source: as drivers/odrive/protocol.py.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from drivers.can.port import CanFrame
from drivers.odrive import protocol
from drivers.odrive.protocol import AxisError, AxisState, Command, ControlMode, Generation, InputMode, OldAxisError
from sim.motors.motion import Actuators

TURNS_PER_RAD = 1 / (2 * math.pi)
AIR_DEGC = 25.0
SUPPLY_V = 24.0
CURRENT_MAX_A = 10.0  # at which the motor behind gives its largest torque
VELOCITY_LIMIT = 2.0  # turns/s, from the factory
INVERTER_DEGC_MAX = 100.0
OVER_VOLTAGE_V = 56.0
HEARTBEAT_NS = 100_000_000
FIRST_SERIAL = 0x3957_3430_3231
FIRMWARE = bytes((2, 4, 4, 58, 0, 6, 10, 0))  # protocol, hardware of a Pro, firmware 0.6.10

_PAIR = struct.Struct("<ff")


class EmulatedAxis:
    """Axis `node_id` on motor `index` of `actuators`, whose angle counts `turns_per_rad` turns of the axis."""

    def __init__(
        self,
        node_id: int,
        index: int,
        actuators: Actuators,
        *,
        turns_per_rad: float = TURNS_PER_RAD,
        generation: Generation = Generation.V0_6,
    ) -> None:
        self.node_id = node_id
        self.inverter_degc = AIR_DEGC
        self.motor_degc = math.nan  # no sensor is fitted
        self.supply_v = SUPPLY_V
        self.estimates_period_ns = 0  # told unasked so often, as encoder_msg_rate_ms says; never
        self.serial = FIRST_SERIAL + index
        self.firmware = FIRMWARE
        self.watchdog_ns = 0  # lets go when not fed for so long; never
        self._index = index
        self._actuators = actuators
        self._turns_per_rad = turns_per_rad
        self._generation = generation
        self._t_ns: int | None = None
        self._orders: dict[int, Callable[[bytes], None]] = {
            Command.SET_AXIS_STATE: self._set_state,
            Command.SET_CONTROLLER_MODE: self._set_mode,
            Command.SET_INPUT_POSITION: self._set_input,
            Command.SET_LIMITS: self._set_limits,
        }
        self._answers: dict[int, Callable[[], bytes]] = {
            Command.ESTIMATES: lambda: _PAIR.pack(self.turns, self._turns_s()),
            Command.IQ: lambda: _PAIR.pack(self._current_a(), self._current_a()),
            Command.BUS: lambda: _PAIR.pack(self.supply_v, 0.0),
        }
        if generation == Generation.V0_6:
            self._answers |= {
                Command.VERSION: lambda: self.firmware,
                Command.ADDRESS: lambda: struct.pack("<B6sB", node_id, self.serial.to_bytes(6, "little"), 0),
                Command.ERROR: lambda: struct.pack("<II", self.errors, self.errors),
                Command.TEMPERATURE: lambda: _PAIR.pack(self.inverter_degc, self.motor_degc),
                Command.TORQUES: lambda: _PAIR.pack(self._actuators.effort_ratio(index), 0.0),
            }
        self.power_on()

    @property
    def turns(self) -> float:
        """Return the position."""
        return self._actuators.position_rad(self._index) * self._turns_per_rad

    @property
    def state(self) -> AxisState:
        """Return what the axis does."""
        return self._state

    def power_on(self) -> None:
        """Begin as after a loss of power: idle, no error, limits and input forgotten."""
        self.errors = 0
        self.velocity_limit_turns_s = VELOCITY_LIMIT
        self.current_limit_a = CURRENT_MAX_A
        self._mode = (ControlMode.POSITION, InputMode.PASSTHROUGH)
        self._input_turns = 0.0
        self._t_heartbeat_ns = self._t_estimates_ns = self._t_fed_ns = self._t_ns or 0
        self._enter(AxisState.IDLE)
        self._actuators.set_effort_limit(self._index, 1.0)

    def fail(self, errors: int) -> None:
        """Let go, with bits of AxisError or OldAxisError."""
        self.errors |= errors
        self._enter(AxisState.IDLE)

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        """Carry out an order, or answer a question."""
        node_id, command = protocol.split_id(frame.can_id)
        if frame.extended or node_id != self.node_id:
            return []
        self._t_ns = t_now_ns
        is_input = Command.SET_INPUT_POSITION <= command <= Command.SET_INPUT_TORQUE and not frame.remote
        if is_input or self._generation == Generation.V0_5:
            self._t_fed_ns = t_now_ns
        if frame.remote:
            answer = self._answers.get(command)
            return [CanFrame(frame.can_id, answer())] if answer else []
        if command == Command.CLEAR_ERRORS:
            self.errors = 0
            self._check()
        elif command == Command.ESTOP:
            old = self._generation == Generation.V0_5
            self.fail(OldAxisError.ESTOP_REQUESTED if old else AxisError.ESTOP_REQUESTED)
        elif command == Command.REBOOT:
            self.power_on()
        elif (order := self._orders.get(command)) is not None and len(frame.data) >= 4:
            order(frame.data.ljust(8, b"\0"))
        return []

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        """Let time pass, and return heartbeats, and estimates where they come unasked."""
        if self._t_ns is None:
            self._t_heartbeat_ns = self._t_estimates_ns = self._t_fed_ns = t_now_ns
        self._t_ns = t_now_ns
        self._check()
        frames: list[CanFrame] = []
        if t_now_ns - self._t_heartbeat_ns >= HEARTBEAT_NS:
            self._t_heartbeat_ns = t_now_ns
            frames.append(CanFrame(protocol.message_id(self.node_id, Command.HEARTBEAT), self._heartbeat()))
        if self.estimates_period_ns and t_now_ns - self._t_estimates_ns >= self.estimates_period_ns:
            self._t_estimates_ns = t_now_ns
            data = self._answers[Command.ESTIMATES]()
            frames.append(CanFrame(protocol.message_id(self.node_id, Command.ESTIMATES), data))
        return frames

    def _check(self) -> None:
        """Let go where something is wrong."""
        old = self._generation == Generation.V0_5
        if self.watchdog_ns and (self._t_ns or 0) - self._t_fed_ns > self.watchdog_ns and self._is_closed:
            self.fail(OldAxisError.WATCHDOG_TIMER_EXPIRED if old else AxisError.WATCHDOG_TIMER_EXPIRED)
        if self.supply_v > OVER_VOLTAGE_V:
            self.fail(OldAxisError.MOTOR_FAILED if old else AxisError.DC_BUS_OVER_VOLTAGE)
        if self.inverter_degc > INVERTER_DEGC_MAX:
            self.fail(OldAxisError.OVER_TEMP if old else AxisError.INVERTER_OVER_TEMP)

    @property
    def _is_closed(self) -> bool:
        return self._state == AxisState.CLOSED_LOOP_CONTROL

    def _enter(self, state: AxisState) -> None:
        self._state = state
        self._t_fed_ns = self._t_ns or 0
        self._actuators.set_torque(self._index, enabled=self._is_closed)
        self._drive()

    def _drive(self) -> None:
        if self._is_closed and self._mode == (ControlMode.POSITION, InputMode.PASSTHROUGH):
            self._actuators.set_target_rad(self._index, self._input_turns / self._turns_per_rad)

    def _heartbeat(self) -> bytes:
        if self._generation == Generation.V0_6:
            return struct.pack("<IBBBx", self.errors, self._state, 0, 1)
        return struct.pack("<IBBBB", self.errors, self._state, 0, 0, 0x80)  # the last: trajectory done

    def _turns_s(self) -> float:
        return self._actuators.velocity_rad_s(self._index) * self._turns_per_rad

    def _current_a(self) -> float:
        sign = math.copysign(1.0, self._turns_per_rad)
        return sign * self._actuators.effort_ratio(self._index) * CURRENT_MAX_A

    def _set_state(self, data: bytes) -> None:
        (wanted,) = struct.unpack_from("<I", data)
        if wanted == AxisState.IDLE or (wanted == AxisState.CLOSED_LOOP_CONTROL and not self.errors):
            self._enter(AxisState(wanted))

    def _set_mode(self, data: bytes) -> None:
        control, input_mode = struct.unpack("<II", data)
        if control in set(ControlMode) and input_mode in set(InputMode):
            self._mode = (ControlMode(control), InputMode(input_mode))
            self._drive()

    def _set_input(self, data: bytes) -> None:
        (turns,) = struct.unpack_from("<f", data)
        if math.isfinite(turns):
            self._input_turns = turns
            self._drive()

    def _set_limits(self, data: bytes) -> None:
        self.velocity_limit_turns_s, self.current_limit_a = _PAIR.unpack(data)
        self._actuators.set_effort_limit(self._index, min(1.0, self.current_limit_a / CURRENT_MAX_A))
