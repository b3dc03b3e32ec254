"""What the processes tell the recorder: one message a command period, and one for each inference and each line said.

Messages start with the header of interfaces/wire.py; the sequence counts what its sender wanted to send, so that a gap is what got
lost on the way. Chunks go to the recorder as the very bytes that the command process took. No pictures: those lie in shared memory
(runtime/flight/frame_ring.py). Pure: bytes <-> messages, no I/O.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ProtocolError
from interfaces.flight import ActionInference, CommandCycle, ForesightInference, Line
from interfaces.messages import CommandState, Foresight, JointState, JointVector, StageInput, StageInputKind
from interfaces.wire import HEADER, JOINTS_FIELDS, MAGIC, MAX_HORIZON, MAX_JOINTS, VERSION, parse

KIND_CYCLE = 10
KIND_INFERENCE = 11
KIND_FORESIGHT = 12
KIND_LINE = 13
MAX_INPUTS = 8
MAX_WHY = 160  # bytes of text
MAX_LINE = 1000
MAX_SOURCE = 32
MAX_INSTRUCTION = 64
MAX_EARLIER = 256  # frames before the newest, of all cameras
MAX_MESSAGE = 128 * 1024  # of any kind: a reader's buffer

_INPUT = np.dtype([("kind", "<u2"), ("t_ns", "<i8"), ("chunk_sequence", "<u8"), ("why", f"S{MAX_WHY}")])

CYCLE_LAYOUT = np.dtype(
    [
        *HEADER,
        ("t_deadline_ns", "<i8"),
        ("t_woke_ns", "<i8"),
        ("t_command_ns", "<i8"),
        ("t_sent_ns", "<i8"),
        ("t_done_ns", "<i8"),
        ("missed", "<u4"),
        ("state", "<u2"),
        ("why", f"S{MAX_WHY}"),
        ("chunk_sequence", "<i8"),
        ("frame_age_ns", "<i8"),
        ("foresight_age_ns", "<i8"),
        *JOINTS_FIELDS,
        ("commanded_rad", "<f8", (MAX_JOINTS,)),
        ("commanded_rad_s", "<f8", (MAX_JOINTS,)),
        ("commanded_rad_s2", "<f8", (MAX_JOINTS,)),
        ("n_inputs", "<u2"),
        ("inputs", _INPUT, (MAX_INPUTS,)),
    ]
)

INFERENCE_LAYOUT = np.dtype(
    [
        *HEADER,
        ("chunk_sequence", "<u8"),
        ("foresight_sequence", "<u8"),
        ("t_start_ns", "<i8"),
        ("t_done_ns", "<i8"),
        ("t_state_ns", "<i8"),
        ("n_rows", "<u2"),
        ("n_joints", "<u2"),
        ("joints_rad", "<f8", (MAX_JOINTS,)),
        ("noise", "<f4", (MAX_HORIZON, MAX_JOINTS)),
    ]
)

FORESIGHT_LAYOUT = np.dtype(
    [
        *HEADER,
        ("foresight_sequence", "<u8"),
        ("t_capture_ns", "<i8"),
        ("t_start_ns", "<i8"),
        ("t_done_ns", "<i8"),
        ("instruction", f"S{MAX_INSTRUCTION}"),
        ("n_tokens", "<u4"),
        ("n_features", "<u4"),
    ]
)  # then the tokens, n_tokens * n_features of <f4, and the instants of the earlier frames, each <i8

LINE_LAYOUT = np.dtype(
    [*HEADER, ("t_ns", "<i8"), ("source", f"S{MAX_SOURCE}"), ("level", "<u2"), ("text", f"S{MAX_LINE}")]
)


class CycleEncoder:
    """Writes cycles into memory of its own, again and again: the command loop sets nothing aside while it runs."""

    def __init__(self, n_joints: int) -> None:
        """Set up for an arm of `n_joints`."""
        self._bytes = bytearray(CYCLE_LAYOUT.itemsize)
        self._fields = np.frombuffer(self._bytes, CYCLE_LAYOUT)[0]
        self._fields["magic"], self._fields["version"], self._fields["kind"] = MAGIC, VERSION, KIND_CYCLE
        self._n_joints = n_joints
        self._view = memoryview(self._bytes)

    def encode(self, cycle: CommandCycle) -> memoryview:
        """Return the bytes of a cycle, valid until the next call; inputs beyond MAX_INPUTS are left out."""
        fields, n = self._fields, self._n_joints
        for name in _CYCLE_NUMBERS:
            fields[name] = getattr(cycle, name)
        fields["state"], fields["why"] = int(cycle.state), _bytes(cycle.why, MAX_WHY)
        fields["n_joints"] = n
        fields["t_measured_ns"] = 0 if cycle.joints is None else cycle.joints.t_measured_ns
        if cycle.joints is not None:
            for name in _JOINT_VECTORS:
                fields[name][:n] = getattr(cycle.joints, name)
        for name in ("commanded_rad", "commanded_rad_s", "commanded_rad_s2"):
            fields[name][:n] = getattr(cycle, name)
        fields["n_inputs"] = min(len(cycle.inputs), MAX_INPUTS)
        for row, told in zip(fields["inputs"], cycle.inputs, strict=False):
            row["kind"], row["t_ns"] = int(told.kind), told.t_ns
            row["chunk_sequence"], row["why"] = told.chunk_sequence, _bytes(told.why, MAX_WHY)
        return self._view


def decode_cycle(data: bytes) -> CommandCycle:
    """Return the cycle in `data`; raises ProtocolError on anything that is not one."""
    record = parse(CYCLE_LAYOUT, KIND_CYCLE, data)
    n, n_inputs = int(record["n_joints"]), int(record["n_inputs"])
    if not (0 < n <= MAX_JOINTS and n_inputs <= MAX_INPUTS):
        raise ProtocolError(f"a cycle that claims {n} joints and {n_inputs} inputs")
    joints = None
    if int(record["t_measured_ns"]) != 0:
        vectors = {name: _vector(record, name, n) for name in _JOINT_VECTORS}
        joints = JointState(t_measured_ns=int(record["t_measured_ns"]), **vectors)
    try:
        state = CommandState(int(record["state"]))
        inputs = tuple(_input(row) for row in record["inputs"][:n_inputs])
    except ValueError as error:
        raise ProtocolError(f"a cycle with an unknown state or input: {error}") from error
    return CommandCycle(
        **{name: int(record[name]) for name in _CYCLE_NUMBERS},
        state=state,
        why=_text(record["why"]),
        joints=joints,
        commanded_rad=_vector(record, "commanded_rad", n),
        commanded_rad_s=_vector(record, "commanded_rad_s", n),
        commanded_rad_s2=_vector(record, "commanded_rad_s2", n),
        inputs=inputs,
    )


def encode_inference(run: ActionInference) -> bytes:
    """Return the bytes of a run of the action graph; raises ProtocolError when the layout cannot hold it."""
    rows, n_joints = run.noise.shape
    if not (0 < rows <= MAX_HORIZON and 0 < n_joints <= MAX_JOINTS):
        raise ProtocolError(f"noise of {rows} rows x {n_joints} joints; the layout holds {MAX_HORIZON} x {MAX_JOINTS}")
    record = _record(INFERENCE_LAYOUT, KIND_INFERENCE, run.sequence)
    for name in ("chunk_sequence", "foresight_sequence", "t_start_ns", "t_done_ns", "t_state_ns"):
        record[name] = getattr(run, name)
    record["n_rows"], record["n_joints"] = rows, n_joints
    record["joints_rad"][0, :n_joints] = run.joints_rad
    record["noise"][0, :rows, :n_joints] = run.noise
    return record.tobytes()


def decode_inference(data: bytes) -> ActionInference:
    """Return the run in `data`; raises ProtocolError on anything that is not one."""
    record = parse(INFERENCE_LAYOUT, KIND_INFERENCE, data)
    rows, n = int(record["n_rows"]), int(record["n_joints"])
    if not (0 < rows <= MAX_HORIZON and 0 < n <= MAX_JOINTS):
        raise ProtocolError(f"an inference that claims {rows} rows x {n} joints")
    return ActionInference(
        sequence=int(record["sequence"]),
        **{
            name: int(record[name])
            for name in ("chunk_sequence", "foresight_sequence", "t_start_ns", "t_done_ns", "t_state_ns")
        },
        joints_rad=_vector(record, "joints_rad", n),
        noise=np.array(record["noise"][:rows, :n], np.float32),
    )


def encode_foresight(run: ForesightInference) -> bytes:
    """Return the bytes of a foresight; raises ProtocolError when it is larger than a message may be."""
    foresight = run.foresight
    n_tokens, n_features = foresight.tokens.shape
    record = _record(FORESIGHT_LAYOUT, KIND_FORESIGHT, run.sequence)
    record["foresight_sequence"] = foresight.sequence
    record["t_capture_ns"], record["t_done_ns"] = foresight.t_capture_ns, foresight.t_done_ns
    record["t_start_ns"] = run.t_start_ns
    record["instruction"] = _bytes(foresight.instruction, MAX_INSTRUCTION)
    record["n_tokens"], record["n_features"] = n_tokens, n_features
    if len(foresight.t_earlier_ns) > MAX_EARLIER:
        raise ProtocolError(f"a foresight of {len(foresight.t_earlier_ns)} earlier frames, limit {MAX_EARLIER}")
    earlier = np.array(foresight.t_earlier_ns, "<i8").tobytes()
    data = record.tobytes() + np.ascontiguousarray(foresight.tokens, "<f4").tobytes() + earlier
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(f"a foresight of {n_tokens} x {n_features} takes {len(data)} bytes, limit {MAX_MESSAGE}")
    return data


def decode_foresight(data: bytes) -> ForesightInference:
    """Return the foresight in `data`; raises ProtocolError on anything that is not one."""
    head = FORESIGHT_LAYOUT.itemsize
    record = parse(FORESIGHT_LAYOUT, KIND_FORESIGHT, data[:head])
    shape = int(record["n_tokens"]), int(record["n_features"])
    tokens_end = head + 4 * shape[0] * shape[1]
    n_earlier, rest = divmod(len(data) - tokens_end, 8)
    if rest or not 0 <= n_earlier <= MAX_EARLIER:
        raise ProtocolError(f"a foresight that claims {shape[0]} x {shape[1]} in {len(data)} bytes")
    return ForesightInference(
        sequence=int(record["sequence"]),
        t_start_ns=int(record["t_start_ns"]),
        foresight=Foresight(
            sequence=int(record["foresight_sequence"]),
            instruction=_text(record["instruction"]),
            t_capture_ns=int(record["t_capture_ns"]),
            t_done_ns=int(record["t_done_ns"]),
            tokens=np.frombuffer(data, "<f4", shape[0] * shape[1], head).reshape(shape).astype(np.float32),
            t_earlier_ns=tuple(np.frombuffer(data, "<i8", n_earlier, tokens_end).tolist()),
        ),
    )


def encode_line(line: Line) -> bytes:
    """Return the bytes of a line; what is too long is cut."""
    record = _record(LINE_LAYOUT, KIND_LINE, line.sequence)
    record["t_ns"], record["level"] = line.t_ns, line.level
    record["source"], record["text"] = _bytes(line.source, MAX_SOURCE), _bytes(line.text, MAX_LINE)
    return record.tobytes()


def decode_line(data: bytes) -> Line:
    """Return the line in `data`; raises ProtocolError on anything that is not one."""
    record = parse(LINE_LAYOUT, KIND_LINE, data)
    return Line(
        sequence=int(record["sequence"]),
        t_ns=int(record["t_ns"]),
        source=_text(record["source"]),
        level=int(record["level"]),
        text=_text(record["text"]),
    )


_CYCLE_NUMBERS = (
    "sequence",
    "t_deadline_ns",
    "t_woke_ns",
    "t_command_ns",
    "t_sent_ns",
    "t_done_ns",
    "missed",
    "chunk_sequence",
    "frame_age_ns",
    "foresight_age_ns",
)
_JOINT_VECTORS = ("position_rad", "velocity_rad_s", "effort_ratio", "voltage_v", "temperature_degc")


def _record(layout: np.dtype[np.void], kind: int, sequence: int) -> NDArray[np.void]:
    record = np.zeros(1, layout)
    record["magic"], record["version"], record["kind"], record["sequence"] = MAGIC, VERSION, kind, sequence
    return record


def _vector(record: np.void, name: str, n_joints: int) -> JointVector:
    return np.array(record[name][:n_joints], np.float64)


def _bytes(text: str, limit: int) -> bytes:
    return text.encode(errors="replace")[:limit]  # a path of the file system may hold what is no UTF-8


def _text(value: bytes) -> str:
    return bytes(value).decode(errors="replace")


def _input(row: np.void) -> StageInput:
    return StageInput(
        kind=StageInputKind(int(row["kind"])),
        t_ns=int(row["t_ns"]),
        why=_text(row["why"]),
        chunk_sequence=int(row["chunk_sequence"]),
    )
