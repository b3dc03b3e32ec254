"""CANopen drives on a bus: one SYNC a cycle, every wait with a deadline, and what came too late is never taken for new.

A TPDO carries no number, but every SYNC is answered by exactly one of each kind, in order. So those that each drive owes are
counted, and only the one that settles the debt is believed. One that is lost would leave its drive in debt for ever: so at the
end of a cycle that failed, a drive in debt is asked for an object by SDO, each time another one. When that answer comes before
the next SYNC, everything owed has come or is lost: SDO answers have the higher identifiers, so they never overtake a TPDO.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from drivers.can.port import CanFrame, CanPort
from drivers.cia402 import protocol
from drivers.cia402.protocol import Emergency, NmtState
from interfaces.errors import ProtocolError

FENCE_INDEX = 0x1018  # identity; subindices it does not have are answered, too, by an abort that names them
FENCE_SUBINDICES = 250


@dataclass(slots=True)
class Drive:
    """What one drive has said."""

    status: bytes = b""  # TPDO 1 of the latest SYNC; empty where it did not come
    motion: bytes = b""  # TPDO 2
    counts: int | None = None  # position, whenever it was
    millivolts: int | None = None  # of the DC link, from TPDO 3, whenever it was; None where the drive does not tell
    emergency: Emergency | None = None  # not yet taken back
    nmt_state: NmtState | None = None  # None: not heard of
    restarted: bool = False  # it said so, and was not set up since
    n_status_owed: int = 0
    n_motion_owed: int = 0
    fence: int | None = None  # subindex asked for since the latest SYNC


class Cia402Bus:
    """The drives on one port. While `is_beating`, our heartbeat goes out every `beat_ns`, whatever is waited for."""

    def __init__(self, port: CanPort, path: str, names: Mapping[int, str], beat_ns: int) -> None:
        self._port = port
        self._path = path
        self._names = names
        self._beat_ns = beat_ns
        self._t_beat_ns = 0
        self._fences = count()
        # Node ids of drives are theirs; ours is the highest that is free.
        self.own_id = next(node_id for node_id in range(127, 0, -1) if node_id not in names)
        self.is_beating = False
        self.drives = {node_id: Drive() for node_id in names}
        self.on_frame: Callable[[CanFrame], None] | None = None  # hears every frame as well, during set-up

    def name(self, node_id: int) -> str:
        """Return how errors call a drive: node, joint and port."""
        return f"drive {node_id} ({self._names[node_id]}) on {self._path}"

    def now_ns(self) -> int:
        """Return the instant on the clock of the port."""
        return self._port.now_ns()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def send(self, frames: Sequence[CanFrame]) -> None:
        """Send frames, and our heartbeat where it is due."""
        t_now_ns = self.now_ns()
        if self.is_beating and t_now_ns >= self._t_beat_ns:
            self._t_beat_ns = t_now_ns + self._beat_ns
            frames = [protocol.heartbeat(self.own_id), *frames]
        self._port.send(frames)

    def wait(self, until: Callable[[], bool], patience_ns: int) -> bool:
        """Take in what comes until `until` is true, and return whether it became so in time."""
        t_end_ns = self.now_ns() + patience_ns
        self.drain()
        while not until():
            t_wake_ns = min(t_end_ns, self._t_beat_ns) if self.is_beating else t_end_ns
            frame = self._port.receive(t_wake_ns)
            if frame is not None:
                self._take(frame)
            elif self.now_ns() >= t_end_ns:
                return until()
            else:
                self.send(())
        return True

    def drain(self) -> None:
        """Take in what has already come."""
        t_now_ns = self.now_ns()
        while frame := self._port.receive(t_now_ns):
            self._take(frame)

    def cycle(self, targets: Sequence[CanFrame], budget_ns: int) -> list[int]:
        """Send `targets` and SYNC, take in what the drives tell within `budget_ns`, and return which did not."""
        self.drain()
        for drive in self.drives.values():
            drive.status = drive.motion = b""
            drive.n_status_owed += 1
            drive.n_motion_owed += 1
            drive.fence = None
        self.send([*targets, protocol.sync()])
        self.wait(lambda: not self._silent(), budget_ns)
        silent = self._silent()
        for node_id in silent:
            self.drives[node_id].fence = subindex = 1 + next(self._fences) % FENCE_SUBINDICES
            self.send([protocol.sdo_question(node_id, FENCE_INDEX, subindex)])
        return silent

    def forgive(self) -> None:
        """Take all debts for settled: every drive has just answered by SDO what it was asked after the latest SYNC."""
        for drive in self.drives.values():
            drive.n_status_owed = drive.n_motion_owed = 0

    def _silent(self) -> list[int]:
        return [node_id for node_id, drive in self.drives.items() if not (drive.status and drive.motion)]

    def _take(self, frame: CanFrame) -> None:
        if frame.extended or frame.remote:
            return
        if self.on_frame is not None:
            self.on_frame(frame)
        drive = self.drives.get(frame.can_id & protocol.NODE_MASK)
        if drive is None:
            return
        try:
            self._note(drive, frame.can_id & ~protocol.NODE_MASK, frame.data)
        except ProtocolError:
            return  # not what this id carries: somebody else's; the drive's own will come

    def _note(self, drive: Drive, kind: int, data: bytes) -> None:
        """Keep what a drive says; raises ProtocolError where it cannot be that."""
        if kind == protocol.TPDO_1:
            _, drive.counts, _ = protocol.decode_status(data)
            drive.status = data if drive.n_status_owed == 1 else drive.status
            drive.n_status_owed = max(0, drive.n_status_owed - 1)
        elif kind == protocol.TPDO_2:
            protocol.decode_motion(data)
            drive.motion = data if drive.n_motion_owed == 1 else drive.motion
            drive.n_motion_owed = max(0, drive.n_motion_owed - 1)
        elif kind == protocol.TPDO_3:
            drive.millivolts = None if drive.millivolts is None else protocol.decode_millivolts(data)
        elif kind == protocol.EMCY:
            emergency = protocol.decode_emergency(data)
            drive.emergency = emergency if emergency.code else None
        elif kind == protocol.HEARTBEAT:
            drive.nmt_state = protocol.decode_heartbeat(data)
            drive.restarted |= drive.nmt_state == NmtState.STARTED
        elif kind == protocol.SDO_ANSWER and protocol.sdo_subject(data) == (FENCE_INDEX, drive.fence):
            drive.n_status_owed = drive.n_motion_owed = 0
