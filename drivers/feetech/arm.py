"""An arm of Feetech servos of the STS and SMS series on one serial bus, in radians.

What is written into the servos at `open`, and why, stands in drivers/feetech/setup.py; the robot file's `home_ticks` and `direction`
are applied here. One `exchange` is one sync write of the goals and one sync read of the feedback. What is used of a servo's
memory, each with its address; 0..39 is EEPROM:

    position, velocity            56, 58         read in every cycle; rad, rad/s
    load                          60             read in every cycle; share of the voltage over the motor, as `effort_ratio`
    voltage, temperature          62, 63         read in every cycle; V, degC
    faults                        error byte     of every answer: voltage, encoder, overheat, overcurrent, overload
    goal position                 42             written in every cycle, and clipped by the servo to its own limits
    torque enable                 40             written by `hold` and `release`; looked at every TORQUE_LOOK_CYCLES
    torque limit                  48             written at `open`, from `effort_max_ratio`
    acceleration, time, speed     41, 44, 46     written at `open`: no profile of the servo's own, the gate has the limits
    EEPROM lock                   55             opened for what differs, and closed again
    return delay, status level    7, 8           written at `open` where they differ
    position limits               9, 11          widened at `open` where they are too narrow
    homing offset, mode, phase    31, 33, 18     read at `open`: allowed for, or refused
    model                         3              read at `open`, drivers/feetech/models.py
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

import numpy as np

from drivers.bus_budget import BUDGET_RATIO, BusBudget
from drivers.feetech import protocol, registers
from drivers.feetech.answers import OpenQuestions
from drivers.feetech.bus import TURNAROUND_NS, FeetechBus
from drivers.feetech.feedback import FEEDBACK_FRAME_BYTES, Feedback
from drivers.feetech.models import ServoModel, require_model
from drivers.feetech.protocol import ServoFault
from drivers.feetech.setup import ServoFrame, prepare_servo
from drivers.serial.port import PortOpener, SerialPort
from interfaces.arm_config import FeetechConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, RefusedError
from interfaces.messages import JointState, JointVector

TORQUE_LOOK_CYCLES = 5  # one servo is asked every so many; an answer takes 0.3 ms
SETUP_BUDGET_NS = 200_000_000  # before the arm moves nobody is in a hurry


class FeetechArm:
    """The servos of one robot file, as the Arm of drivers/arm.py."""

    def __init__(self, config: FeetechConfig, open_port: PortOpener = SerialPort) -> None:
        """Remember the arm; `open_port` makes the port, so that a simulation can put its own in place."""
        self._config = config
        self._open_port = open_port
        self._ids = [joint.servo_id for joint in config.joints]
        self._names = {joint.servo_id: joint.name for joint in config.joints}
        self._budget_ns = round(BUDGET_RATIO * config.period_ns)
        self._questions = OpenQuestions()  # an answer underway outlasts a bus that is closed and opened
        self._bus: FeetechBus | None = None
        self._frames: list[ServoFrame] = []
        self._holding = False
        self._cycles = 0
        self._limp: str | None = None  # which servo let go
        self._write_goals = _goal_writer(self._ids)

    def open(self) -> JointState:
        """Open the bus, find every servo, write its settings, and return the measured joints."""
        self.close()
        bus_budget(self._config).require_fit(self._config.port)
        path, baud_hz = self._config.port, self._config.baud_hz
        bus = FeetechBus(self._open_port(path, baud_hz), path, baud_hz, self._names, self._questions)
        try:
            models = find_servos(bus, self._ids, baud_hz)
            self._frames = [
                prepare_servo(bus, joint, model) for joint, model in zip(self._config.joints, models, strict=True)
            ]
            self._bus = bus
            return self._cycle(b"", SETUP_BUDGET_NS, forgiven=ServoFault.OVERLOAD)
        except ForerunError:
            self._bus = None
            bus.close()
            raise

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which servos these are, and the homing offsets they keep, as read at `open`."""
        self._opened()
        return tuple(frame.identity for frame in self._frames)

    def torque(self) -> tuple[bool, ...]:
        """Ask each servo whether its torque is on."""
        return torque_of(self._opened(), self._ids)

    def hold(self) -> JointState:
        """Make the measured pose the goal, then enable torque, and return that pose.

        An overload that is over ends here: the servo is asked to be where it is, and told anew to hold.
        """
        bus = self._opened()
        state = self._cycle(b"", SETUP_BUDGET_NS, forgiven=ServoFault.OVERLOAD)
        ticks = self._to_ticks(state.position_rad.tolist())
        for servo_id, frame, goal in zip(self._ids, self._frames, ticks, strict=True):
            if not frame.position_min_ticks <= goal <= frame.position_max_ticks:
                raise DeviceError(
                    f"{bus.name(servo_id)} stands at {goal} ticks, outside its own limits"
                    f" {frame.position_min_ticks}..{frame.position_max_ticks}: it would jump; move it inside by hand"
                )
        # Each is told its goal, and reads it back, before any drives: one lost order, and it would jump to a goal of old.
        for servo_id, goal in zip(self._ids, ticks, strict=True):
            bus.write(servo_id, registers.GOAL_POSITION, goal)
        for servo_id in self._ids:
            bus.write(servo_id, registers.TORQUE_ENABLE, 1)
        self._cycle(b"", SETUP_BUDGET_NS)  # raises what is wrong all the same
        self._holding, self._limp = True, None
        return state

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send the targets, (joint,) rad, and return the measured joints; raises RefusedError before `hold`.

        A servo whose power was cut for a moment answers again, and hangs limp: DeviceError, until `hold`.
        """
        if not self._holding:
            raise RefusedError(f"{self._config.port}: targets before hold(); the servos could jump to them")
        targets: list[float] = position_rad.tolist()
        if position_rad.shape != (len(self._ids),) or not all(map(math.isfinite, targets)):
            raise RefusedError(f"{self._config.port}: targets {position_rad} are not {len(self._ids)} finite numbers")
        state = self._cycle(self._write_goals(self._to_ticks(targets)), self._budget_ns)
        self._look_at_torque()
        return state

    def read(self) -> JointState:
        """Return the measured joints."""
        return self._cycle(b"", self._budget_ns)

    def release(self) -> None:
        """Disable torque, of every servo that still answers; raises BusTimeoutError naming the others."""
        bus = self._opened()
        self._holding = False
        release_servos(bus, self._ids)

    def close(self) -> None:
        """Close the bus; torque stays as it is."""
        bus, self._bus, self._holding = self._bus, None, False
        if bus is not None:
            bus.close()

    def _look_at_torque(self) -> None:
        """Ask one servo after the other, now and then, whether it still holds; raises DeviceError naming one that does not."""
        self._cycles += 1
        if self._limp is None and self._cycles % TORQUE_LOOK_CYCLES == 0:
            bus = self._opened()
            servo_id = self._ids[self._cycles // TORQUE_LOOK_CYCLES % len(self._ids)]
            if bus.peek(servo_id, registers.TORQUE_ENABLE) == 0:
                self._limp = f"{bus.name(servo_id)} hangs limp, its torque is off: was its power cut?"
        if self._limp is not None:
            raise DeviceError(self._limp)

    def _opened(self) -> FeetechBus:
        if self._bus is None:
            raise DeviceLostError(f"{self._config.port} is not open")
        return self._bus

    def _to_ticks(self, position_rad: list[float]) -> list[int]:
        return [frame.to_ticks(angle) for frame, angle in zip(self._frames, position_rad, strict=True)]

    def _cycle(self, orders: bytes, budget_ns: int, forgiven: int = 0) -> JointState:
        bus = self._opened()
        feedback, t_measured_ns = bus.cycle(orders, budget_ns, at_once=budget_ns == SETUP_BUDGET_NS)
        faulty = [servo for servo in feedback if servo.error & ~forgiven]
        if faulty:
            raise DeviceError("; ".join(_describe_faults(bus, servo) for servo in faulty))
        pairs = list(zip(self._frames, feedback, strict=True))
        return JointState(
            t_measured_ns=t_measured_ns,
            position_rad=np.array([frame.to_rad(servo.position) for frame, servo in pairs]),
            velocity_rad_s=np.array([frame.to_rad_s(servo.velocity) for frame, servo in pairs]),
            effort_ratio=np.array([frame.direction * servo.load * registers.RATIO_PER_COUNT for frame, servo in pairs]),
            voltage_v=np.array([servo.voltage * registers.VOLT_PER_COUNT for servo in feedback]),
            temperature_degc=np.array([servo.temperature for servo in feedback], np.float64),
        )


def bus_budget(config: FeetechConfig) -> BusBudget:
    """Return what one cycle takes on the wire: goals and question out, one answer a servo back, a pause before each."""
    ids = [joint.servo_id for joint in config.joints]
    goals = protocol.sync_write(
        registers.GOAL_POSITION.address, dict.fromkeys(ids, bytes(registers.GOAL_POSITION.size))
    )
    question = protocol.sync_read(registers.FEEDBACK_ADDRESS, registers.FEEDBACK_BYTES, ids)
    n_bytes = len(goals) + len(question) + len(ids) * FEEDBACK_FRAME_BYTES
    return BusBudget(
        busy_ns=round(n_bytes * 10e9 / config.baud_hz) + len(ids) * TURNAROUND_NS,
        period_ns=config.period_ns,
        made_of=f"{n_bytes} bytes at {config.baud_hz / 1e6:g} Mbit/s, {len(ids)} pauses of {TURNAROUND_NS / 1e3:g} us",
    )


def find_servos(bus: FeetechBus, servo_ids: Sequence[int], baud_hz: int) -> list[ServoModel]:
    """Return the models of the servos; raises BusTimeoutError naming those that do not answer."""
    models = {servo_id: bus.probe(servo_id) for servo_id in servo_ids}
    # Looked for once more, in case it was the machine that was busy.
    models.update({servo_id: bus.probe(servo_id) for servo_id, model in models.items() if model is None})
    silent = [bus.name(servo_id) for servo_id, model in models.items() if model is None]
    if silent:
        raise BusTimeoutError(
            f"{', '.join(silent)}: no answer at {baud_hz} baud;"
            f" {len(models) - len(silent)} of {len(models)} servos answer"
        )
    return [require_model(bus.name(servo_id), model) for servo_id, model in models.items() if model is not None]


def torque_of(bus: FeetechBus, servo_ids: Sequence[int]) -> tuple[bool, ...]:
    """Return which servos have their torque on."""
    return tuple(bus.read(servo_id, registers.TORQUE_ENABLE.address, 1)[0] != 0 for servo_id in servo_ids)


def release_servos(bus: FeetechBus, servo_ids: Sequence[int]) -> None:
    """Disable torque, of every servo that still answers; raises BusTimeoutError naming the others."""
    refusing = [bus.name(servo_id) for servo_id in servo_ids if not _disable_torque(bus, servo_id)]
    if refusing:
        raise BusTimeoutError(f"{', '.join(refusing)}: torque could not be disabled, no answer")


def _disable_torque(bus: FeetechBus, servo_id: int) -> bool:
    """Return whether the servo let go, read back."""
    try:
        bus.write(servo_id, registers.TORQUE_ENABLE, 0)
    except DeviceLostError:
        raise
    except DeviceError:
        return False
    return True


def _describe_faults(bus: FeetechBus, servo: Feedback) -> str:
    return (
        f"{bus.name(servo.servo_id)} reports {protocol.fault_names(servo.error)}"
        f" (load {servo.load * registers.RATIO_PER_COUNT:.0%}, {servo.voltage * registers.VOLT_PER_COUNT:.1f} V,"
        f" {servo.temperature} degC)"
    )


def _goal_writer(servo_ids: list[int]) -> Callable[[list[int]], bytes]:
    """Return a function from goals, in ticks, to the sync write that sends them, made once and filled in place."""
    empty = dict.fromkeys(servo_ids, bytes(registers.GOAL_POSITION.size))
    packet = bytearray(protocol.sync_write(registers.GOAL_POSITION.address, empty))
    goals = struct.Struct("<" + "BH" * len(servo_ids))

    def write_goals(ticks: list[int]) -> bytes:
        goals.pack_into(packet, 7, *(number for pair in zip(servo_ids, ticks, strict=True) for number in pair))
        packet[-1] = protocol.checksum(packet[2:-1])
        return bytes(packet)

    return write_goals
