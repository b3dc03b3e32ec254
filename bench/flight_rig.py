"""Flight records with known answers: a real command stage over an arm that lags by a known time, written as the recorder writes.

The writer here is one of its own, straight onto the MCAP library: it pins the format that files in the field have.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np
from foxglove import Channel, Context, open_mcap
from foxglove.channels import CompressedImageChannel, LogChannel
from foxglove.mcap import MCAPWriteOptions
from foxglove.messages import CompressedImage, Log, LogLevel, Timestamp
from numpy.typing import NDArray
from PIL import Image

from interfaces.flight import ActionInference, CommandCycle, ForesightInference, Line
from interfaces.messages import ActionChunk, Frame, JointState, JointVector, StageInput, StageInputKind
from interfaces.robot_config import RobotConfig
from runtime.command.stage import CommandStage

MONOTONIC_TO_EPOCH_NS = 1_700_000_000_000_000_000
T_START_NS = 5_000_000_000
_LEVELS = {20: LogLevel.Info, 30: LogLevel.Warning, 40: LogLevel.Error}


@dataclass(frozen=True, kw_only=True)
class Script:
    """What happens in a flight."""

    periods: int = 400
    lag_periods: int = 4  # of the measured joints behind the commanded ones
    chunk_every: int = 4  # periods
    chunk_until: int = 1_000_000  # the period from which on the policy is silent
    told: Mapping[int, StageInputKind] = field(default_factory=dict[int, StageInputKind])  # by period
    missed: Mapping[int, int] = field(default_factory=dict[int, int])  # periods lost before this one
    late_ns: Mapping[int, int] = field(default_factory=dict[int, int])  # of the command, after its beat


@dataclass(frozen=True, kw_only=True)
class Flight:
    """What the processes told."""

    cycles: tuple[CommandCycle, ...]
    chunks: tuple[ActionChunk, ...]


Brain = Callable[[int, JointState], ActionChunk]


def swing(sequence: int, joints: JointState, *, rate_hz: float = 0.7) -> ActionChunk:
    """Return a chunk along a sine that every joint follows, whatever is measured."""
    t_first_ns = joints.t_measured_ns + 20_000_000
    t_rows_ns = t_first_ns + 50_000_000 * np.arange(16)
    angle = 2 * np.pi * rate_hz * (t_rows_ns - T_START_NS) * 1e-9
    return ActionChunk(
        sequence=sequence,
        t_capture_ns=joints.t_measured_ns - 30_000_000,
        t_state_ns=joints.t_measured_ns,
        t_first_ns=t_first_ns,
        step_ns=50_000_000,
        foresight_age_ns=30_000_000,
        position_rad=np.outer(0.3 * np.sin(angle), np.ones(len(joints.position_rad))),
    )


def fly(config: RobotConfig, script: Script, brain: Brain = swing) -> Flight:
    """Return a flight by the real command stage, on a clock of its own."""
    stage, n_joints = CommandStage(config), len(config.arm.joints)
    sent = [np.zeros(n_joints)]
    cycles: list[CommandCycle] = []
    chunks: list[ActionChunk] = []
    t_deadline_ns = T_START_NS
    for period in range(1, script.periods + 1):
        missed = script.missed.get(period, 0)
        t_deadline_ns += (1 + missed) * config.arm.period_ns
        t_woke_ns, t_sent_ns = t_deadline_ns - 500_000, t_deadline_ns + script.late_ns.get(period, 0)
        position_rad = sent[max(0, len(sent) - 1 - script.lag_periods)]
        joints = _measured(position_rad, t_deadline_ns - config.arm.period_ns)
        told = _told(script, period, t_woke_ns + 10_000)
        if period > 1 and period % script.chunk_every == 0 and period < script.chunk_until:
            chunks.append(brain(len(chunks) + 1, joints))
            told.append(
                StageInput(
                    kind=StageInputKind.CHUNK, t_ns=t_woke_ns + 20_000, chunk_sequence=len(chunks), chunk=chunks[-1]
                )
            )
        for one in told:
            stage.take(one, joints)
        command = stage.command(joints, t_deadline_ns) if period > 1 else None
        sent.append(stage.commanded_rad)
        chunk = stage.chunk
        cycles.append(
            CommandCycle(
                sequence=period,
                t_deadline_ns=t_deadline_ns,
                t_woke_ns=t_woke_ns,
                t_command_ns=0 if command is None else command.t_command_ns,
                t_sent_ns=0 if command is None else t_sent_ns,
                t_done_ns=t_sent_ns + 1_000_000,
                missed=missed,
                state=stage.state,
                why=stage.why,
                chunk_sequence=0 if command is None else command.chunk_sequence,
                frame_age_ns=-1 if command is None else command.frame_age_ns,
                foresight_age_ns=-1 if chunk is None else chunk.foresight_age_ns,
                joints=joints,
                commanded_rad=stage.commanded_rad,
                commanded_rad_s=stage.commanded_rad_s,
                commanded_rad_s2=stage.commanded_rad_s2,
                inputs=tuple(told),
            )
        )
    return Flight(cycles=tuple(cycles), chunks=tuple(chunks))


class FlightWriter:
    """Writes one file of a flight record."""

    def __init__(
        self, path: Path, robot_text: str, *, chunk_size: int = 100_000, offset_ns: int = MONOTONIC_TO_EPOCH_NS
    ) -> None:
        """Begin the file with what it says of itself."""
        self._context, self._offset_ns = Context(), offset_ns
        options = MCAPWriteOptions(chunk_size=chunk_size)
        self._file = open_mcap(path, context=self._context, writer_options=options)
        head = {"version": "1", "robot": "test", "monotonic_to_epoch_ns": str(offset_ns), "segment": "0"}
        self._file.write_metadata("forerun", head)
        self._file.write_metadata("robot.toml", {"text": robot_text})
        self._json: dict[str, Channel] = {}
        self._log = LogChannel("/log", context=self._context)
        self._pictures: dict[str, CompressedImageChannel] = {}

    def __enter__(self) -> FlightWriter:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the file."""
        self._file.close()

    def flight(self, flight: Flight) -> None:
        """Write a flight: each chunk before the cycle that was told of it."""
        for cycle in flight.cycles:
            for told in cycle.inputs:
                if told.chunk is not None:
                    self.chunk(told.chunk)
            self.cycle(cycle)

    def cycle(self, cycle: CommandCycle) -> None:
        """Write a period."""
        told = [
            {"kind": one.kind.name, "t_ns": one.t_ns, "why": one.why, "chunk_sequence": one.chunk_sequence}
            for one in cycle.inputs
        ]
        fields = _fields(cycle) | {"state": cycle.state.name, "inputs": told}
        self.json("/cycle", "forerun.Cycle", fields, cycle.t_woke_ns)

    def chunk(self, chunk: ActionChunk) -> None:
        """Write a chunk that was taken."""
        self.json("/chunk", "forerun.Chunk", _fields(chunk), chunk.t_state_ns)

    def inference(self, run: ActionInference) -> None:
        """Write a run of the action graph."""
        self.json("/inference/action", "forerun.ActionInference", _fields(run), run.t_done_ns)

    def foresight(self, run: ForesightInference) -> None:
        """Write a run of the foresight graph."""
        foresight = run.foresight
        fields = {
            "sequence": run.sequence,
            "foresight_sequence": foresight.sequence,
            "instruction": foresight.instruction,
            "t_capture_ns": foresight.t_capture_ns,
            "t_start_ns": run.t_start_ns,
            "t_done_ns": foresight.t_done_ns,
            "shape": list(foresight.tokens.shape),
            "tokens": base64.b64encode(foresight.tokens.astype("<f4").tobytes()).decode(),
        }
        if foresight.t_earlier_ns:
            fields["t_earlier_ns"] = list(foresight.t_earlier_ns)
        self.json("/inference/foresight", "forerun.Foresight", fields, foresight.t_done_ns)

    def frame(self, frame: Frame, image_format: str = "png") -> None:
        """Write a picture."""
        encoded = io.BytesIO()
        Image.fromarray(frame.rgb).save(encoded, image_format)
        if frame.camera not in self._pictures:
            self._pictures[frame.camera] = CompressedImageChannel(f"/camera/{frame.camera}", context=self._context)
        epoch_ns = frame.t_capture_ns + self._offset_ns
        stamp = Timestamp(epoch_ns // 10**9, epoch_ns % 10**9)
        picture = CompressedImage(timestamp=stamp, frame_id=frame.camera, data=encoded.getvalue(), format=image_format)
        self._pictures[frame.camera].log(picture, log_time=epoch_ns)
        fields = {name: getattr(frame, name) for name in ("number", "t_capture_ns", "t_arrival_ns")}
        self.json(f"/camera/{frame.camera}/frame", "forerun.Frame", fields, frame.t_capture_ns)

    def line(self, line: Line) -> None:
        """Write a line that was said."""
        epoch_ns = line.t_ns + self._offset_ns
        stamp = Timestamp(epoch_ns // 10**9, epoch_ns % 10**9)
        log = Log(timestamp=stamp, level=_LEVELS[line.level], message=line.text, name=line.source)
        self._log.log(log, log_time=epoch_ns)

    def json(self, topic: str, schema: str, fields: Mapping[str, Any], t_ns: int) -> None:
        """Write any message."""
        if topic not in self._json:
            self._json[topic] = Channel(topic, schema={"type": "object", "title": schema}, context=self._context)
        self._json[topic].log(json.dumps(fields).encode(), log_time=t_ns + self._offset_ns)


def _measured(position_rad: JointVector, t_measured_ns: int) -> JointState:
    zeros = np.zeros(len(position_rad))
    return JointState(
        t_measured_ns=t_measured_ns,
        position_rad=position_rad.copy(),
        velocity_rad_s=zeros,
        effort_ratio=zeros + 0.1,
        voltage_v=zeros + 12.0,
        temperature_degc=zeros + 30.0,
    )


def _told(script: Script, period: int, t_ns: int) -> list[StageInput]:
    if period == 1:
        return [StageInput(kind=StageInputKind.BEGIN, t_ns=t_ns)]
    kind = script.told.get(period)
    return [] if kind is None else [StageInput(kind=kind, t_ns=t_ns, why=f"{kind.name} by script")]


def _fields(message: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as JSON knows them: arrays as lists, NaN as null."""
    return {item.name: _plain(getattr(message, item.name)) for item in dataclasses.fields(message)}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _without_nan(cast("NDArray[np.float64]", value).tolist())
    return _fields(value) if isinstance(value, JointState) else value


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(one) for one in cast("list[Any]", value)]
    return None if value != value else value
