"""One emulated CANopen drive, profile CiA 402, and a motor behind it; a CanNode of sim/can/bus.py.

NMT, heartbeats both ways, SYNC, PDOs carrying whatever their mapping says, SDO, EMCY, and the state machine. Only cyclic
synchronous position moves the motor. Positions are counts, `counts_per_rad` of them a radian of the motor.

Undocumented, and so decided here: at SYNC a drive measures first, then takes its targets; a drive that is enabled goes to
whatever target it has, so a driver that does not tell the measured pose first is seen to jump; the reaction to a fault is over
at the next step of time.

Sources: CiA 301; CiA 402-2 / IEC 61800-7-201.
"""

from __future__ import annotations

import struct

from drivers.can.port import CanFrame
from drivers.cia402 import protocol
from drivers.cia402.protocol import CSP, NmtCommand, NmtState, PowerState
from sim.cia402.objects import KINDS, NOT_VALID, SERIAL, factory_objects
from sim.cia402.power import by_itself, next_state
from sim.cia402.sdo_server import CANNOT_BE_MAPPED, NOT_NOW, TOO_LONG_A_PDO, SdoAbort, SdoServer
from sim.motors.motion import Actuators

SUPPLY_V = 48.0
OVER_VOLTAGE_V = 60.0
DC_LINK_OVER_VOLTAGE, FOLLOWING_ERROR, HEARTBEAT_LOST = 0x3210, 0x8611, 0x8130
VOLTAGE_ENABLED, WARNING_REMOTE = 1 << 4, 1 << 9
TPDOS = (0x1800, 0x1801, 0x1802)
RPDO = 0x1400
SYNCHRONOUS_MAX = 240
MS = 1_000_000
STRUCTS = {key: struct.Struct("<" + kind) for key, kind in KINDS.items()}
UNSIGNED = {1: struct.Struct("<B"), 2: struct.Struct("<H"), 4: struct.Struct("<I")}


class EmulatedDrive:
    """Drive `node_id` on motor `index` of `actuators`; `lacking` objects it does not have."""

    def __init__(
        self,
        node_id: int,
        index: int,
        actuators: Actuators,
        counts_per_rad: float,
        *,
        lacking: frozenset[int] = frozenset(),
    ) -> None:
        self.node_id = node_id
        self.supply_v = SUPPLY_V
        self.serial = SERIAL + index
        self._index = index
        self._actuators = actuators
        self._counts_per_rad = counts_per_rad
        self._lacking = lacking
        self._t_ns: int | None = None
        self.power_on()

    @property
    def state(self) -> PowerState:
        """Return the state of the state machine."""
        return self._state

    def power_on(self) -> None:
        """Begin as after a loss of power: everything that was written is forgotten."""
        kept = {
            key: each for key, each in factory_objects(self.node_id, self.serial).items() if key[0] not in self._lacking
        }
        self._server = SdoServer(kept)
        self._state = PowerState.NOT_READY_TO_SWITCH_ON
        self._nmt = NmtState.STARTED
        self._outbox: list[CanFrame] = []
        self._controlword = 0
        self._pending: bytes | None = None  # the RPDO that waits for SYNC
        self._n_syncs = 0
        self._told: dict[int, bytes] = {}  # TPDOs as they were last sent
        self._t_beat_ns = self._t_ns or 0
        self._t_heard_ns: int | None = None  # of the heartbeat that is waited for; None until the first
        self._lasting_fault = 0
        self._look_at_settings()
        self._actuators.set_torque(self._index, enabled=False)
        self._actuators.set_effort_limit(self._index, 1.0)

    def get(self, index: int, subindex: int = 0) -> int:
        """Return an object, a number."""
        data = self._server.objects[index, subindex].data
        (value,) = (STRUCTS.get((index, subindex)) or UNSIGNED[len(data)]).unpack(data)
        return value

    def put(self, index: int, subindex: int, value: int) -> None:
        """Change an object from inside, or as the maker's tool would."""
        kept = self._server.objects.get((index, subindex))
        if kept is not None:
            kept.data = (STRUCTS.get((index, subindex)) or UNSIGNED[len(kept.data)]).pack(value)

    def fail(self, code: int) -> None:
        """Have a fault."""
        self.put(0x603F, 0, code)
        self._server.objects[0x1001, 0].data = b"\x01"
        self._enter(PowerState.FAULT_REACTION_ACTIVE)
        self._outbox.append(CanFrame(protocol.EMCY + self.node_id, struct.pack("<HB5x", code, 1)))

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        """Take in a frame, and return what is said to it."""
        if frame.extended or frame.remote:
            return []
        self._t_ns = t_now_ns
        if frame.can_id == protocol.NMT and len(frame.data) == 2 and frame.data[1] in {0, self.node_id}:
            self._command_nmt(frame.data[0])
        elif frame.can_id == protocol.SYNC:
            self._on_sync()
        elif frame.can_id == protocol.SDO_QUESTION + self.node_id and self._nmt != NmtState.STOPPED:
            self._on_sdo(frame.data)
        elif frame.can_id == self._watched_id and self._patience_ns:
            self._t_heard_ns = t_now_ns
        elif frame.can_id == self._rpdo_id and self._nmt == NmtState.OPERATIONAL:
            self._on_rpdo(frame.data)
        else:
            return []
        self._send_events()
        return self._flush()

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        """Let time pass, and return heartbeats and emergencies."""
        if self._t_ns is None:
            self._t_beat_ns = t_now_ns
        self._t_ns = t_now_ns
        if self._nmt == NmtState.STARTED:
            self._nmt = NmtState.PRE_OPERATIONAL
            self._outbox.append(CanFrame(protocol.HEARTBEAT + self.node_id, bytes((NmtState.STARTED,))))
        self._enter(by_itself(self._state))
        self._watch()
        if self._beat_ns and t_now_ns - self._t_beat_ns >= self._beat_ns:
            self._t_beat_ns = t_now_ns
            self._outbox.append(CanFrame(protocol.HEARTBEAT + self.node_id, bytes((self._nmt,))))
        self._send_events()
        return self._flush()

    def _watch(self) -> None:
        self._lasting_fault = DC_LINK_OVER_VOLTAGE if self.supply_v > OVER_VOLTAGE_V else 0
        is_faulty = self._state in {PowerState.FAULT, PowerState.FAULT_REACTION_ACTIVE}
        if self._patience_ns and (self._t_ns or 0) - (self._t_heard_ns or self._t_ns or 0) > self._patience_ns:
            self._t_heard_ns = None
            if self._abort_is_a_fault:
                self.fail(HEARTBEAT_LOST)
        elif self._lasting_fault and not is_faulty:
            self.fail(self._lasting_fault)
        elif self._follows() and abs(self.get(0x607A) - self._counts()) > self.get(0x6065):
            self.fail(FOLLOWING_ERROR)

    def _follows(self) -> bool:
        return self._state == PowerState.OPERATION_ENABLED and self._mode() == CSP

    def _look_at_settings(self) -> None:
        """Take over what was written about communication."""
        consumer = self.get(0x1016, 1)
        self._watched_id = protocol.HEARTBEAT + (consumer >> 16 & 0x7F)
        self._patience_ns = (consumer & 0xFFFF) * MS
        self._abort_is_a_fault = (0x6007, 0) in self._server.objects and self.get(0x6007) == 1
        self._beat_ns = self.get(0x1017) * MS
        self._rpdo_id = self.get(RPDO, 1) & (NOT_VALID | 0x7FF)
        self._sends_events = any(self.get(parameters, 2) > SYNCHRONOUS_MAX for parameters in TPDOS)

    def _mode(self) -> int:
        return self.get(0x6061)

    def _counts(self) -> int:
        return round(self._actuators.position_rad(self._index) * self._counts_per_rad)

    def _command_nmt(self, command: int) -> None:
        if command == NmtCommand.OPERATIONAL:
            self._nmt = NmtState.OPERATIONAL
            self._n_syncs = 0
        elif command == NmtCommand.PRE_OPERATIONAL:
            self._nmt = NmtState.PRE_OPERATIONAL
        elif command == NmtCommand.STOPPED:
            self._nmt = NmtState.STOPPED
        elif command in {NmtCommand.RESET, NmtCommand.RESET_COMMUNICATION}:
            self.power_on()

    def _on_sdo(self, data: bytes) -> None:
        self._measure()
        refusal = self._refusal(data) if len(data) == 8 and data[0] & 0xE0 == 0x20 else 0
        answer = struct.pack("<B3sI", 0x80, data[1:4], refusal) if refusal else self._server.answer(data)
        self._look_at_settings()
        self._take_over()
        if answer is not None:
            self._outbox.append(CanFrame(protocol.SDO_ANSWER + self.node_id, answer))

    def _refusal(self, request: bytes) -> int:
        """Return why PDOs may not be written so: 0 where they may."""
        index, subindex, count = struct.unpack_from("<HBB", request, 1)
        if not 0x1400 <= index <= 0x1BFF:
            return 0
        if self._nmt == NmtState.OPERATIONAL:
            return NOT_NOW
        if index & 0x200 and not subindex:  # the count, with which a mapping becomes valid
            entries = [self.get(index, entry) for entry in range(1, min(count, 8) + 1)]
            if any((entry >> 16, entry >> 8 & 0xFF) not in self._server.objects for entry in entries):
                return CANNOT_BE_MAPPED
            if sum(entry & 0xFF for entry in entries) > 64:
                return TOO_LONG_A_PDO
        return 0

    def _on_rpdo(self, data: bytes) -> None:
        if self.get(RPDO, 2) <= SYNCHRONOUS_MAX:
            self._pending = data
        else:
            self._unpack(data)

    def _on_sync(self) -> None:
        if self._nmt != NmtState.OPERATIONAL:
            return
        self._measure()
        self._n_syncs += 1
        for parameters in TPDOS:
            transmission = self.get(parameters, 2)
            if 1 <= transmission <= SYNCHRONOUS_MAX and self._n_syncs % transmission == 0:
                self._send_pdo(parameters)
        pending, self._pending = self._pending, None
        if pending is not None:
            self._unpack(pending)

    def _send_events(self) -> None:
        """Send the TPDOs that go out whenever they have changed."""
        if self._nmt != NmtState.OPERATIONAL or not self._sends_events:
            return
        self._measure()
        for parameters in TPDOS:
            if self.get(parameters, 2) > SYNCHRONOUS_MAX and self._told.get(parameters) != self._pack(parameters):
                self._send_pdo(parameters)

    def _send_pdo(self, parameters: int) -> None:
        can_id = self.get(parameters, 1)
        if not can_id & NOT_VALID:
            self._told[parameters] = self._pack(parameters)
            self._outbox.append(CanFrame(can_id & 0x7FF, self._told[parameters]))

    def _mapping(self, parameters: int) -> list[tuple[tuple[int, int], int]]:
        """Return the objects that a PDO carries, and how many bytes each."""
        n_mapped = self._server.objects[parameters + 0x200, 0].data[0]
        entries = [self.get(parameters + 0x200, subindex) for subindex in range(1, n_mapped + 1)]
        return [((entry >> 16, entry >> 8 & 0xFF), (entry & 0xFF) // 8) for entry in entries]

    def _pack(self, parameters: int) -> bytes:
        parts = [self._server.read(key)[:size].ljust(size, b"\0") for key, size in self._mapping(parameters)]
        return b"".join(parts)[:8]

    def _unpack(self, data: bytes) -> None:
        for key, size in self._mapping(RPDO):
            part, data = data[:size], data[size:]
            try:
                self._server.write(key, part)
            except SdoAbort:
                return  # too short, or not to be written
        self._take_over()

    def _measure(self) -> None:
        """Bring the objects that are measured up to date."""
        sign = 1 if self._counts_per_rad > 0 else -1
        self.put(0x6064, 0, self._counts())
        self.put(0x606C, 0, round(self._actuators.velocity_rad_s(self._index) * self._counts_per_rad))
        self.put(0x6077, 0, round(sign * self._actuators.effort_ratio(self._index) * 1000))
        self.put(0x6079, 0, round(self.supply_v * 1000))
        _, bits = self._state.value
        bits |= WARNING_REMOTE | (VOLTAGE_ENABLED if self.supply_v else 0)
        if self._follows():
            bits |= protocol.FOLLOWS_TARGET
        self.put(0x6041, 0, bits)

    def _take_over(self) -> None:
        """Do what the objects that were written say."""
        if self.get(0x6060) != self._mode() and 1 << (self.get(0x6060) - 1) & self.get(0x6502) and self.get(0x6060) > 0:
            self.put(0x6061, 0, self.get(0x6060))
        before, self._controlword = self._controlword, self.get(0x6040)
        was_faulty = self._state == PowerState.FAULT
        self._enter(next_state(self._state, before, self._controlword, fault_lasts=bool(self._lasting_fault)))
        if was_faulty and self._state != PowerState.FAULT:
            self.put(0x603F, 0, 0)
            self._server.objects[0x1001, 0].data = b"\0"
            self._outbox.append(CanFrame(protocol.EMCY + self.node_id, bytes(8)))
        if (0x6072, 0) in self._server.objects:
            self._actuators.set_effort_limit(self._index, min(1.0, self.get(0x6072) / 1000))
        if self._follows():
            self._actuators.set_target_rad(self._index, self.get(0x607A) / self._counts_per_rad)

    def _enter(self, state: PowerState) -> None:
        if state != self._state:
            self._state = state
            drives = state in {PowerState.OPERATION_ENABLED, PowerState.QUICK_STOP_ACTIVE}
            self._actuators.set_torque(self._index, enabled=drives)

    def _flush(self) -> list[CanFrame]:
        frames, self._outbox = self._outbox, []
        return frames
