"""All that the command process tells of itself when it is asked (Order.REPORT): one datagram of one size.

It is what `forerun status` shows. Instants are on the monotonic clock of the machine, which its processes share, so whoever asks works out
ages for themselves. Pure: bytes <-> messages, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ProtocolError
from interfaces.messages import CommandState, JointState
from interfaces.wire import HEADER, JOINTS_FIELDS, MAGIC, MAX_JOINTS, VERSION, parse

KIND_REPORT = 22
MAX_TEXT = 160  # bytes of each text

_NUMBERS = {
    "t_report_ns": "<i8",
    "t_started_ns": "<i8",
    "t_state_ns": "<i8",
    "pid": "<u4",
    "rate_asked_hz": "<f8",
    "rate_hz": "<f8",
    "missed": "<u8",
    "late_p99_ns": "<i8",
    "bus_errors": "<u8",
    "bus_errors_in_a_row": "<u4",
    "chunk_sequence": "<i8",
    "chunk_age_ns": "<i8",
    "frame_age_ns": "<i8",
    "t_fault_ns": "<i8",
    "locked_kb": "<u8",
}
_FLAGS = ("dry_run", "bus_lost", "policy_connected")
_TEXTS = ("robot", "why", "bus_fault", "last_fault", "realtime", "estop_pressed")
_VECTORS = ("position_rad", "velocity_rad_s", "effort_ratio", "voltage_v", "temperature_degc")

_LAYOUT = np.dtype(
    [
        *HEADER,
        ("state", "<u2"),
        *_NUMBERS.items(),
        *((name, "<u2") for name in _FLAGS),
        *((name, f"S{MAX_TEXT}") for name in _TEXTS),
        *JOINTS_FIELDS,
        ("commanded_rad", "<f8", (MAX_JOINTS,)),
    ]
)
REPORT_BYTES = _LAYOUT.itemsize


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReport:
    """The command process at one instant."""

    sequence: int  # of the period
    t_report_ns: int  # when it was made
    t_started_ns: int  # when the loop began
    pid: int
    robot: str  # its name in the robot file
    dry_run: bool  # nothing is sent to the motors
    state: CommandState
    why: str  # what led to the state
    t_state_ns: int  # since when
    n_joints: int
    joints: JointState | None  # the newest; None before they were ever measured
    commanded_rad: NDArray[np.float64]  # (joint,) NaN before the first command
    rate_asked_hz: float
    rate_hz: float  # commands in the last second
    missed: int  # periods since the start that passed without a command
    late_p99_ns: int  # of the commands in the last second, after their beat; -1 where there was none
    bus_lost: bool
    bus_fault: str  # what the bus said last when it failed; empty where it never did
    bus_errors: int  # failed cycles since the start
    bus_errors_in_a_row: int
    policy_connected: bool
    chunk_sequence: int  # of the chunk that is followed; 0 where none is
    chunk_age_ns: int  # of the joint state behind it, now; -1 where none
    frame_age_ns: int  # of the frame behind it, now; -1 where none
    last_fault: str  # why the last FAULT was; kept when it is cleared, empty where there was none
    t_fault_ns: int  # 0 where there was none
    realtime: str  # what the operating system gave, as "FIFO 60, core 1, memory locked"
    locked_kb: int  # of address space; 0 where memory is not locked
    estop_pressed: str  # which input keeps the emergency stop; empty where none does

    @property
    def uptime_s(self) -> float:
        """Return how long the loop has run."""
        return (self.t_report_ns - self.t_started_ns) * 1e-9

    @property
    def joints_age_ns(self) -> int | None:
        """Return how old the measured joints were when the report was made; None where there were none."""
        return None if self.joints is None else self.t_report_ns - self.joints.t_measured_ns


class ReportEncoder:
    """Writes reports into memory of its own, again and again: the command loop sets nothing aside while it runs."""

    def __init__(self) -> None:
        """Set up for reports of any arm."""
        self._bytes = bytearray(REPORT_BYTES)
        self._fields = np.frombuffer(self._bytes, _LAYOUT)[0]
        self._fields["magic"], self._fields["version"], self._fields["kind"] = MAGIC, VERSION, KIND_REPORT
        self._view = memoryview(self._bytes)

    def encode(self, report: CommandReport) -> memoryview:
        """Return the bytes of a report, valid until the next call; texts that are too long are cut.

        Raises ProtocolError for more joints than the layout holds.
        """
        put, n = self._fields, report.n_joints
        if not 0 < n <= MAX_JOINTS:
            raise ProtocolError(f"a report of {n} joints; the layout holds 1..{MAX_JOINTS}")
        put["sequence"], put["state"], put["n_joints"] = report.sequence, int(report.state), n
        for name in (*_NUMBERS, *_FLAGS):
            put[name] = getattr(report, name)
        for name in _TEXTS:
            put[name] = getattr(report, name).encode(errors="replace")[:MAX_TEXT]
        put["t_measured_ns"] = 0 if report.joints is None else report.joints.t_measured_ns
        for name in _VECTORS:
            put[name][:n] = np.nan if report.joints is None else getattr(report.joints, name)
        put["commanded_rad"][:n] = report.commanded_rad
        return self._view


def decode_report(data: bytes) -> CommandReport:
    """Return the report in `data`; raises ProtocolError on anything that is not one."""
    record = parse(_LAYOUT, KIND_REPORT, data)
    n = int(record["n_joints"])
    if not 0 < n <= MAX_JOINTS:
        raise ProtocolError(f"a report that claims {n} joints")
    try:
        state = CommandState(int(record["state"]))
    except ValueError as error:
        raise ProtocolError(f"a report with the unknown state {int(record['state'])}") from error
    values: dict[str, Any] = {name: record[name].item() for name in _NUMBERS}
    values |= {name: bool(record[name]) for name in _FLAGS}
    values |= {name: bytes(record[name]).decode(errors="replace") for name in _TEXTS}
    return CommandReport(
        **values,
        sequence=int(record["sequence"]),
        state=state,
        n_joints=n,
        joints=_joints(record, n),
        commanded_rad=np.array(record["commanded_rad"][:n], np.float64),
    )


def _joints(record: np.void, n: int) -> JointState | None:
    t_measured_ns = int(record["t_measured_ns"])
    if t_measured_ns == 0:
        return None
    vectors = {name: np.array(record[name][:n], np.float64) for name in _VECTORS}
    return JointState(t_measured_ns=t_measured_ns, **vectors)
