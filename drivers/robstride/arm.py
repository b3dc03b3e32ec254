"""An arm of RobStride motors on one CAN bus, in radians; each joint is a spring and a damper around its target.

One `exchange` is one control frame to every motor and the feedback of each; after it one motor, another each time, is asked for
its supply voltage. Feedback does not say what it answers, but that answer does: it comes to a host id used for one question only.
Once it is there, no older feedback is underway, and the next targets may go out.

Written into the motors at `open`, and lost with their power: the time-out after which a motor that hears nothing lets go, and
the limit of its torque. To write the limit again is how a pose is asked for: nothing else asks without commanding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import cycle

import numpy as np

from drivers.bus_budget import BUDGET_RATIO, BusBudget
from drivers.can.load import can_budget, frame_bits_max
from drivers.can.port import CanFrame, CanOpener, CanPort
from drivers.robstride import protocol
from drivers.robstride.protocol import SPANS, Control, Feedback, Kind, Mode, Parameter
from interfaces.arm_config import RobstrideConfig, RobstrideJoint
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, RefusedError
from interfaces.messages import JointState, JointVector

HOST_ID = 0xFD
ASKING_IDS = range(0x80, 0xFD)  # host ids of questions, another for each: above those of motors, below HOST_ID
SETUP_BUDGET_NS = 200_000_000  # before the arm moves nobody is in a hurry
READ_ATTEMPTS = 3
CLEAR_FAULTS = b"\x01" + bytes(7)
PATIENCE_RATIO = (
    1 / 7
)  # of the time there is, beyond the wire: adapter and operating system; then the missing are asked again


def _open_can(port: str, bitrate_hz: int) -> CanPort:
    from drivers.can.open_port import open_can  # python-can is imported only where there is a real bus

    return open_can(port, bitrate_hz)


class RobstrideArm:
    """The motors of one robot file, as the Arm of drivers/arm.py."""

    def __init__(self, config: RobstrideConfig, open_port: CanOpener = _open_can) -> None:
        """Remember the arm; `open_port` makes the port, so that a simulation can put its own in place."""
        self._config = config
        self._open_port = open_port
        self._joints = {joint.motor_id: joint for joint in config.joints}
        self._direction = config.vector("direction")
        self._zero_rad = config.vector("zero_rad")
        self._torque_max_nm = np.array([SPANS[joint.model].torque_max_nm for joint in config.joints])
        self._frame_ns = round(frame_bits_max(protocol.FRAME_BYTES, extended=True) * 1e9 / config.baud_hz)
        self._budget_ns = round(BUDGET_RATIO * config.period_ns)
        self._asking_ids, self._turns = cycle(ASKING_IDS), cycle(self._joints)
        self._asked: dict[int, tuple[int, int]] = {}  # by host id: motor and parameter, asked for since the last orders
        self._values: dict[tuple[int, int], float] = {}  # by motor and parameter, as last read
        self._serials: dict[int, str] = {}  # by motor
        self._identity: tuple[MotorIdentity, ...] = ()
        self._settled = False  # no feedback is underway
        self._t_measured_ns = 0
        self._port: CanPort | None = None
        self._holding = False

    def open(self) -> JointState:
        """Open the bus, find every motor, write time-out and torque limit, and return the measured joints."""
        self.close()
        bus_budget(self._config).require_fit(self._config.port)
        self._port = self._open_port(self._config.port, self._config.baud_hz)
        try:
            silent = [i for i in self._joints if self._read(i, Parameter.SUPPLY_V) is None]
            if silent:
                raise BusTimeoutError(f"{self._names(silent)}: no answer at {self._config.baud_hz} bit/s")
            self._identity = tuple(self._read_identity(joint) for joint in self._config.joints)
            return self._state(self._set_up())
        except ForerunError:
            self.close()
            raise

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which motors these are, as read at `open`; the models are the robot file's, for no motor tells its own."""
        self._opened()
        return self._identity

    def torque(self) -> tuple[bool, ...]:
        """Return whether each motor runs; asked as a pose is, by writing the limit of its torque again."""
        return tuple(told.mode == Mode.RUN for told in self._cycle(self._limits(), SETUP_BUDGET_NS))

    def hold(self) -> JointState:
        """Clear what is over, make the measured pose the target, then enable torque, and return that pose."""
        told = self._set_up()
        state = self._state(told)
        still = self._targets(state.position_rad)
        limp = [each.motor_id for each in told if each.mode != Mode.RUN]
        for orders in (
            {i: _order(Kind.STOP, i, CLEAR_FAULTS) for i in limp},
            {i: _write(i, Parameter.RUN_MODE, 0) for i in limp},
            {i: still[i] for i in limp},
            {i: _order(Kind.ENABLE, i) for i in limp},
        ):
            self._cycle(orders, SETUP_BUDGET_NS)
        self._require_running(self._cycle(still, SETUP_BUDGET_NS))
        for motor_id in self._joints:
            if mode := self._read(motor_id, Parameter.RUN_MODE):
                raise DeviceError(
                    f"{self._names([motor_id])} runs in mode {mode}, not in control: somebody else drives it"
                )
        self._holding = True
        return state

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send the targets, (joint,) rad, and return the measured joints; raises RefusedError before `hold`.

        A motor that does not run any more hangs limp: DeviceError, until `hold`.
        """
        if not self._holding:
            raise RefusedError(f"{self._config.port}: targets before hold(); the motors could jump to them")
        if position_rad.shape != self._direction.shape or not np.isfinite(position_rad).all():
            raise RefusedError(
                f"{self._config.port}: targets {position_rad} are not {len(self._joints)} finite numbers"
            )
        told = self._cycle(self._targets(position_rad), self._budget_ns)
        self._require_running(told)
        return self._state(told)

    def read(self) -> JointState:
        """Return the measured joints."""
        told = self._cycle(self._limits(), self._budget_ns)
        if self._holding:
            self._require_running(told)
        return self._state(told)

    def release(self) -> None:
        """Stop every motor; raises BusTimeoutError naming those that do not say that they did."""
        self._holding = False
        self._cycle({i: _order(Kind.STOP, i) for i in self._joints}, SETUP_BUDGET_NS)

    def close(self) -> None:
        """Close the bus; torque stays as it is, until the motors' own time-out."""
        port, self._port, self._holding = self._port, None, False
        self._settled = False
        self._asked.clear()
        if port is not None:
            port.close()

    def _set_up(self) -> list[Feedback]:
        """Write what the motors forget with their power, and return their feedback."""
        timeout = round(self._config.motor_timeout_ms * 1e6 / protocol.TIMEOUT_UNIT_NS)
        self._cycle({i: _write(i, Parameter.TIMEOUT, timeout) for i in self._joints}, SETUP_BUDGET_NS)
        for motor_id in self._joints:
            kept = self._read(motor_id, Parameter.TIMEOUT)
            if kept != timeout:
                raise DeviceError(f"{self._names([motor_id])}: its time-out was set to {timeout} and reads {kept}")
        return self._cycle(self._limits(), SETUP_BUDGET_NS)

    # --- the bus

    def _cycle(self, orders: dict[int, CanFrame], budget_ns: int) -> list[Feedback]:
        """Send one order to each of some motors, and return their feedback; raises BusTimeoutError naming the silent."""
        port = self._opened()
        t_end_ns = port.now_ns() + budget_ns
        self._settle(t_end_ns)
        t_sent_ns = port.now_ns()
        self._asked.clear()  # answers to what was asked before these orders say nothing about them
        self._settled = False
        found: dict[int, Feedback] = {}
        patience_ns = round(PATIENCE_RATIO * budget_ns)
        while (missing := orders.keys() - found.keys()) and port.now_ns() < t_end_ns:
            port.send([orders[motor_id] for motor_id in orders if motor_id in missing])
            t_round_ns = port.now_ns() + 2 * len(missing) * self._frame_ns + patience_ns
            self._receive(min(t_end_ns, t_round_ns), lambda: found.keys() >= orders.keys(), found)
            patience_ns *= 2  # a slow bus is not made faster by more questions
        self._t_measured_ns = (t_sent_ns + port.now_ns()) // 2  # they answer one after the other: the middle of that
        # Also after a failure: the answer comes in the pause, and the next cycle can begin at once.
        self._ask(next(i for i in self._turns if i in found or not found), Parameter.SUPPLY_V)
        if missing:
            raise BusTimeoutError(f"{self._names(missing)}: no answer in time")
        return [found[motor_id] for motor_id in orders]

    def _settle(self, t_end_ns: int) -> None:
        """Return once no older feedback is underway; raises BusTimeoutError naming those who were asked about it in vain."""
        port = self._opened()
        self._receive(port.now_ns(), lambda: False)
        patience_ns = round(PATIENCE_RATIO * (t_end_ns - port.now_ns()))
        waited = not self._asked  # what was asked after the last orders may still be answered
        while not self._settled:
            if port.now_ns() >= t_end_ns:
                silent = {motor_id for motor_id, _ in self._asked.values()}
                raise BusTimeoutError(f"{self._names(silent)}: no answer in time")
            if waited:
                self._ask(next(self._turns), Parameter.SUPPLY_V)
            waited = True
            t_round_ns = port.now_ns() + 2 * self._frame_ns + patience_ns
            self._receive(min(t_end_ns, t_round_ns), lambda: self._settled)
            patience_ns *= 2

    def _read(self, motor_id: int, parameter: Parameter) -> float | None:
        """Return a parameter of a motor, None where it does not answer."""
        key = motor_id, parameter
        self._values.pop(key, None)
        for _ in range(READ_ATTEMPTS):
            self._ask(*key)
            self._receive(self._opened().now_ns() + SETUP_BUDGET_NS, lambda: key in self._values)
            if key in self._values:
                return self._values[key]
        return None

    def _read_identity(self, joint: RobstrideJoint) -> MotorIdentity:
        self._serials.pop(joint.motor_id, None)
        for _ in range(READ_ATTEMPTS):
            self._opened().send([_order(Kind.IDENTITY, joint.motor_id)])
            self._receive(self._opened().now_ns() + SETUP_BUDGET_NS, lambda: joint.motor_id in self._serials)
            serial = self._serials.get(joint.motor_id)
            if serial is not None:
                return MotorIdentity(joint=joint.name, motor_id=joint.motor_id, model=joint.model, serial=serial)
        raise BusTimeoutError(f"{self._names([joint.motor_id])}: does not say who it is")

    def _ask(self, motor_id: int, parameter: Parameter) -> None:
        host_id = next(self._asking_ids)
        self._asked[host_id] = motor_id, parameter
        question = protocol.make_frame(Kind.READ, host_id, motor_id, protocol.parameter_data(parameter))
        self._opened().send([question])

    def _receive(self, t_deadline_ns: int, done: Callable[[], bool], found: dict[int, Feedback] | None = None) -> None:
        """Take in what arrives until `done`: answers to questions, and, where it is wanted, feedback."""
        while not done() and (frame := self._opened().receive(t_deadline_ns)) is not None:
            kind, what, host_id = protocol.split_id(frame.can_id)
            joint = self._joints.get(what & 0xFF)
            if joint is None or not frame.extended or frame.remote or len(frame.data) != protocol.FRAME_BYTES:
                continue
            if kind == Kind.FEEDBACK and found is not None:
                found[joint.motor_id] = protocol.parse_feedback(frame, SPANS[joint.model])
            elif kind == Kind.IDENTITY and host_id == protocol.IDENTITY_HOST:
                self._serials[joint.motor_id] = frame.data.hex()
            elif kind == Kind.READ and host_id in self._asked:
                index, value = protocol.parse_parameter(frame)
                if self._asked[host_id] == (joint.motor_id, index):
                    self._values[self._asked[host_id]] = value
                    self._settled = True

    # --- frames and states

    def _targets(self, position_rad: JointVector) -> dict[int, CanFrame]:
        positions = (self._zero_rad + self._direction * position_rad).tolist()
        return {
            joint.motor_id: protocol.control(
                joint.motor_id,
                Control(position, 0.0, joint.stiffness_nm_rad, joint.damping_nm_s_rad, 0.0),
                SPANS[joint.model],
            )
            for joint, position in zip(self._config.joints, positions, strict=True)
        }

    def _limits(self) -> dict[int, CanFrame]:
        limits_nm = (self._config.vector("effort_max_ratio") * self._torque_max_nm).tolist()
        return {
            i: _write(i, Parameter.TORQUE_LIMIT_NM, limit) for i, limit in zip(self._joints, limits_nm, strict=True)
        }

    def _state(self, told: list[Feedback]) -> JointState:
        values = np.array([each[3:] for each in told])  # (joint, 4)
        return JointState(
            t_measured_ns=self._t_measured_ns,
            position_rad=self._direction * (values[:, 0] - self._zero_rad),
            velocity_rad_s=self._direction * values[:, 1],
            effort_ratio=self._direction * values[:, 2] / self._torque_max_nm,
            voltage_v=np.array([self._values[i, Parameter.SUPPLY_V] for i in self._joints]),
            temperature_degc=values[:, 3],
        )

    def _require_running(self, told: list[Feedback]) -> None:
        wrong = [each for each in told if each.faults or each.mode != Mode.RUN]
        if wrong:
            raise DeviceError("; ".join(f"{self._names([each.motor_id])} {protocol.describe(each)}" for each in wrong))

    def _names(self, motor_ids: Iterable[int]) -> str:
        return ", ".join(f"motor {i} ({self._joints[i].name}) on {self._config.port}" for i in sorted(motor_ids))

    def _opened(self) -> CanPort:
        if self._port is None:
            raise DeviceLostError(f"{self._config.port} is not open")
        return self._port


def bus_budget(config: RobstrideConfig) -> BusBudget:
    """Return what one cycle takes on the wire: a target and feedback for each motor, and one question with its answer."""
    return can_budget({protocol.FRAME_BYTES: 2 * len(config.joints) + 2}, config, extended=True)


def _order(kind: Kind, motor_id: int, data: bytes = bytes(8)) -> CanFrame:
    return protocol.make_frame(kind, HOST_ID, motor_id, data)


def _write(motor_id: int, parameter: Parameter, value: float) -> CanFrame:
    return _order(Kind.WRITE, motor_id, protocol.parameter_data(parameter, value))
