"""An arm of ODrive axes on one CAN bus, in radians. Protocol: CANSimple, firmware 0.5 and 0.6.

One `exchange` tells every axis its target, with the velocity since the last one fed forward, and asks every axis where it is.
One more question a cycle goes round the axes for what changes slowly: every second one for a current, the others for supply
and temperature in turn. Asking all of it each cycle would double the load; so effort is up to two rounds of the axes old.

Written into the axes, and lost with their power, so at `open` and again at `hold`: a limit of velocity, a little above the
joint's own because an axis beyond its limit lets go, and a limit of current, `effort_max_ratio` of the robot file's
`torque_max_nm` over `torque_constant_nm_a`. Written at `hold` alone, where the target is known to be the measured pose: position
control, input passed through. Gains, encoder, brake and watchdog are the maker's tool's.

The watchdog is what stops an axis when this computer falls silent, so let the maker's tool enable it: every target feeds it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from drivers.bus_budget import BUDGET_RATIO, BusBudget
from drivers.can.load import can_budget, frame_bits_max
from drivers.can.port import CanFrame, CanOpener
from drivers.odrive import protocol
from drivers.odrive.bus import OdriveBus, Question, slow_questions
from drivers.odrive.identity import read_identity
from drivers.odrive.protocol import AxisState, Command, ControlMode, Generation, Heartbeat, InputMode, error_names
from interfaces.arm_config import OdriveConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, RefusedError
from interfaces.messages import JointState, JointVector

SETUP_BUDGET_NS = 200_000_000  # before the arm moves nobody is in a hurry
HEARTBEAT_NS = 100_000_000  # as from the factory
STATE_PATIENCE_NS = 500_000_000  # until a heartbeat tells that an order was carried out
HEARTBEAT_PATIENCE_NS = 1_000_000_000  # an axis that holds, and does not say so for so long, is not known to hold
LISTEN_NS = 120_000_000  # before anything is asked
UNASKED_MAX = 4  # estimates within LISTEN_NS; the factory's setting sends twelve
VELOCITY_MARGIN = 1.25
WAIT_RATIO = 0.9  # of the period, at most
MISSES_MAX = 3
NANO = 1e-9


class OdriveArm:
    """The axes of one robot file, as the Arm of drivers/arm.py."""

    def __init__(self, config: OdriveConfig, open_port: CanOpener | None = None) -> None:
        """Remember the arm; `open_port` makes the port, so that a simulation can put its own in place."""
        self._config = config
        self._open_port = open_port
        self._ids = [joint.node_id for joint in config.joints]
        self._turns_per_rad = config.vector("direction") * config.vector("turns_per_turn") / (2 * math.pi)
        self._home_turns = config.vector("home_turns")
        self._current_max_a = config.vector("torque_max_nm") / config.vector("torque_constant_nm_a")
        # All heartbeats may come within one cycle, and go before everything else: axes that share a supply start together.
        heartbeats_ns = len(self._ids) * frame_bits_max(protocol.ANSWER_BYTES) * 1e9 / config.baud_hz
        self._budget_ns = round(min(BUDGET_RATIO * config.period_ns + heartbeats_ns, WAIT_RATIO * config.period_ns))
        self._bus: OdriveBus | None = None
        self._generations: dict[int, Generation] = {}
        self._slow: Iterator[Question] = iter(())  # what is asked beside the estimates
        self._told: dict[Question, tuple[float, float]] = {}  # the last answers to that
        self._misses: dict[Question, int] = {}
        self._last_turns: JointVector | None = None  # targets of the period before
        self._goal_turns = self._home_turns  # targets last sent
        self._identity: tuple[MotorIdentity, ...] = ()
        self._holding = False
        self._limp: str | None = None  # which axis let go

    def open(self) -> JointState:
        """Open the bus, find every axis, write its limits, and return the measured joints."""
        self.close()
        bus_budget(self._config).require_fit(self._config.port)
        bus = self._open_bus()
        try:
            self._find_axes(bus)
            self._slow = slow_questions(self._generations)
            self._told, self._misses = {}, {}
            bus.send(self._limits())
            self._bus = bus
            return self._cycle((), SETUP_BUDGET_NS, {next(self._slow) for _ in range(4 * len(self._ids))})
        except ForerunError:
            self._bus = None
            bus.close()
            raise

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which axes these are, as read at `open`."""
        self._opened()
        return self._identity

    def torque(self) -> tuple[bool, ...]:
        """Return whether each axis closes its loop, by its next heartbeat: within 0.1 s as from the factory.

        A heartbeat is believed behind the answer to a question asked now. While the arm holds, the targets last sent go out
        again every period: they feed the watchdogs.
        """
        bus = self._opened()
        answers = bus.ask([(node_id, Command.ESTIMATES) for node_id in self._ids], SETUP_BUDGET_NS)
        silent = [bus.name(node_id) for node_id in self._ids if (node_id, Command.ESTIMATES) not in answers]
        if silent:
            raise BusTimeoutError(f"{', '.join(silent)}: no answer in time")
        still = self._targets(self._goal_turns, np.zeros_like(self._goal_turns)) if self._holding else ()
        self._last_turns = None
        self._await(lambda _: True, "holds no more", still)
        return tuple(bus.heartbeats[i][1].state == AxisState.CLOSED_LOOP_CONTROL for i in self._ids)

    def hold(self) -> JointState:
        """Clear errors, make the measured pose the target, then close the loop of every axis, and return that pose."""
        bus = self._opened()
        state = self._cycle((), SETUP_BUDGET_NS, ())
        turns = self._to_turns(state.position_rad)
        bus.send([protocol.clear_errors(node_id) for node_id in self._ids])
        bus.send(self._limits())
        targets = self._targets(turns, np.zeros_like(turns))
        bus.send(targets)
        bus.send([protocol.set_controller_mode(i, ControlMode.POSITION, InputMode.PASSTHROUGH) for i in self._ids])
        bus.send([protocol.set_axis_state(i, AxisState.CLOSED_LOOP_CONTROL) for i in self._ids])
        self._await(
            lambda said: said.state == AxisState.CLOSED_LOOP_CONTROL and not said.errors, "does not hold", targets
        )
        self._holding, self._limp, self._last_turns, self._goal_turns = True, None, turns, turns
        return state

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send the targets, (joint,) rad, and return the measured joints; raises RefusedError before `hold`.

        An axis that let go is noticed by its next heartbeat: DeviceError, until `hold`.
        """
        if not self._holding:
            raise RefusedError(f"{self._config.port}: targets before hold(); the axes could jump to them")
        if position_rad.shape != self._home_turns.shape or not np.isfinite(position_rad).all():
            raise RefusedError(f"{self._config.port}: targets {position_rad} are not {len(self._ids)} finite numbers")
        turns, before = self._to_turns(position_rad), self._last_turns
        turns_s = np.zeros_like(turns) if before is None else (turns - before) * self._config.rate_hz
        self._last_turns = None  # whoever fails does not know how long ago its targets were sent
        self._goal_turns = turns
        state = self._cycle(self._targets(turns, turns_s), self._budget_ns, {next(self._slow)})
        self._last_turns = turns
        self._require_holding()
        return state

    def read(self) -> JointState:
        """Return the measured joints."""
        state = self._cycle((), self._budget_ns, {next(self._slow)} if self._bus else ())
        if self._holding:
            self._require_holding()
        return state

    def release(self) -> None:
        """Let every axis idle; raises BusTimeoutError naming those that do not say that they do."""
        bus = self._opened()
        self._holding = False
        bus.send([protocol.set_axis_state(node_id, AxisState.IDLE) for node_id in self._ids])
        self._await(lambda said: said.state != AxisState.CLOSED_LOOP_CONTROL, "still holds")

    def close(self) -> None:
        """Close the bus; torque stays as it is, unless the axes' watchdogs think otherwise."""
        bus, self._bus, self._holding = self._bus, None, False
        if bus is not None:
            bus.close()

    def _open_bus(self) -> OdriveBus:
        path, baud_hz = self._config.port, self._config.baud_hz
        if self._open_port is None:
            from drivers.can.open_port import open_can

            self._open_port = open_can
        names = {joint.node_id: joint.name for joint in self._config.joints}
        return OdriveBus(self._open_port(path, baud_hz), path, baud_hz, names)

    def _find_axes(self, bus: OdriveBus) -> None:
        bus.wait(lambda: False, LISTEN_NS)
        chatty = [bus.name(node_id) for node_id, count in bus.n_unasked.items() if count > UNASKED_MAX]
        bus.wait(lambda: len(bus.heartbeats) == len(self._ids), STATE_PATIENCE_NS)
        silent = [bus.name(node_id) for node_id in self._ids if node_id not in bus.heartbeats]
        if silent:
            raise BusTimeoutError(
                f"{', '.join(silent)}: no heartbeat; {len(bus.heartbeats)} of {len(self._ids)} axes are heard"
            )
        if chatty:
            raise DeviceError(
                f"{', '.join(chatty)}: tells its position unasked; with the maker's tool set encoder_msg_rate_ms"
                " (firmware 0.5: encoder_rate_ms) of its axis.config.can to 0, and save"
            )
        versions = bus.ask([(node_id, Command.VERSION) for node_id in self._ids], SETUP_BUDGET_NS // 4)
        told = {node_id: protocol.decode_version(data) for (node_id, _), data in versions.items()}
        self._generations = {i: Generation.V0_6 if i in told else Generation.V0_5 for i in self._ids}
        self._identity = read_identity(bus, self._config.joints, told, SETUP_BUDGET_NS // 4)

    def _limits(self) -> list[CanFrame]:
        turns_s = VELOCITY_MARGIN * self._config.vector("velocity_max_rad_s") * np.abs(self._turns_per_rad)
        currents_a = self._config.vector("effort_max_ratio") * self._current_max_a
        values = zip(self._ids, turns_s.tolist(), currents_a.tolist(), strict=True)
        return [protocol.set_limits(node_id, velocity, current) for node_id, velocity, current in values]

    def _targets(self, turns: JointVector, turns_s: JointVector) -> list[CanFrame]:
        values = zip(self._ids, turns.tolist(), turns_s.tolist(), strict=True)
        return [protocol.set_input_position(node_id, target, velocity) for node_id, target, velocity in values]

    def _to_turns(self, position_rad: JointVector) -> JointVector:
        return self._home_turns + position_rad * self._turns_per_rad

    def _opened(self) -> OdriveBus:
        if self._bus is None:
            raise DeviceLostError(f"{self._config.port} is not open")
        return self._bus

    def _cycle(self, orders: Sequence[CanFrame], budget_ns: int, slow: Collection[Question]) -> JointState:
        bus = self._opened()
        estimates = [(node_id, Command.ESTIMATES) for node_id in self._ids]
        t_sent_ns = bus.now_ns()
        answers = bus.ask([*estimates, *slow], budget_ns, orders)
        t_measured_ns = (t_sent_ns + bus.now_ns()) // 2  # they answer one after the other: the middle of that
        silent = [bus.name(question[0]) for question in estimates if question not in answers]
        silent += [bus.name(question[0]) for question in slow if self._misses_too_often(question, answers)]
        if silent:
            raise BusTimeoutError(f"{', '.join(silent)}: no answer in time")
        measured = np.array([protocol.decode_pair(answers[question]) for question in estimates])
        if not np.isfinite(measured).all():
            lost = [bus.name(i) for i, row in zip(self._ids, measured, strict=True) if not np.isfinite(row).all()]
            raise DeviceError(f"{', '.join(lost)}: does not know its position; is its encoder calibrated?")
        return JointState(
            t_measured_ns=t_measured_ns,
            position_rad=(measured[:, 0] - self._home_turns) / self._turns_per_rad,
            velocity_rad_s=measured[:, 1] / self._turns_per_rad,
            effort_ratio=self._config.vector("direction") * self._slow_values(Command.IQ)[:, 1] / self._current_max_a,
            voltage_v=self._slow_values(Command.BUS)[:, 0],
            temperature_degc=np.fmax(*self._slow_values(Command.TEMPERATURE).T),  # inverter or motor, whichever is told
        )

    def _misses_too_often(self, question: Question, answers: dict[Question, bytes]) -> bool:
        """Remember the answer to a slow question, and return whether there was none for several rounds."""
        if question in answers:
            self._told[question] = protocol.decode_pair(answers[question])
            self._misses[question] = 0
            return False
        self._misses[question] = self._misses.get(question, 0) + 1
        return question not in self._told or self._misses[question] >= MISSES_MAX

    def _slow_values(self, command: Command) -> JointVector:
        """Return the last answers, (joint, 2), NaN where there are none."""
        return np.array([self._told.get((node_id, command), (math.nan, math.nan)) for node_id in self._ids])

    def _await(self, done: Callable[[Heartbeat], bool], trouble: str, targets: Sequence[CanFrame] = ()) -> None:
        """Wait until a heartbeat of every axis, from now on, tells that it is done; raises naming those that are not.

        Meanwhile `targets` are sent every period: they feed the watchdogs.
        """
        bus = self._opened()
        t_from_ns = bus.now_ns()

        def undone() -> list[int]:
            said = bus.heartbeats
            return [i for i in self._ids if not (said[i][0] > t_from_ns and done(said[i][1]))]

        while bus.now_ns() < t_from_ns + STATE_PATIENCE_NS:
            bus.send(targets)
            if bus.wait(lambda: not undone(), self._config.period_ns):
                return
        silent = [bus.name(i) for i in undone() if bus.heartbeats[i][0] <= t_from_ns]
        if silent:
            raise BusTimeoutError(f"{', '.join(silent)}: no heartbeat, so perhaps it {trouble}")
        raise DeviceError("; ".join(f"{bus.name(i)} {trouble}: {self._describe(i)}" for i in undone()))

    def _require_holding(self) -> None:
        """Raise DeviceError naming an axis that let go, BusTimeoutError where one no longer says that it holds."""
        bus = self._opened()
        if self._limp is None:
            said = bus.heartbeats
            limp = [i for i in self._ids if said[i][1].errors or said[i][1].state != AxisState.CLOSED_LOOP_CONTROL]
            if limp:
                self._limp = "; ".join(f"{bus.name(i)} let go: {self._describe(i)}" for i in limp)
        if self._limp is not None:
            raise DeviceError(self._limp)
        t_oldest_ns = bus.now_ns() - HEARTBEAT_PATIENCE_NS
        silent = [bus.name(i) for i in self._ids if bus.heartbeats[i][0] < t_oldest_ns]
        if silent:
            raise BusTimeoutError(f"{', '.join(silent)}: no heartbeat for {HEARTBEAT_PATIENCE_NS * NANO:g} s")

    def _describe(self, node_id: int) -> str:
        """Return state and errors of an axis, for people."""
        said, generation = self._opened().heartbeats[node_id][1], self._generations[node_id]
        state = next((str(each.name).lower().replace("_", " ") for each in AxisState if each == said.state), "")
        return f"state {said.state}{f' ({state})' if state else ''}, {error_names(said.errors, generation)}"


def bus_budget(config: OdriveConfig) -> BusBudget:
    """Return what one cycle takes on the wire: targets, questions, answers, one slow question, and heartbeats on the average."""
    n_axes = len(config.joints)
    n_heartbeats = math.ceil(n_axes * config.period_ns / HEARTBEAT_NS)
    return can_budget({8: 2 * n_axes + 1 + n_heartbeats, 0: n_axes + 1}, config)
