"""An arm of Damiao motors on one CAN bus, in MIT mode, in radians.

One `exchange` is one MIT command to every motor, and the feedback of each. Beside this file: setup.py, what is checked and set
at `open`; spring.py, how a target becomes a command; bus.py, what keeps old answers apart. The robot file's `zero_rad` and
`direction` are applied here. Motors tell no voltage; their temperature is the higher one of power bridge and rotor.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from drivers.bus_budget import BUDGET_RATIO, BusBudget
from drivers.can.load import can_budget
from drivers.can.port import CanFrame, CanOpener, CanPort
from drivers.damiao import protocol
from drivers.damiao.bus import BusMotor, DamiaoBus
from drivers.damiao.protocol import POSITION_STEPS, RANGES, Feedback, MitCommand, MotorState, state_name
from drivers.damiao.setup import offset_rad, prepare_motor, read_identity
from drivers.damiao.spring import Springs
from interfaces.arm_config import DamiaoConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, RefusedError
from interfaces.messages import JointState, JointVector

SETUP_BUDGET_NS = 100_000_000  # before the arm moves nobody is in a hurry
RELEASE_ATTEMPTS = 3
RELEASE_BUDGET_NS = 20_000_000  # the order itself is out at once; this is to be sure of it
_NOT_DRIVING = frozenset((MotorState.DISABLED, MotorState.ENABLED, MotorState.LOST_COMMUNICATION))
_DRIVING = frozenset((MotorState.ENABLED,))


def _open_can(port: str, bitrate_hz: int) -> CanPort:
    from drivers.can.open_port import open_can  # python-can is imported only where there is a real bus

    return open_can(port, bitrate_hz)


class DamiaoArm:
    """The motors of one robot file, as the Arm of drivers/arm.py."""

    def __init__(self, config: DamiaoConfig, open_port: CanOpener = _open_can) -> None:
        """Remember the arm; `open_port` makes the port, so that a simulation can put its own in place."""
        self._config = config
        self._open_port = open_port
        self._spans = [RANGES[joint.model] for joint in config.joints]
        self._motors = [
            BusMotor(joint.name, joint.motor_id, joint.feedback_id, span)
            for joint, span in zip(config.joints, self._spans, strict=True)
        ]
        self._direction = config.vector("direction")
        self._torque_max_nm = np.array([span.torque_max_nm for span in self._spans])
        # The maker cuts down to a whole step; half a step more is the nearest one.
        self._half_step_rad = np.array([span.position_max_rad / POSITION_STEPS for span in self._spans])
        self._budget_ns = round(BUDGET_RATIO * config.period_ns)
        self._springs = Springs(config)
        self._bus: DamiaoBus | None = None
        self._offset_rad = np.zeros(len(self._motors))  # reading of a motor at 0 rad of its joint
        self._state: JointState | None = None  # as last measured
        self._told: list[Feedback] = []
        self._identity: tuple[MotorIdentity, ...] = ()
        self._t_sent_ns = 0
        self._holding = False

    def open(self) -> JointState:
        """Open the bus, find every motor, set mode and time-out, and return the measured joints; torque stays as it is."""
        self.close()
        bus_budget(self._config).require_fit(self._config.port)
        path, bitrate_hz = self._config.port, self._config.baud_hz
        bus = DamiaoBus(self._open_port(path, bitrate_hz), path, bitrate_hz, self._motors)
        try:
            self._find_motors(bus)
            joints = self._config.joints
            self._identity = tuple(read_identity(bus, i, joint) for i, joint in enumerate(joints))
            state = self._prepare(bus, spared=())
        except ForerunError:
            bus.close()
            raise
        self._bus = bus
        return state

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which motors these are, as read at `open`."""
        self._opened()
        return self._identity

    def torque(self) -> tuple[bool, ...]:
        """Ask each motor for its feedback, which tells whether it is enabled; commands nothing."""
        bus = self._opened()
        told, _ = bus.cycle(bus.refresh(), SETUP_BUDGET_NS)
        return tuple(each.state == MotorState.ENABLED for each in told)

    def hold(self) -> JointState:
        """Make the measured pose the target, then enable torque, and return that pose.

        A motor that let go because nobody commanded it is told to forget that; any other fault is raised.
        """
        bus = self._opened()
        self._holding = False
        # A motor that lost its power has forgotten mode, time-out and whole turns; one that drives has not lost it.
        state = self._prepare(bus, spared=_DRIVING)
        driving = self._driving
        forgotten = [i for i, told in enumerate(self._told) if told.state == MotorState.LOST_COMMUNICATION]
        if forgotten:
            bus.tell([protocol.order(self._motors[i].motor_id, protocol.CLEAR) for i in forgotten])
        torque_nm = np.where(driving, state.effort_ratio * self._torque_max_nm, 0.0)
        self._springs.start(state.position_rad, torque_nm)
        still = self._commands(state.position_rad, state, 1)
        bus.cycle(still, SETUP_BUDGET_NS)
        enables = [protocol.order(motor.motor_id, protocol.ENABLE) for motor in self._motors]
        bus.cycle(
            [command if on else enable for command, enable, on in zip(still, enables, driving, strict=True)],
            SETUP_BUDGET_NS,
        )
        self._t_sent_ns = bus.now_ns()
        self._measure(bus, still, SETUP_BUDGET_NS, _DRIVING)
        self._holding = True
        return state

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send the targets, (joint,) rad, and return the measured joints; raises RefusedError before `hold`.

        A motor that does not drive any more, after a cut of its power or by its own time-out, hangs limp: DeviceError, until
        `hold`.
        """
        if not self._holding or self._state is None:
            raise RefusedError(f"{self._config.port}: targets before hold(); the motors could jump to them")
        if position_rad.shape != self._direction.shape or not np.isfinite(position_rad).all():
            raise RefusedError(
                f"{self._config.port}: targets {position_rad} are not {len(self._motors)} finite numbers"
            )
        bus = self._opened()
        t_now_ns = bus.now_ns()
        n_periods = max(1, round((t_now_ns - self._t_sent_ns) / self._config.period_ns))
        self._t_sent_ns = t_now_ns
        commands = self._commands(position_rad, self._state, n_periods)
        state = self._measure(bus, commands, self._budget_ns, _DRIVING)
        self._springs.learn(state.position_rad)
        return state

    def read(self) -> JointState:
        """Return the measured joints. The motors' own time-out runs on."""
        bus = self._opened()
        return self._measure(bus, bus.refresh(), self._budget_ns, _DRIVING if self._holding else _NOT_DRIVING)

    def release(self) -> None:
        """Disable torque, of every motor that still answers; raises BusTimeoutError naming the others."""
        bus = self._opened()
        self._holding = False
        limp = [False] * len(self._motors)
        disable = [protocol.order(motor.motor_id, protocol.DISABLE) for motor in self._motors]
        for _ in range(RELEASE_ATTEMPTS):
            found, _ = bus.ask(disable, RELEASE_BUDGET_NS)
            for i, told in enumerate(found):
                limp[i] |= told is not None and told.state != MotorState.ENABLED
            if all(limp):
                return
        silent = bus.names(i for i, done in enumerate(limp) if not done)
        raise BusTimeoutError(f"{silent}: torque could not be disabled, no answer")

    def close(self) -> None:
        """Close the bus; torque stays as it is, until the motors' own time-out."""
        bus, self._bus, self._holding = self._bus, None, False
        if bus is not None:
            bus.close()

    def _find_motors(self, bus: DamiaoBus) -> None:
        silent = [i for i in range(len(self._motors)) if not bus.probe(i)]
        if silent:
            raise BusTimeoutError(
                f"{bus.names(silent)}: no answer at {self._config.baud_hz} bit/s;"
                f" {len(self._motors) - len(silent)} of {len(self._motors)} motors answer"
            )

    def _prepare(self, bus: DamiaoBus, spared: Collection[int]) -> JointState:
        """Check and set motors that are in no state of `spared`, find out every one's turn, and return the measured joints."""
        told, _ = bus.cycle(bus.refresh(), SETUP_BUDGET_NS)
        for i, joint in enumerate(self._config.joints):
            if told[i].state not in spared:
                prepare_motor(bus, i, joint, self._config.motor_timeout_ms, told[i].state)
            self._offset_rad[i] = offset_rad(joint, told[i].position_rad, bus.name(i))
        return self._measure(bus, bus.refresh(), SETUP_BUDGET_NS, _NOT_DRIVING)

    def _commands(self, target_rad: JointVector, state: JointState, n_periods: int) -> list[CanFrame]:
        position, velocity, torque = self._springs.toward(
            target_rad, state.position_rad, state.velocity_rad_s, n_periods
        )
        columns = zip(
            (self._offset_rad + self._half_step_rad + self._direction * position).tolist(),
            (self._direction * velocity).tolist(),
            self._springs.stiffness_nm_rad.tolist(),
            self._springs.damping_nm_s_rad.tolist(),
            (self._direction * torque).tolist(),
            strict=True,
        )
        return [
            protocol.mit_command(motor.motor_id, MitCommand(*values), motor.span)
            for motor, values in zip(self._motors, columns, strict=True)
        ]

    def _measure(
        self, bus: DamiaoBus, questions: list[CanFrame], budget_ns: int, allowed: frozenset[MotorState]
    ) -> JointState:
        told, t_measured_ns = bus.cycle(questions, budget_ns)
        self._told = told
        values = np.array([(each.position_rad, each.velocity_rad_s, each.torque_nm) for each in told])
        self._state = JointState(
            t_measured_ns=t_measured_ns,
            position_rad=self._direction * (values[:, 0] - self._offset_rad),
            velocity_rad_s=self._direction * values[:, 1],
            effort_ratio=self._direction * values[:, 2] / self._torque_max_nm,
            voltage_v=np.full(len(told), np.nan),
            temperature_degc=np.array([max(each.bridge_degc, each.rotor_degc) for each in told], np.float64),
        )
        wrong = [i for i, each in enumerate(told) if each.state not in allowed]
        if wrong:
            raise DeviceError("; ".join(_describe(bus.name(i), told[i]) for i in wrong))
        return self._state

    @property
    def _driving(self) -> list[bool]:
        return [told.state == MotorState.ENABLED for told in self._told]

    def _opened(self) -> DamiaoBus:
        if self._bus is None:
            raise DeviceLostError(f"{self._config.port} is not open")
        return self._bus


def bus_budget(config: DamiaoConfig) -> BusBudget:
    """Return what one cycle takes on the wire: a command to every motor, and the feedback of each, as many bits as can be."""
    return can_budget({protocol.FRAME_BYTES: 2 * len(config.joints)}, config)


def _describe(name: str, told: Feedback) -> str:
    if told.state == MotorState.DISABLED:
        return f"{name} hangs limp, its torque is off: was its power cut?"
    if told.state == MotorState.LOST_COMMUNICATION:
        return f"{name} hangs limp: it let go because it was not commanded for longer than its time-out"
    return (
        f"{name} reports {state_name(told.state)}"
        f" ({round(told.torque_nm, 1) + 0.0:.1f} Nm, bridge {told.bridge_degc} degC, rotor {told.rotor_degc} degC)"
    )
