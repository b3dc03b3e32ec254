"""An arm of Dynamixel X servos on one serial bus, in radians.

What is written into the servos at `open`, and why, stands in drivers/dynamixel/setup.py; the robot file's `home_ticks` and
`direction` are applied here. One `exchange` is one sync write of the goals and one fast sync read of the feedback, or a
plain one where a servo's firmware does not know the fast one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivers.bus_budget import BUDGET_RATIO, BusBudget
from drivers.dynamixel import protocol, registers
from drivers.dynamixel.bus import TURNAROUND_NS, DynamixelBus, Feedback, check_kept
from drivers.dynamixel.fast_read import fast_status_bytes
from drivers.dynamixel.protocol import ALERT, STATUS_BYTES
from drivers.dynamixel.registers import FEEDBACK_BYTES, FEEDBACK_END, MODELS, RAD_PER_TICK, WATCHDOG_NS, Model, Register
from drivers.dynamixel.setup import ServoFrame, check_hardware, describe_hardware_error, prepare_servo, write_motion
from drivers.serial.port import PortOpener, SerialPort
from interfaces.arm_config import DynamixelConfig, DynamixelJoint
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, RefusedError
from interfaces.messages import JointState, JointVector

LOOK_CYCLES = 5  # one register of one servo is asked every so many; an answer takes 0.3 ms
SETUP_BUDGET_NS = 200_000_000  # before the arm moves nobody is in a hurry
# What a servo that follows its goals reads, and what it means where it does not.
LOOKS: tuple[tuple[Register, int, str], ...] = (
    (registers.TORQUE_ENABLE, 0, "hangs limp, its torque is off: was its power cut?"),
    (registers.BUS_WATCHDOG, registers.WATCHDOG_TRIPPED, "stopped by itself: it heard nothing for its time-out"),
)


class DynamixelArm:
    """The servos of one robot file, as the Arm of drivers/arm.py."""

    def __init__(self, config: DynamixelConfig, open_port: PortOpener = SerialPort) -> None:
        """Remember the arm; `open_port` makes the port, so that a simulation can put its own in place."""
        self._config = config
        self._open_port = open_port
        self._ids = [joint.servo_id for joint in config.joints]
        self._names = {joint.servo_id: joint.name for joint in config.joints}
        self._direction = config.vector("direction")
        self._budget_ns = round(BUDGET_RATIO * config.period_ns)
        self._watchdog_counts = -(-round(config.motor_timeout_ms * 1e6) // WATCHDOG_NS)
        self._bus: DynamixelBus | None = None
        self._frames: list[ServoFrame] = []
        self._identity: tuple[MotorIdentity, ...] = ()
        self._home_ticks = np.zeros(len(self._ids))
        self._effort_ratio = np.zeros(len(self._ids))  # worth of one count, signed
        self._holding = False
        self._cycles = self._looks = 0
        self._looks_due = 0  # at once, for a servo that was silent may have lost its power
        self._stopped: str | None = None  # which servo follows its goals no more

    def open(self) -> JointState:
        """Open the bus, find every servo, write its settings, and return the measured joints.

        Raises RefusedError where settings have to be changed of a servo whose torque is on: it locks them.
        """
        self.close()
        bus_budget(self._config).require_fit(self._config.port)
        path, baud_hz = self._config.port, self._config.baud_hz
        bus = DynamixelBus(self._open_port(path, baud_hz), path, baud_hz, self._names)
        try:
            found = find_servos(bus, self._ids, baud_hz)
            self._frames = [
                prepare_servo(bus, joint, MODELS[found[joint.servo_id][0]]) for joint in self._config.joints
            ]
            self._identity = tuple(
                identity_of(joint, frame.model, firmware=found[joint.servo_id][1], homing_offset=frame.homing_offset)
                for joint, frame in zip(self._config.joints, self._frames, strict=True)
            )
            self._home_ticks = np.array([frame.home_ticks for frame in self._frames], np.float64)
            full = np.array([frame.model.effort_full for frame in self._frames], np.float64)
            self._effort_ratio = self._direction / full
            slow = bus.learn_fast()
            if slow is not None:
                bus_budget(self._config, fast=False).require_fit(f"{path}, as {slow} knows no fast sync read")
            self._bus = bus
            return self._state(bus.cycle(b"", SETUP_BUDGET_NS))
        except ForerunError:
            self._bus = None
            bus.close()
            raise

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which servos these are, and the homing offsets they keep, as read at `open`."""
        self._opened()
        return self._identity

    def torque(self) -> tuple[bool, ...]:
        """Ask each servo whether its torque is on; one that shut itself down says no."""
        return torque_of(self._opened(), self._ids)

    def hold(self) -> JointState:
        """Make the measured pose the goal, then enable torque, and return that pose.

        Ends a bus time-out, sets the time-out anew, and raises DeviceError for a servo that shut itself down: only a reboot
        ends that, and that is a person's decision, for the arm may hang on it.
        """
        bus = self._opened()
        self._holding = False
        for servo_id in self._ids:
            check_hardware(bus, servo_id)
            bus.write(servo_id, registers.BUS_WATCHDOG, 0)  # else it would not take a goal
        state = self._state(bus.cycle(b"", SETUP_BUDGET_NS))
        for servo_id, frame, goal in zip(self._ids, self._frames, self._to_ticks(state.position_rad), strict=True):
            if not frame.position_min_ticks <= goal <= frame.position_max_ticks:
                raise DeviceError(
                    f"{bus.name(servo_id)} stands at {goal} ticks, outside its own limits"
                    f" {frame.position_min_ticks}..{frame.position_max_ticks}: it would jump; move it inside by hand"
                )
            write_motion(bus, servo_id, frame)
            bus.write(servo_id, registers.GOAL_POSITION, goal)
        for servo_id, frame in zip(self._ids, self._frames, strict=True):
            bus.write(servo_id, registers.TORQUE_ENABLE, 1)
            check_kept(bus, servo_id, registers.TORQUE_ENABLE, 1)
            bus.write(
                servo_id, registers.GOAL_PWM, frame.goal_pwm
            )  # nobody says that it outlasts torque being switched
            check_kept(bus, servo_id, registers.GOAL_PWM, frame.goal_pwm)
        for servo_id in self._ids:
            bus.write(servo_id, registers.BUS_WATCHDOG, self._watchdog_counts)
        self._state(bus.cycle(b"", SETUP_BUDGET_NS))  # raises what is wrong all the same
        self._holding, self._stopped = True, None
        return state

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send the targets, (joint,) rad, and return the measured joints; raises RefusedError before `hold`.

        A servo whose power was cut for a moment answers again, and hangs limp; servos that heard nothing for their time-out
        take no goals any more: DeviceError, until `hold`.
        """
        if not self._holding:
            raise RefusedError(f"{self._config.port}: targets before hold(); the servos could jump to them")
        if position_rad.shape != self._direction.shape or not np.isfinite(position_rad).all():
            raise RefusedError(f"{self._config.port}: targets {position_rad} are not {len(self._ids)} finite numbers")
        self._check_timeout()
        try:
            state = self._state(self._opened().cycle(self._goals(position_rad), self._budget_ns))
        except BusTimeoutError:
            self._looks_due = len(LOOKS) * len(self._ids)
            raise
        self._look()
        if self._stopped is not None:
            raise DeviceError(self._stopped)
        return state

    def read(self) -> JointState:
        """Return the measured joints."""
        return self._state(self._opened().cycle(b"", self._budget_ns))

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

    def _check_timeout(self) -> None:
        """Notice where the servos, hearing nothing for so long, have stopped by themselves."""
        bus, timeout_ns = self._opened(), self._watchdog_counts * WATCHDOG_NS
        silent_ns = bus.now_ns() - bus.t_told_ns
        if self._stopped is None and 0 < timeout_ns <= silent_ns:
            self._stopped = (
                f"{self._config.port}: nothing was sent for {silent_ns * 1e-6:.0f} ms, and the servos stop after"
                f" {timeout_ns * 1e-6:.0f} ms; hold() starts them anew"
            )

    def _look(self) -> None:
        """Ask one servo after the other, now and then, whether it still follows; after a silence in every cycle."""
        self._cycles += 1
        if self._stopped is not None or (self._cycles % LOOK_CYCLES and not self._looks_due):
            return
        self._looks += 1
        self._looks_due = max(0, self._looks_due - 1)
        i_servo, i_look = divmod(self._looks % (len(LOOKS) * len(self._ids)), len(LOOKS))
        (register, bad, meaning), servo_id = LOOKS[i_look], self._ids[i_servo]
        bus = self._opened()
        if bus.peek(servo_id, register) == bad:
            self._stopped = f"{bus.name(servo_id)} {meaning}"

    def _opened(self) -> DynamixelBus:
        if self._bus is None:
            raise DeviceLostError(f"{self._config.port} is not open")
        return self._bus

    def _to_ticks(self, position_rad: JointVector) -> list[int]:
        ticks = np.rint(self._home_ticks + self._direction * position_rad / RAD_PER_TICK)
        return [int(tick) for tick in ticks]

    def _goals(self, position_rad: JointVector) -> bytes:
        """Return the sync write of the goals; a servo ignores a goal beyond its limits, so they end there."""
        goals = {
            servo_id: min(max(ticks, frame.position_min_ticks), frame.position_max_ticks)
            for servo_id, frame, ticks in zip(self._ids, self._frames, self._to_ticks(position_rad), strict=True)
        }
        goal = registers.GOAL_POSITION
        return protocol.sync_write(goal.address, {servo_id: goal.encode(ticks) for servo_id, ticks in goals.items()})

    def _state(self, feedback: Feedback) -> JointState:
        for servo_id, error in zip(self._ids, feedback.errors.tolist(), strict=True):
            if error:
                raise DeviceError(self._describe_error(servo_id, error))
        frames = feedback.frames
        return JointState(
            t_measured_ns=feedback.t_measured_ns,
            position_rad=self._direction * (frames["position"] - self._home_ticks) * RAD_PER_TICK,
            velocity_rad_s=self._direction * registers.RAD_S_PER_COUNT * frames["velocity"],
            effort_ratio=self._effort_ratio * frames["effort"],
            voltage_v=registers.VOLT_PER_COUNT * frames["voltage"],
            temperature_degc=frames["temperature"].astype(np.float64),
        )

    def _describe_error(self, servo_id: int, error: int) -> str:
        bus = self._opened()
        if error & ALERT and (status := bus.peek(servo_id, registers.HARDWARE_ERROR)):
            return describe_hardware_error(bus.name(servo_id), status)
        return f"{bus.name(servo_id)} reports {protocol.describe_error(error)}"


def bus_budget(config: DynamixelConfig, *, fast: bool = True) -> BusBudget:
    """Return what one cycle takes on the wire: goals and question out, the servos' answer back, a pause before each servo's.

    `fast`: with the fast sync read, which every firmware of the last years knows; the driver finds out at `open`.
    """
    ids = [joint.servo_id for joint in config.joints]
    goals = protocol.sync_write(
        registers.GOAL_POSITION.address, dict.fromkeys(ids, bytes(registers.GOAL_POSITION.size))
    )
    question = protocol.sync_read(FEEDBACK_END - FEEDBACK_BYTES, FEEDBACK_BYTES, ids, fast=fast)
    answer = fast_status_bytes([FEEDBACK_BYTES] * len(ids)) if fast else len(ids) * (STATUS_BYTES + FEEDBACK_BYTES)
    n_bytes = len(goals) + len(question) + answer
    return BusBudget(
        busy_ns=round(n_bytes * 10e9 / config.baud_hz) + len(ids) * TURNAROUND_NS,
        period_ns=config.period_ns,
        made_of=f"{n_bytes} bytes at {config.baud_hz / 1e6:g} Mbit/s, {len(ids)} pauses of {TURNAROUND_NS / 1e3:g} us",
    )


def find_servos(bus: DynamixelBus, servo_ids: Sequence[int], baud_hz: int) -> dict[int, tuple[int, int]]:
    """Return model number and firmware version of each servo; raises BusTimeoutError naming those that do not answer."""
    probed = {servo_id: bus.probe(servo_id) for servo_id in servo_ids}
    silent = [bus.name(servo_id) for servo_id, found in probed.items() if found is None]
    if silent:
        raise BusTimeoutError(
            f"{', '.join(silent)}: no answer at {baud_hz} baud;"
            f" {len(probed) - len(silent)} of {len(probed)} servos answer"
        )
    known = {servo_id: found for servo_id, found in probed.items() if found is not None}
    for servo_id, (model, _) in known.items():
        if model not in MODELS:
            raise DeviceError(f"{bus.name(servo_id)} is model {model}; expected a Dynamixel of the X series")
    return known


def identity_of(joint: DynamixelJoint, model: Model, *, firmware: int, homing_offset: int) -> MotorIdentity:
    """Return which servo it is; these servos have no serial number."""
    return MotorIdentity(
        joint=joint.name,
        motor_id=joint.servo_id,
        model=model.name,
        firmware=str(firmware),
        homing_offset=homing_offset,
    )


def torque_of(bus: DynamixelBus, servo_ids: Sequence[int]) -> tuple[bool, ...]:
    """Return which servos have their torque on."""
    return tuple(bool(bus.read_register(servo_id, registers.TORQUE_ENABLE)) for servo_id in servo_ids)


def release_servos(bus: DynamixelBus, servo_ids: Sequence[int]) -> None:
    """Disable torque, of every servo that still answers; raises BusTimeoutError naming the others."""
    silent = [bus.name(servo_id) for servo_id in servo_ids if not _disable_torque(bus, servo_id)]
    if silent:
        raise BusTimeoutError(f"{', '.join(silent)}: torque could not be disabled, no answer")


def _disable_torque(bus: DynamixelBus, servo_id: int) -> bool:
    """Return whether the servo said that it did."""
    try:
        bus.write(servo_id, registers.TORQUE_ENABLE, 0)
    except BusTimeoutError:
        return False
    return True
