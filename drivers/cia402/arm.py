"""An arm of CANopen drives, profile CiA 402, in cyclic synchronous position mode, in radians.

One `exchange` is one RPDO a drive, one SYNC, and the TPDOs that the drives send at it. They take their targets and measure
at that SYNC, all at the same instant: so the measured pose is that before the targets of the same exchange. What is written into
the drives at `open`, and why, stands in setup.py beside this file; how a state that comes late is told from a new one, in bus.py.

Our heartbeat goes out from `hold` on, in every call, and the drives stop by themselves when it is missing for
`motor_timeout_ms`. `open` sends it as well where drives are found driving.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from drivers.bus_budget import BUDGET_RATIO, BusBudget
from drivers.can.load import can_budget, frame_bits_max
from drivers.can.port import CanFrame, CanOpener
from drivers.cia402 import protocol
from drivers.cia402.bus import Cia402Bus
from drivers.cia402.enabling import Enabling, describe, state
from drivers.cia402.protocol import CSP, DRIVING, Controlword, NmtCommand, NmtState, PowerState, power_state
from drivers.cia402.sdo import DriveObjects, PumpedNetwork
from drivers.cia402.setup import (
    BEAT_MS,
    RELATIVE_TORQUE,
    find_drives,
    prepare_drive,
    read_identity,
    slow_every,
    start_drives,
    watch_us,
)
from interfaces.arm_config import Cia402Config
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, ProtocolError, RefusedError
from interfaces.messages import JointState, JointVector

SETUP_BUDGET_NS = 200_000_000  # before the arm moves nobody is in a hurry
RELEASE_PATIENCE_NS = 1_000_000_000  # a brake may have to close first
BEATS_A_TIMEOUT = 4
MISSED_BEATS = 2  # that a drive must be able to bear
MS = 1_000_000
TARGET_BYTES = 6


class Cia402Arm:
    """The drives of one robot file, as the Arm of drivers/arm.py."""

    def __init__(self, config: Cia402Config, open_port: CanOpener | None = None) -> None:
        """Remember the arm; `open_port` makes the port, so that a simulation can put its own in place."""
        self._config = config
        self._open_port = open_port
        self._ids = [joint.node_id for joint in config.joints]
        self._counts_per_rad = config.vector("direction") * config.vector("counts_per_turn") / (2 * math.pi)
        self._home_counts = config.vector("home_counts")
        self._target_ns = round(frame_bits_max(TARGET_BYTES) * 1e9 / config.baud_hz)
        self._budget_ns = round(BUDGET_RATIO * config.period_ns)
        self._bus: Cia402Bus | None = None
        self._objects: dict[int, DriveObjects] = {}
        self._holding = False
        self._goals: dict[int, int] = {}  # counts, the targets last sent
        self._limp: dict[int, str] = {}  # drives that let go, and why
        self._identity: tuple[MotorIdentity, ...] = ()

    def open(self) -> JointState:
        """Open the bus, find every drive, write its settings, and return the measured joints."""
        self.close()
        bus_budget(self._config).require_fit(self._config.port)
        self._require_sane_timeout()
        bus = self._open_bus()
        try:
            network = PumpedNetwork(bus)
            self._objects = {node_id: DriveObjects(network, node_id) for node_id in self._ids}
            find_drives(bus, self._objects)
            bus.is_beating = any(self._is_driving(drive) for drive in self._objects.values())
            self._identity = tuple(read_identity(self._objects[j.node_id], j) for j in self._config.joints)
            self._bus = bus
            self._prepare(self._ids)
            measured = self._cycle((), SETUP_BUDGET_NS)
            self._goals = {i: bus.drives[i].counts or 0 for i in self._ids}
            return measured
        except ForerunError:
            self._bus = None
            bus.close()
            raise

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which drives these are, as read at `open`."""
        self._opened()
        return self._identity

    def torque(self) -> tuple[bool, ...]:
        """Ask each drive for its statusword by SDO, and return whether its power stage drives."""
        self._opened()
        return tuple(self._is_driving(self._objects[node_id]) for node_id in self._ids)

    def hold(self) -> JointState:
        """Reset faults, make the measured pose the target, then enable every drive, and return that pose.

        Drives that have started anew since `open` are set up again first.
        """
        bus = self._opened()
        bus.drain()
        lost = [i for i in self._ids if bus.drives[i].restarted or bus.drives[i].nmt_state != NmtState.OPERATIONAL]
        stopped = [i for i in lost if bus.drives[i].nmt_state == NmtState.STOPPED]  # these do not hear questions
        bus.send([protocol.nmt(NmtCommand.PRE_OPERATIONAL, node_id) for node_id in stopped])
        self._prepare(lost)
        for drive in self._objects.values():
            watch_us(bus, drive, self._config.motor_timeout_ms)
        bus.forgive()
        bus.is_beating = True
        enabling = Enabling(bus, self._config.period_ns)
        enabling.reset_faults()
        enabling.enable()
        self._goals = enabling.goals
        held = self._cycle((), SETUP_BUDGET_NS)
        self._limp = {}
        self._require_holding()
        self._holding = True
        return held

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send the targets, (joint,) rad, and return the measured joints; raises RefusedError before `hold`.

        A drive that let go, by a fault or otherwise, is DeviceError until `hold`, and is told no more to operate.
        """
        if not self._holding:
            raise RefusedError(f"{self._config.port}: targets before hold(); the drives could jump to them")
        if position_rad.shape != self._home_counts.shape or not np.isfinite(position_rad).all():
            raise RefusedError(f"{self._config.port}: targets {position_rad} are not {len(self._ids)} finite numbers")
        counts = np.rint(self._home_counts + position_rad * self._counts_per_rad)
        counts = np.clip(counts, -protocol.COUNTS_MAX - 1, protocol.COUNTS_MAX).astype(np.int64)
        self._goals = dict(zip(self._ids, counts.tolist(), strict=True))
        words = {i: Controlword.SHUTDOWN if i in self._limp else Controlword.ENABLE_OPERATION for i in self._ids}
        measured = self._cycle([protocol.target(i, words[i], self._goals[i]) for i in self._ids], self._budget_ns)
        self._require_holding()
        return measured

    def read(self) -> JointState:
        """Return the measured joints: a SYNC alone."""
        measured = self._cycle((), self._budget_ns)
        if self._holding:
            self._require_holding()
        return measured

    def release(self) -> None:
        """Disable the voltage of every drive; raises BusTimeoutError naming those that do not say so."""
        bus = self._opened()
        self._holding = False
        t_end_ns = bus.now_ns() + RELEASE_PATIENCE_NS
        driving = self._ids
        while driving and bus.now_ns() < t_end_ns:
            # With the last target: the drive takes both, and must not set out for another in its last instant.
            orders = [protocol.target(i, Controlword.DISABLE_VOLTAGE, self._goals[i]) for i in driving]
            silent = bus.cycle(orders, self._budget_ns)
            driving = [i for i in self._ids if i in silent or state(bus, i) in DRIVING]
            bus.wait(lambda: False, self._config.period_ns - self._budget_ns)
        bus.is_beating = False
        for node_id in self._ids:
            if node_id not in driving:
                watch_us(bus, self._objects[node_id], 0)
        if driving:
            names = ", ".join(bus.name(node_id) for node_id in driving)
            raise BusTimeoutError(f"{names}: told to disable its voltage, and does not say that it did")

    def close(self) -> None:
        """Close the bus; torque stays as it is, until the drives miss our heartbeat."""
        bus, self._bus, self._holding = self._bus, None, False
        if bus is not None:
            bus.close()

    def _require_sane_timeout(self) -> None:
        timeout_ns, period_ns = self._config.motor_timeout_ms * MS, self._config.period_ns
        if 0 < timeout_ns < MISSED_BEATS * period_ns:
            raise RefusedError(
                f"{self._config.port}: motor_timeout_ms {self._config.motor_timeout_ms:g} is less than {MISSED_BEATS}"
                f" periods of {period_ns / MS:g} ms: the drives would stop at any delay; raise it, or set it to 0"
            )

    def _open_bus(self) -> Cia402Bus:
        path, baud_hz = self._config.port, self._config.baud_hz
        if self._open_port is None:
            from drivers.can.open_port import open_can

            self._open_port = open_can
        names = {joint.node_id: joint.name for joint in self._config.joints}
        return Cia402Bus(self._open_port(path, baud_hz), path, names, _beat_ns(self._config))

    def _is_driving(self, drive: DriveObjects) -> bool:
        try:
            return power_state(drive.read(0x6041, 0, "H")) in DRIVING
        except ProtocolError as error:
            raise DeviceError(f"{drive.name}: {error}") from error

    def _prepare(self, node_ids: list[int]) -> None:
        bus = self._opened()
        for joint in self._config.joints:
            if joint.node_id in node_ids:
                prepare_drive(bus, self._objects[joint.node_id], joint, self._config)
        start_drives(bus, node_ids)

    def _opened(self) -> Cia402Bus:
        if self._bus is None:
            raise DeviceLostError(f"{self._config.port} is not open")
        return self._bus

    def _cycle(self, targets: Sequence[CanFrame], budget_ns: int) -> JointState:
        bus = self._opened()
        t_measured_ns = bus.now_ns() + len(targets) * self._target_ns  # at the SYNC, which comes after them
        silent = bus.cycle(targets, budget_ns)
        if silent:
            self._raise_silence(silent)
        status = [protocol.decode_status(bus.drives[i].status) for i in self._ids]
        motion = np.array([protocol.decode_motion(bus.drives[i].motion)[0] for i in self._ids], np.float64)
        counts = np.array([position for _, position, _ in status], np.float64)
        torques = np.array([math.nan if torque is None else torque for *_, torque in status], np.float64)
        volts = [bus.drives[i].millivolts for i in self._ids]
        return JointState(
            t_measured_ns=t_measured_ns,
            position_rad=(counts - self._home_counts) / self._counts_per_rad,
            velocity_rad_s=motion / self._counts_per_rad,
            effort_ratio=self._config.vector("direction") * torques / RELATIVE_TORQUE,
            voltage_v=np.array([math.nan if value is None else value * 1e-3 for value in volts]),
            temperature_degc=np.full(len(self._ids), math.nan),  # CiA 402 has no object for it
        )

    def _raise_silence(self, silent: list[int]) -> None:
        """Raise DeviceError for drives that are known not to be operational, BusTimeoutError for those that said nothing."""
        bus = self._opened()
        for node_id in silent:
            says = bus.drives[node_id]
            if says.restarted:
                self._limp[node_id] = f"{bus.name(node_id)} has started anew: was its power cut?"
            elif says.nmt_state not in {NmtState.OPERATIONAL, None}:
                self._limp[node_id] = f"{bus.name(node_id)} is no longer operational (NMT state {says.nmt_state:d})"
        if self._limp:
            raise DeviceError("; ".join(self._limp.values()))
        raise BusTimeoutError(f"{', '.join(bus.name(node_id) for node_id in silent)}: no answer in time")

    def _require_holding(self) -> None:
        """Raise DeviceError naming drives that do not operate in our mode; once noticed, until `hold`."""
        bus = self._opened()
        for node_id in self._ids:
            statusword = protocol.decode_status(bus.drives[node_id].status)[0]
            mode = protocol.decode_motion(bus.drives[node_id].motion)[1]
            if state(bus, node_id) != PowerState.OPERATION_ENABLED:
                self._limp.setdefault(node_id, f"{bus.name(node_id)} let go: {describe(bus, node_id)}")
            elif mode != CSP:
                self._limp.setdefault(node_id, f"{bus.name(node_id)} is in mode {mode}; expected {CSP}")
            elif not statusword & protocol.FOLLOWS_TARGET:
                self._limp.setdefault(node_id, f"{bus.name(node_id)} does not follow its target ({statusword:#06x})")
        if self._limp:
            raise DeviceError("; ".join(self._limp.values()))


def bus_budget(config: Cia402Config) -> BusBudget:
    """Return what one cycle takes on the wire: RPDOs, SYNC, TPDOs, and what is due of heartbeats and slow TPDOs."""
    n_drives = len(config.joints)
    beats = n_drives * config.period_ns / (BEAT_MS * MS) + config.period_ns / _beat_ns(config)
    return can_budget(
        {
            8: n_drives,
            TARGET_BYTES: n_drives,
            5: n_drives,
            4: math.ceil(n_drives / slow_every(config)),
            1: math.ceil(beats),
            0: 1,
        },
        config,
    )


def _beat_ns(config: Cia402Config) -> int:
    return round((config.motor_timeout_ms or BEAT_MS * BEATS_A_TIMEOUT) * MS / BEATS_A_TIMEOUT)
