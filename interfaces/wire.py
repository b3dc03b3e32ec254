"""The fixed binary layout of what crosses the socket between the policy and the command process.

Every message has one size, so a reader never allocates by what a writer claims: header (magic, version, kind, sequence), then
a payload with room for MAX_JOINTS and MAX_HORIZON. Little endian, packed. Pure: bytes <-> messages, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ProtocolError
from interfaces.messages import ActionChunk, CommandState, JointState

MAGIC = 0x46524E31  # "FRN1"
VERSION = 2
MAX_JOINTS = 16
MAX_HORIZON = 64

KIND_CHUNK = 1
KIND_STATUS = 2

HEADER = [("magic", "<u4"), ("version", "<u2"), ("kind", "<u2"), ("sequence", "<u8")]

CHUNK_LAYOUT = np.dtype(
    [
        *HEADER,
        ("t_capture_ns", "<i8"),
        ("t_state_ns", "<i8"),
        ("t_first_ns", "<i8"),
        ("step_ns", "<i8"),
        ("foresight_age_ns", "<i8"),
        ("n_rows", "<u2"),
        ("n_joints", "<u2"),
        ("position_rad", "<f8", (MAX_HORIZON, MAX_JOINTS)),
    ]
)

JOINTS_FIELDS = [
    ("n_joints", "<u2"),
    ("t_measured_ns", "<i8"),
    ("position_rad", "<f8", (MAX_JOINTS,)),
    ("velocity_rad_s", "<f8", (MAX_JOINTS,)),
    ("effort_ratio", "<f8", (MAX_JOINTS,)),
    ("voltage_v", "<f8", (MAX_JOINTS,)),
    ("temperature_degc", "<f8", (MAX_JOINTS,)),
]

STATUS_LAYOUT = np.dtype([*HEADER, ("state", "<u2"), *JOINTS_FIELDS, ("commanded_rad", "<f8", (MAX_JOINTS,))])


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStatus:
    """What the command process tells the policy process once a period."""

    sequence: int
    state: CommandState
    joints: JointState
    commanded_rad: NDArray[np.float64]  # (joint,) the last joint targets sent to the motors


def encode_chunk(chunk: ActionChunk) -> bytes:
    """Return the bytes of a chunk; raises ProtocolError when it has more rows or joints than the layout holds."""
    n_rows, n_joints = chunk.position_rad.shape
    if not (0 < n_rows <= MAX_HORIZON and 0 < n_joints <= MAX_JOINTS):
        raise ProtocolError(
            f"a chunk of {n_rows} rows x {n_joints} joints; the layout holds 1..{MAX_HORIZON} x 1..{MAX_JOINTS}"
        )
    record = _record(CHUNK_LAYOUT, KIND_CHUNK, chunk.sequence)
    for name in ("t_capture_ns", "t_state_ns", "t_first_ns", "step_ns", "foresight_age_ns"):
        record[name] = getattr(chunk, name)
    record["n_rows"], record["n_joints"] = n_rows, n_joints
    record["position_rad"][0, :n_rows, :n_joints] = chunk.position_rad
    return record.tobytes()


def decode_chunk(data: bytes) -> ActionChunk:
    """Return the chunk in `data`; raises ProtocolError on anything that is not one."""
    record = parse(CHUNK_LAYOUT, KIND_CHUNK, data)
    n_rows, n_joints = int(record["n_rows"]), int(record["n_joints"])
    step_ns = int(record["step_ns"])
    if not (0 < n_rows <= MAX_HORIZON and 0 < n_joints <= MAX_JOINTS and step_ns > 0):
        raise ProtocolError(f"a chunk that claims {n_rows} rows x {n_joints} joints, {step_ns} ns apart")
    return ActionChunk(
        sequence=int(record["sequence"]),
        t_capture_ns=int(record["t_capture_ns"]),
        t_state_ns=int(record["t_state_ns"]),
        t_first_ns=int(record["t_first_ns"]),
        step_ns=step_ns,
        foresight_age_ns=int(record["foresight_age_ns"]),
        position_rad=np.array(record["position_rad"][:n_rows, :n_joints], np.float64),
    )


def encode_status(status: CommandStatus) -> bytes:
    """Return the bytes of a status; raises ProtocolError when it has more joints than the layout holds."""
    n_joints = len(status.joints.position_rad)
    if not 0 < n_joints <= MAX_JOINTS:
        raise ProtocolError(f"a status of {n_joints} joints; the layout holds 1..{MAX_JOINTS}")
    record = _record(STATUS_LAYOUT, KIND_STATUS, status.sequence)
    record["state"], record["n_joints"] = int(status.state), n_joints
    record["t_measured_ns"] = status.joints.t_measured_ns
    for name in ("position_rad", "velocity_rad_s", "effort_ratio", "voltage_v", "temperature_degc"):
        record[name][0, :n_joints] = getattr(status.joints, name)
    record["commanded_rad"][0, :n_joints] = status.commanded_rad
    return record.tobytes()


def decode_status(data: bytes) -> CommandStatus:
    """Return the status in `data`; raises ProtocolError on anything that is not one."""
    record = parse(STATUS_LAYOUT, KIND_STATUS, data)
    n_joints = int(record["n_joints"])
    if not 0 < n_joints <= MAX_JOINTS:
        raise ProtocolError(f"a status that claims {n_joints} joints")
    try:
        state = CommandState(int(record["state"]))
    except ValueError as error:
        raise ProtocolError(f"a status with the unknown state {int(record['state'])}") from error

    def joints(name: str) -> NDArray[np.float64]:
        return np.array(record[name][:n_joints], np.float64)

    return CommandStatus(
        sequence=int(record["sequence"]),
        state=state,
        joints=JointState(
            t_measured_ns=int(record["t_measured_ns"]),
            position_rad=joints("position_rad"),
            velocity_rad_s=joints("velocity_rad_s"),
            effort_ratio=joints("effort_ratio"),
            voltage_v=joints("voltage_v"),
            temperature_degc=joints("temperature_degc"),
        ),
        commanded_rad=joints("commanded_rad"),
    )


def _record(layout: np.dtype[np.void], kind: int, sequence: int) -> NDArray[np.void]:
    record = np.zeros(1, layout)
    record["magic"], record["version"], record["kind"], record["sequence"] = MAGIC, VERSION, kind, sequence
    return record


def parse(layout: np.dtype[np.void], kind: int, data: bytes) -> np.void:
    """Return the record in `data`; raises ProtocolError where size, magic, version or kind are others."""
    if len(data) != layout.itemsize:
        raise ProtocolError(f"a message of {len(data)} bytes; kind {kind} has {layout.itemsize}")
    record: np.void = np.frombuffer(data, layout)[0]
    if int(record["magic"]) != MAGIC:
        raise ProtocolError(f"a message that starts with {int(record['magic']):#x}, not {MAGIC:#x}")
    if int(record["version"]) != VERSION:
        raise ProtocolError(f"a message of version {int(record['version'])}; this program speaks {VERSION}")
    if int(record["kind"]) != kind:
        raise ProtocolError(f"a message of kind {int(record['kind'])} where kind {kind} was expected")
    return record
