"""Putting the messages of a record together: chunks to the cycles that were told of them, pictures to their frames."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from interfaces.flight import ActionInference, CommandCycle, ForesightInference, Line
from interfaces.messages import ActionChunk, StageInput
from interfaces.robot_config import RobotConfig
from runtime.flight import decode
from runtime.flight.decode import FrameNote, RecorderReport
from runtime.flight.mcap_file import Message, Place
from runtime.flight.record import FlightRecord, RecordedFrame

_CAMERA, _FRAME = "/camera/", "/frame"


class Gathering:
    """Takes the messages of one flight, in their order; what is not ours is passed over, what is damaged is counted."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._offset_ns = 0
        self._cycles: list[CommandCycle] = []
        self._chunks: list[ActionChunk] = []
        self._newest: dict[int, ActionChunk] = {}  # by sequence: a chunk is recorded before the cycle that takes it
        self._inferences: list[ActionInference] = []
        self._foresights: list[ForesightInference] = []
        self._frame_notes: dict[tuple[str, int], FrameNote] = {}  # by camera and instant of capture, as the pictures
        self._pictures: dict[tuple[str, int], Place] = {}
        self._lines: list[Line] = []
        self._reports: list[RecorderReport] = []
        self._damaged: Counter[str] = Counter()

    def begin_file(self, monotonic_to_epoch_ns: int) -> None:
        """Map the times of the file that comes now back by its own offset, where a message has no instant of its own."""
        self._offset_ns = monotonic_to_epoch_ns

    def take(self, message: Message) -> None:
        """Take one message."""
        try:
            self._take(message)
        except (ValueError, KeyError, TypeError):
            self._damaged[message.topic] += 1

    def record(self, files: Sequence[Path], robot: RobotConfig, notes: Sequence[str]) -> FlightRecord:
        """Return what was gathered."""
        damaged = [f"{count} messages of {topic} could not be read" for topic, count in self._damaged.items()]
        return FlightRecord(
            files=tuple(files),
            robot=robot,
            monotonic_to_epoch_ns=self._offset_ns,
            cycles=tuple(self._cycles),
            chunks=tuple(self._chunks),
            inferences=tuple(self._inferences),
            foresights=tuple(self._foresights),
            frames=self._frames(),
            lines=tuple(self._lines),
            recorder=tuple(self._reports),
            notes=(*notes, *damaged),
        )

    def _take(self, message: Message) -> None:
        data, topic = message.data, message.topic
        if topic == "/cycle":
            self._cycles.append(self._with_chunks(decode.cycle(data)))
        elif topic == "/chunk":
            chunk = decode.chunk(data)
            self._chunks.append(chunk)
            self._newest[chunk.sequence] = chunk
        elif topic == "/inference/action":
            self._inferences.append(decode.inference(data))
        elif topic == "/inference/foresight":
            self._foresights.append(decode.foresight(data))
        elif topic == "/recorder":
            self._reports.append(decode.recorder_report(data))
        elif topic == "/log":
            t_ns = message.log_time_ns - self._offset_ns
            self._lines.append(decode.log_line(data, len(self._lines) + 1, t_ns))
        elif topic.startswith(_CAMERA):
            self._take_camera(message)

    def _take_camera(self, message: Message) -> None:
        name = message.topic.removeprefix(_CAMERA)
        if name.endswith(_FRAME):
            key = (name.removesuffix(_FRAME), message.log_time_ns - self._offset_ns)
            self._frame_notes[key] = decode.frame_note(message.data)
        else:
            self._pictures[(name, message.log_time_ns - self._offset_ns)] = message.place

    def _with_chunks(self, cycle: CommandCycle) -> CommandCycle:
        if not any(told.chunk_sequence in self._newest for told in cycle.inputs):
            return cycle
        return dataclasses.replace(cycle, inputs=tuple(self._with_chunk(told) for told in cycle.inputs))

    def _with_chunk(self, told: StageInput) -> StageInput:
        chunk = self._newest.get(told.chunk_sequence)
        return told if chunk is None else dataclasses.replace(told, chunk=chunk)

    def _frames(self) -> tuple[RecordedFrame, ...]:
        frames: list[RecordedFrame] = []
        for (camera, t_capture_ns), place in self._pictures.items():
            note = self._frame_notes.get((camera, t_capture_ns))
            frames.append(
                RecordedFrame(
                    camera=camera,
                    number=0 if note is None else note.number,
                    t_capture_ns=t_capture_ns if note is None else note.t_capture_ns,
                    t_arrival_ns=t_capture_ns if note is None else note.t_arrival_ns,
                    place=place,
                )
            )
        return tuple(sorted(frames, key=lambda frame: frame.t_capture_ns))
