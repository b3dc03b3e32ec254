"""What the recorder writes and shows: our messages in JSON, and beside them the standard ones that Foxglove and Lichtblick draw.

Every channel goes to all that listens on the context: the file of the record, and the live view.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import foxglove
from foxglove.channels import CompressedImageChannel, JointStatesChannel, LogChannel
from foxglove.messages import CompressedImage, JointStates, Log, LogLevel, Timestamp
from foxglove.messages import JointState as NamedJoint
from PIL import Image

from interfaces.flight import ActionInference, CommandCycle, ForesightInference, Line
from interfaces.messages import ActionChunk, Frame, JointVector
from interfaces.robot_config import RobotConfig
from runtime.command.chunk import position_at
from runtime.flight import topics

_ENCODING: Mapping[str, dict[str, Any]] = {"jpeg": {"quality": 85}, "png": {"compress_level": 1}}


class FlightChannels:
    """Logs what was heard, every message at its own instant."""

    def __init__(self, context: foxglove.Context, robot: RobotConfig, monotonic_to_epoch_ns: int) -> None:
        """Declare the channels of a robot; monotonic instants are put on the wall clock by the offset."""
        self._context, self._offset_ns = context, monotonic_to_epoch_ns
        self._names, self._image_format = robot.arm.joint_names, robot.record.image_format
        self._cycle = self._json("/cycle", topics.CYCLE_SCHEMA)
        self._chunk = self._json("/chunk", topics.CHUNK_SCHEMA)
        self._inference = self._json("/inference/action", topics.INFERENCE_SCHEMA)
        self._foresight = self._json("/inference/foresight", topics.FORESIGHT_SCHEMA)
        self._recorder = self._json("/recorder", topics.RECORDER_SCHEMA)
        self._log = LogChannel("/log", context=context)
        self._measured, self._commanded, self._predicted = (
            JointStatesChannel(f"/joints/{which}", context=context) for which in ("measured", "commanded", "predicted")
        )
        self._frames = {
            camera.name: self._json(f"/camera/{camera.name}/frame", topics.FRAME_SCHEMA) for camera in robot.cameras
        }
        self._pictures = {
            camera.name: CompressedImageChannel(f"/camera/{camera.name}", context=context) for camera in robot.cameras
        }
        self._newest_chunk: ActionChunk | None = None
        self._t_measured_ns = 0

    def cycle(self, cycle: CommandCycle) -> None:
        """Log a period of the command process, and the joints in it."""
        self._cycle.log(topics.to_json(topics.cycle_fields(cycle)), log_time=cycle.t_woke_ns + self._offset_ns)
        joints = cycle.joints
        if joints is not None and joints.t_measured_ns != self._t_measured_ns:
            self._t_measured_ns = joints.t_measured_ns
            self._joints(self._measured, joints.t_measured_ns, joints.position_rad, joints.velocity_rad_s)
        if cycle.t_command_ns == 0:
            return
        self._joints(self._commanded, cycle.t_command_ns, cycle.commanded_rad, cycle.commanded_rad_s)
        chunk = self._newest_chunk
        predicted_rad = None if chunk is None else position_at(chunk, cycle.t_command_ns)
        if predicted_rad is not None:
            self._joints(self._predicted, cycle.t_command_ns, predicted_rad, None)

    def chunk(self, chunk: ActionChunk) -> None:
        """Log a chunk that the command process took."""
        self._newest_chunk = chunk
        self._chunk.log(topics.to_json(topics.chunk_fields(chunk)), log_time=chunk.t_state_ns + self._offset_ns)

    def inference(self, run: ActionInference) -> None:
        """Log a run of the action graph."""
        self._inference.log(topics.to_json(topics.inference_fields(run)), log_time=run.t_done_ns + self._offset_ns)

    def foresight(self, run: ForesightInference) -> None:
        """Log a run of the foresight graph."""
        t_done_ns = run.foresight.t_done_ns
        self._foresight.log(topics.to_json(topics.foresight_fields(run)), log_time=t_done_ns + self._offset_ns)

    def frame(self, frame: Frame) -> None:
        """Log a picture, if it is of a camera of this robot."""
        if frame.camera not in self._pictures:
            return
        log_time = frame.t_capture_ns + self._offset_ns
        encoded = io.BytesIO()
        Image.fromarray(frame.rgb).save(encoded, self._image_format, **_ENCODING[self._image_format])
        picture = CompressedImage(
            timestamp=self._stamp(frame.t_capture_ns),
            frame_id=frame.camera,
            data=encoded.getvalue(),
            format=self._image_format,
        )
        self._pictures[frame.camera].log(picture, log_time=log_time)
        self._frames[frame.camera].log(topics.to_json(topics.frame_fields(frame)), log_time=log_time)

    def line(self, line: Line) -> None:
        """Log a line that a process said."""
        said = Log(timestamp=self._stamp(line.t_ns), level=_level(line.level), message=line.text, name=line.source)
        self._log.log(said, log_time=line.t_ns + self._offset_ns)

    def recorder(self, fields: Mapping[str, Any], t_now_ns: int) -> None:
        """Log how the recorder itself does."""
        self._recorder.log(topics.to_json(fields), log_time=t_now_ns + self._offset_ns)

    def _json(self, topic: str, schema: topics.Schema) -> foxglove.Channel:
        return foxglove.Channel(topic, schema=schema, message_encoding="json", context=self._context)

    def _joints(
        self, channel: JointStatesChannel, t_ns: int, position_rad: JointVector, velocity_rad_s: JointVector | None
    ) -> None:
        speeds = [None] * len(self._names) if velocity_rad_s is None else velocity_rad_s.tolist()
        joints = [
            NamedJoint(name=name, position=position, velocity=velocity)
            for name, position, velocity in zip(self._names, position_rad.tolist(), speeds, strict=True)
        ]
        channel.log(JointStates(timestamp=self._stamp(t_ns), joints=joints), log_time=t_ns + self._offset_ns)

    def _stamp(self, t_ns: int) -> Timestamp:
        return Timestamp(*divmod(t_ns + self._offset_ns, 1_000_000_000))


def _level(level: int) -> LogLevel:
    """Return Python's level as Foxglove's."""
    for least, named in ((50, LogLevel.Fatal), (40, LogLevel.Error), (30, LogLevel.Warning), (20, LogLevel.Info)):
        if level >= least:
            return named
    return LogLevel.Debug
