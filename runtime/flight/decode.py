"""From the JSON messages of a flight record back to what they were: the other direction of runtime/flight/topics.py. Pure."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.flight import ActionInference, CommandCycle, ForesightInference, Line
from interfaces.messages import (
    ActionChunk,
    CommandState,
    Foresight,
    JointState,
    JointVector,
    StageInput,
    StageInputKind,
)

Fields = dict[str, Any]

_CYCLE_NUMBERS = (
    "sequence", "t_deadline_ns", "t_woke_ns", "t_command_ns", "t_sent_ns", "t_done_ns", "missed", "chunk_sequence", "frame_age_ns",
    "foresight_age_ns",
)  # fmt: skip
_CHUNK_NUMBERS = ("sequence", "t_capture_ns", "t_state_ns", "t_first_ns", "step_ns", "foresight_age_ns")
_INFERENCE_NUMBERS = ("sequence", "chunk_sequence", "foresight_sequence", "t_start_ns", "t_done_ns", "t_state_ns")
_RECORDER_LOSSES = ("overflowed", "rejected", "unwritten", "torn_pictures")
_JOINT_VECTORS = ("position_rad", "velocity_rad_s", "effort_ratio", "voltage_v", "temperature_degc")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameNote:
    """What the record says of one picture, beside its pixels."""

    number: int
    t_capture_ns: int
    t_arrival_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderReport:
    """What the recorder says of itself, once a second; counts since it began."""

    t_ns: int
    lost: dict[str, int]  # what did not get into the record, by kind and reason
    disk_used_bytes: int


def cycle(data: bytes) -> CommandCycle:
    """Return the cycle in `data`; raises ValueError, KeyError or TypeError on anything else, like all below."""
    fields: Fields = json.loads(data)
    return CommandCycle(
        **{name: int(fields[name]) for name in _CYCLE_NUMBERS},
        state=CommandState[fields["state"]],
        why=str(fields["why"]),
        joints=None if fields["joints"] is None else _joints(fields["joints"]),
        commanded_rad=_vector(fields["commanded_rad"]),
        commanded_rad_s=_vector(fields["commanded_rad_s"]),
        commanded_rad_s2=_vector(fields["commanded_rad_s2"]),
        inputs=tuple(_input(told) for told in fields["inputs"]),
    )


def chunk(data: bytes) -> ActionChunk:
    """Return the chunk in `data`."""
    fields: Fields = json.loads(data)
    rows = _vector(fields["position_rad"])
    if rows.ndim != 2:
        raise ValueError(f"position_rad of {rows.ndim} dimensions")
    return ActionChunk(**{name: int(fields[name]) for name in _CHUNK_NUMBERS}, position_rad=rows)


def inference(data: bytes) -> ActionInference:
    """Return the run of the action graph in `data`."""
    fields: Fields = json.loads(data)
    return ActionInference(
        **{name: int(fields[name]) for name in _INFERENCE_NUMBERS},
        joints_rad=_vector(fields["joints_rad"]),
        noise=_vector(fields["noise"]).astype(np.float32),
    )


def foresight(data: bytes) -> ForesightInference:
    """Return the run of the foresight graph in `data`."""
    fields: Fields = json.loads(data)
    tokens = np.frombuffer(base64.b64decode(fields["tokens"]), "<f4").reshape(fields["shape"])
    return ForesightInference(
        sequence=int(fields["sequence"]),
        t_start_ns=int(fields["t_start_ns"]),
        foresight=Foresight(
            sequence=int(fields["foresight_sequence"]),
            instruction=str(fields["instruction"]),
            t_capture_ns=int(fields["t_capture_ns"]),
            t_done_ns=int(fields["t_done_ns"]),
            tokens=tokens.astype(np.float32),
            t_earlier_ns=tuple(int(t_ns) for t_ns in fields.get("t_earlier_ns", ())),
        ),
    )


def frame_note(data: bytes) -> FrameNote:
    """Return what is said of a picture in `data`."""
    fields: Fields = json.loads(data)
    return FrameNote(**{name: int(fields[name]) for name in ("number", "t_capture_ns", "t_arrival_ns")})


def recorder_report(data: bytes) -> RecorderReport:
    """Return the recorder's report in `data`."""
    fields: Fields = json.loads(data)
    return RecorderReport(
        t_ns=int(fields["t_ns"]),
        lost={f"{name} dropped": int(count) for name, count in fields["dropped"].items()}
        | {name: int(fields[name]) for name in _RECORDER_LOSSES},
        disk_used_bytes=int(fields["disk_used_bytes"]),
    )


def log_line(data: bytes, sequence: int, t_ns: int) -> Line:
    """Return the line in `data`, a foxglove.Log in protobuf."""
    fields = _protobuf(data)
    level = fields.get(2, 0)
    return Line(
        sequence=sequence,
        t_ns=t_ns,
        source=_text(fields.get(4, b"")),
        level=10 * level if isinstance(level, int) else 0,  # foxglove counts 1 debug, 2 info, 3 warning, 4 error
        text=_text(fields.get(3, b"")),
    )


def picture_bytes(data: bytes) -> bytes:
    """Return the jpeg or png in `data`, a foxglove.CompressedImage in protobuf; raises ValueError where there is none."""
    picture = _protobuf(data).get(2)
    if not isinstance(picture, bytes):
        raise ValueError("a picture without data")
    return picture


def _joints(fields: Fields) -> JointState:
    vectors = {name: _vector(fields[name]) for name in _JOINT_VECTORS}
    return JointState(t_measured_ns=int(fields["t_measured_ns"]), **vectors)


def _vector(values: Any) -> JointVector:
    vector: NDArray[np.float64] = np.array(values, np.float64)  # null becomes NaN
    return vector


def _input(fields: Fields) -> StageInput:
    return StageInput(
        kind=StageInputKind[fields["kind"]],
        t_ns=int(fields["t_ns"]),
        why=str(fields["why"]),
        chunk_sequence=int(fields["chunk_sequence"]),
    )


def _text(value: int | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _protobuf(data: bytes) -> dict[int, int | bytes]:
    """Return the fields of a protobuf message by number: numbers, and the bytes of everything that has a length."""
    fields: dict[int, int | bytes] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            fields[number], at = _varint(data, at)
            continue
        length, at = _varint(data, at) if wire_type == 2 else ({1: 8, 5: 4}.get(wire_type, len(data) + 1), at)
        if at + length > len(data):
            raise ValueError(f"a field of {length} bytes in a message of {len(data)}")
        fields[number] = data[at : at + length]
        at += length
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("a number without its end")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
