"""The zero of Dynamixel X servos: their bare encoders, and the homing offset in their EEPROM. The ServoHoming of drivers/homing.py.

    homing offset      20      present position = encoder + offset; in position mode one beyond +-1024 is ignored
    position limits    48, 52  count as the present position does, and cannot lie outside 0..4095

The encoder begins anew where it does, whatever the homing offset. The servo itself refuses to write its EEPROM while it drives.
"""

from __future__ import annotations

import numpy as np

from drivers.dynamixel import registers
from drivers.dynamixel.arm import SETUP_BUDGET_NS, find_servos, identity_of, release_servos, torque_of
from drivers.dynamixel.bus import DynamixelBus, check_kept
from drivers.dynamixel.registers import HOMING_OFFSET_VALID, MODELS, TICKS_MAX, TICKS_PER_TURN
from drivers.dynamixel.setup import check_modes, make_answer
from drivers.homing import Ticks
from drivers.homing_change import HomingSettings, change_all, require_limp, require_offsets
from drivers.serial.port import PortOpener, SerialPort
from interfaces.arm_config import DynamixelConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import DeviceLostError, ForerunError


class DynamixelHoming:
    """The servos of one robot file."""

    ticks_per_turn = TICKS_PER_TURN
    offset_max_ticks = HOMING_OFFSET_VALID
    seam_moves = False

    def __init__(self, config: DynamixelConfig, open_port: PortOpener = SerialPort) -> None:
        """Remember the servos; `open_port` makes the port, so that a simulation can put its own in place."""
        self._config = config
        self._open_port = open_port
        self._ids = [joint.servo_id for joint in config.joints]
        self._bus: DynamixelBus | None = None
        self._found: dict[int, tuple[int, int]] = {}  # model number and firmware, by id
        self._offsets: list[int] | None = None  # None where it must be asked for

    def open(self) -> None:
        """Open the bus and find every servo; nothing is written, but that they shall answer when they are asked.

        Raises DeviceError for a servo that is not in position mode, or reversed.
        """
        self.close()
        path, baud_hz = self._config.port, self._config.baud_hz
        names = {joint.servo_id: joint.name for joint in self._config.joints}
        bus = DynamixelBus(self._open_port(path, baud_hz), path, baud_hz, names)
        try:
            self._found = find_servos(bus, self._ids, baud_hz)
            for servo_id in self._ids:
                make_answer(bus, servo_id)
                check_modes(bus, servo_id)
        except ForerunError:
            bus.close()
            raise
        self._bus = bus

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which servos these are; their homing offsets are read now."""
        bus = self._opened()
        return tuple(
            identity_of(
                joint,
                MODELS[self._found[joint.servo_id][0]],
                firmware=self._found[joint.servo_id][1],
                homing_offset=bus.read_register(joint.servo_id, registers.HOMING_OFFSET),
            )
            for joint in self._config.joints
        )

    def torque(self) -> tuple[bool, ...]:
        """Ask each servo whether its torque is on."""
        return torque_of(self._opened(), self._ids)

    def release(self) -> None:
        """Disable torque; raises BusTimeoutError naming servos that do not answer."""
        release_servos(self._opened(), self._ids)

    def encoder_ticks(self) -> Ticks:
        """Return the bare encoders' counts."""
        bus = self._opened()
        homes = self.homes_with(np.array(self._kept_offsets(), np.int64))
        present = bus.cycle(b"", SETUP_BUDGET_NS).frames["position"].astype(np.int64)
        # Turned by hand, a servo counts on beyond its turn until its torque or its power is switched.
        return (present + homes) % TICKS_PER_TURN

    def homes_with(self, offsets: Ticks) -> Ticks:
        """Return by how much the present position is less than the bare count: by minus the homing offset, if it is heeded."""
        return np.where(np.abs(offsets) <= HOMING_OFFSET_VALID, -offsets, 0)

    def write_offsets(self, offsets: Ticks) -> None:
        """Write homing offsets, and limits of a whole turn, all or nothing; torque must be off."""
        bus = self._opened()
        names = [bus.name(servo_id) for servo_id in self._ids]
        require_offsets(names, offsets, HOMING_OFFSET_VALID)
        require_limp(names, self.torque())
        self._offsets = None
        wanted = [HomingSettings(offset=each, position_min=0, position_max=TICKS_MAX) for each in offsets.tolist()]
        change_all({_Servo(bus, servo_id): each for servo_id, each in zip(self._ids, wanted, strict=True)})

    def close(self) -> None:
        """Close the bus; torque stays as it is."""
        bus, self._bus, self._offsets = self._bus, None, None
        if bus is not None:
            bus.close()

    def _opened(self) -> DynamixelBus:
        if self._bus is None:
            raise DeviceLostError(f"{self._config.port} is not open")
        return self._bus

    def _kept_offsets(self) -> list[int]:
        if self._offsets is None:
            bus = self._opened()
            self._offsets = [bus.read_register(servo_id, registers.HOMING_OFFSET) for servo_id in self._ids]
        return self._offsets


class _Servo:
    """The HomedServo of drivers/homing_change.py."""

    def __init__(self, bus: DynamixelBus, servo_id: int) -> None:
        self._bus, self._id = bus, servo_id
        self.name = bus.name(servo_id)

    def read(self) -> HomingSettings:
        return HomingSettings(
            offset=self._bus.read_register(self._id, registers.HOMING_OFFSET),
            position_min=self._bus.read_register(self._id, registers.POSITION_MIN),
            position_max=self._bus.read_register(self._id, registers.POSITION_MAX),
        )

    def write(self, settings: HomingSettings) -> None:
        changes = {
            registers.HOMING_OFFSET: settings.offset,
            registers.POSITION_MIN: settings.position_min,
            registers.POSITION_MAX: settings.position_max,
        }
        for register, value in changes.items():
            if self._bus.read_register(self._id, register) != value:
                self._bus.write(self._id, register, value)
                check_kept(self._bus, self._id, register, value)
