"""How the messages of a flight record look in JSON, and the schemas that say so. Pure; the other direction is runtime/flight/decode.py.

Numbers survive exactly (Python writes the shortest decimal that reads back as the same float64); NaN, which JSON lacks, is null.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, cast

import numpy as np

from interfaces.flight import ActionInference, CommandCycle, ForesightInference
from interfaces.messages import ActionChunk, Frame, JointState

Fields = dict[str, Any]
Schema = dict[str, Any]


def to_json(fields: Mapping[str, Any]) -> bytes:
    """Return the fields as JSON."""
    try:
        return json.dumps(fields, allow_nan=False).encode()
    except ValueError:  # rare: looking for NaN in every message would cost as much as writing it
        return json.dumps(_without_nan(fields), allow_nan=False).encode()


def cycle_fields(cycle: CommandCycle) -> Fields:
    """Return every field of a cycle; what it was told without the chunks, which have a topic of their own."""
    return _fields(cycle) | {"inputs": [{name: _plain(getattr(one, name)) for name in _INPUT} for one in cycle.inputs]}


def chunk_fields(chunk: ActionChunk) -> Fields:
    """Return every field of a chunk."""
    return _fields(chunk)


def inference_fields(run: ActionInference) -> Fields:
    """Return every field of a run of the action graph."""
    return _fields(run)


def foresight_fields(run: ForesightInference) -> Fields:
    """Return a run of the foresight graph; tokens as base64 of little-endian float32, with their shape."""
    foresight = run.foresight
    earlier = {"t_earlier_ns": list(foresight.t_earlier_ns)} if foresight.t_earlier_ns else {}
    return {
        "sequence": run.sequence,
        "foresight_sequence": foresight.sequence,
        "instruction": foresight.instruction,
        "t_capture_ns": foresight.t_capture_ns,
        "t_start_ns": run.t_start_ns,
        "t_done_ns": foresight.t_done_ns,
        "shape": list(foresight.tokens.shape),
        "tokens": base64.b64encode(np.ascontiguousarray(foresight.tokens, "<f4").tobytes()).decode(),
        **earlier,
    }


def frame_fields(frame: Frame) -> Fields:
    """Return what there is to say of a frame beside its picture."""
    return {name: getattr(frame, name) for name in _FRAME}


_INPUT = ("kind", "t_ns", "why", "chunk_sequence")
_FRAME = ("number", "t_capture_ns", "t_arrival_ns")
_INTEGER: Schema = {"type": "integer"}
_STRING: Schema = {"type": "string"}
_NUMBERS: Schema = {"type": "array", "items": {"type": ["number", "null"]}}
_ROWS: Schema = {"type": "array", "items": _NUMBERS}


def _object(title: str, properties: Mapping[str, Schema]) -> Schema:
    return {"title": title, "type": "object", "properties": dict(properties)}


def _typed(title: str, of: type) -> Schema:
    """Return the schema of a dataclass whose annotations are all known here."""
    return _object(title, {item.name: _BY_ANNOTATION[str(item.type)] for item in dataclasses.fields(of)})


_BY_ANNOTATION: dict[str, Schema] = {
    "int": _INTEGER,
    "str": _STRING,
    "CommandState": _STRING,
    "JointVector": _NUMBERS,
    "JointRows": _ROWS,
    "NDArray[np.float32]": _ROWS,
}
_BY_ANNOTATION["JointState | None"] = _typed("forerun.JointState", JointState) | {"type": ["object", "null"]}
_BY_ANNOTATION["tuple[StageInput, ...]"] = {
    "type": "array",
    "items": _object("forerun.StageInput", {name: _STRING if name in {"kind", "why"} else _INTEGER for name in _INPUT}),
}

CYCLE_SCHEMA = _typed("forerun.Cycle", CommandCycle)
CHUNK_SCHEMA = _typed("forerun.Chunk", ActionChunk)
INFERENCE_SCHEMA = _typed("forerun.ActionInference", ActionInference)
FORESIGHT_SCHEMA = _object(
    "forerun.Foresight",
    {
        **dict.fromkeys(("sequence", "foresight_sequence", "t_capture_ns", "t_start_ns", "t_done_ns"), _INTEGER),
        "instruction": _STRING,
        "shape": {"type": "array", "items": _INTEGER},
        "tokens": {"type": "string", "contentEncoding": "base64"},
        "t_earlier_ns": {"type": "array", "items": _INTEGER},  # only of a policy that looks back
    },
)
FRAME_SCHEMA = _object("forerun.Frame", dict.fromkeys(_FRAME, _INTEGER))
RECORDER_SCHEMA = _object(
    "forerun.Recorder",
    {
        "t_ns": _INTEGER,
        "received": {"type": "object"},
        "dropped": {"type": "object"},
        **dict.fromkeys(("overflowed", "rejected", "unwritten", "torn_pictures", "segments_removed"), _INTEGER),
        **dict.fromkeys(("disk_used_bytes", "disk_limit_bytes", "disk_free_bytes", "segments"), _INTEGER),
        "file": _STRING,
    },
)


def _fields(message: CommandCycle | ActionChunk | ActionInference | JointState) -> Fields:
    return {item.name: _plain(getattr(message, item.name)) for item in dataclasses.fields(message)}


def _plain(value: object) -> Any:
    if isinstance(value, np.ndarray):
        return cast("list[Any]", value.tolist())
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, JointState):
        return _fields(value)
    return value


def _without_nan(value: object) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nan(one) for name, one in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in cast("list[object]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value
