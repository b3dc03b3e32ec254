"""The zero of Feetech servos: their bare encoders, and the homing offset in their EEPROM. The ServoHoming of drivers/homing.py.

    homing offset      31, sign in bit 11, so up to 2047 either way   present position = encoder - offset, within one turn
    position limits    9, 11                                          count as the present position does
    EEPROM lock        55                                             what is written while it is 1 is lost with the power

A servo whose power is cut has its lock closed again, so one that is found closed after a write was not saved: it is an error.
"""

from __future__ import annotations

import numpy as np

from drivers.feetech import registers
from drivers.feetech.answers import OpenQuestions
from drivers.feetech.arm import SETUP_BUDGET_NS, find_servos, release_servos, torque_of
from drivers.feetech.bus import FeetechBus
from drivers.feetech.models import ServoModel
from drivers.feetech.protocol import ServoFault, fault_names
from drivers.feetech.registers import TICKS_MAX, TICKS_PER_TURN, Register
from drivers.feetech.setup import check_counting, read_identity
from drivers.homing import Ticks
from drivers.homing_change import HomingSettings, change_all, require_limp, require_offsets
from drivers.serial.port import PortOpener, SerialPort
from interfaces.arm_config import FeetechConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import DeviceError, DeviceLostError, ForerunError

OFFSET_MAX_TICKS = 2047
UNLOCKED, LOCKED = 0, 1


class FeetechHoming:
    """The servos of one robot file."""

    ticks_per_turn = TICKS_PER_TURN
    offset_max_ticks = OFFSET_MAX_TICKS
    seam_moves = True

    def __init__(self, config: FeetechConfig, open_port: PortOpener = SerialPort) -> None:
        """Remember the servos; `open_port` makes the port, so that a simulation can put its own in place."""
        self._config = config
        self._open_port = open_port
        self._ids = [joint.servo_id for joint in config.joints]
        self._questions = OpenQuestions()  # an answer underway outlasts a bus that is closed and opened
        self._bus: FeetechBus | None = None
        self._models: list[ServoModel] = []
        self._offsets: list[int] | None = None  # None where it must be asked for

    def open(self) -> None:
        """Open the bus and find every servo; nothing is written. Raises DeviceError for one that does not count one turn."""
        self.close()
        path, baud_hz = self._config.port, self._config.baud_hz
        names = {joint.servo_id: joint.name for joint in self._config.joints}
        bus = FeetechBus(self._open_port(path, baud_hz), path, baud_hz, names, self._questions)
        try:
            self._models = find_servos(bus, self._ids, baud_hz)
            for servo_id in self._ids:
                check_counting(bus.name(servo_id), bus.read(servo_id, 0, registers.EEPROM_BYTES))
        except ForerunError:
            bus.close()
            raise
        self._bus = bus

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which servos these are; their homing offsets are read now."""
        bus = self._opened()
        return tuple(
            read_identity(joint, model, bus.read(joint.servo_id, 0, registers.EEPROM_BYTES))
            for joint, model in zip(self._config.joints, self._models, strict=True)
        )

    def torque(self) -> tuple[bool, ...]:
        """Ask each servo whether its torque is on."""
        return torque_of(self._opened(), self._ids)

    def release(self) -> None:
        """Disable torque; raises BusTimeoutError naming servos that do not answer."""
        release_servos(self._opened(), self._ids)

    def encoder_ticks(self) -> Ticks:
        """Return the bare encoders' counts; raises DeviceError where a servo says that its encoder fails."""
        bus = self._opened()
        offsets = self._kept_offsets()
        feedback, _ = bus.cycle(b"", SETUP_BUDGET_NS, at_once=True)
        blind = [servo for servo in feedback if servo.error & ServoFault.ENCODER]
        if blind:
            raise DeviceError(
                "; ".join(f"{bus.name(each.servo_id)} reports {fault_names(each.error)}" for each in blind)
            )
        present = np.array([servo.position for servo in feedback], np.int64)
        return (present + np.array(offsets, np.int64)) % TICKS_PER_TURN

    def homes_with(self, offsets: Ticks) -> Ticks:
        """Return by how much the present position is less than the bare count: by the homing offset."""
        return offsets.copy()

    def write_offsets(self, offsets: Ticks) -> None:
        """Write homing offsets, and limits of a whole turn, all or nothing; torque must be off."""
        bus = self._opened()
        names = [bus.name(servo_id) for servo_id in self._ids]
        require_offsets(names, offsets, OFFSET_MAX_TICKS)
        require_limp(names, self.torque())
        self._offsets = None
        wanted = [HomingSettings(offset=each, position_min=0, position_max=TICKS_MAX) for each in offsets.tolist()]
        change_all({_Servo(bus, servo_id): each for servo_id, each in zip(self._ids, wanted, strict=True)})

    def close(self) -> None:
        """Close the bus; torque stays as it is."""
        bus, self._bus, self._offsets = self._bus, None, None
        if bus is not None:
            bus.close()

    def _opened(self) -> FeetechBus:
        if self._bus is None:
            raise DeviceLostError(f"{self._config.port} is not open")
        return self._bus

    def _kept_offsets(self) -> list[int]:
        if self._offsets is None:
            bus = self._opened()
            self._offsets = [_Servo(bus, servo_id).read().offset for servo_id in self._ids]
        return self._offsets


class _Servo:
    """The HomedServo of drivers/homing_change.py."""

    def __init__(self, bus: FeetechBus, servo_id: int) -> None:
        self._bus, self._id = bus, servo_id
        self.name = bus.name(servo_id)

    def read(self) -> HomingSettings:
        eeprom = self._bus.read(self._id, 0, registers.EEPROM_BYTES)
        return HomingSettings(
            offset=registers.HOMING_OFFSET.decode(eeprom),
            position_min=registers.POSITION_MIN.decode(eeprom),
            position_max=registers.POSITION_MAX.decode(eeprom),
        )

    def write(self, settings: HomingSettings) -> None:
        # Also where nothing differs: what was written behind a closed lock reads well, and is gone with the power.
        changes: dict[Register, int] = {
            registers.HOMING_OFFSET: settings.offset,
            registers.POSITION_MIN: settings.position_min,
            registers.POSITION_MAX: settings.position_max,
        }
        self._bus.write(self._id, registers.LOCK, UNLOCKED)
        for register, value in changes.items():
            self._bus.write(self._id, register, value)
        if self._bus.read(self._id, registers.LOCK.address, 1)[0] != UNLOCKED:
            raise DeviceError(f"{self.name}: its EEPROM was locked while it was written; was its power cut?")
        self._bus.write(self._id, registers.LOCK, LOCKED)
