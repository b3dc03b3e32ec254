"""The recorder as a whole, in this process: what is sent comes back by the reader, and people see it in standard messages."""

import dataclasses
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from mcap.reader import NonSeekingReader
from numpy.typing import NDArray

from bench.flight_rig import Flight, Script, fly
from interfaces.flight import ActionInference, ForesightInference, Line
from interfaces.flight_wire import CycleEncoder, encode_foresight, encode_inference, encode_line
from interfaces.messages import Foresight, Frame
from interfaces.robot_config import RobotConfig
from interfaces.wire import encode_chunk
from runtime.flight.feed import FlightFeed
from runtime.flight.frame_ring import FrameRingWriter, ring_path
from runtime.flight.reader import read_flight
from runtime.flight.recorder import Recorder

OFFSET_NS = 1_700_000_000_000_000_000
PATIENCE_NS = 20_000_000_000
ROBOT_TEXT = (Path(__file__).parents[3] / "robots/simulated.toml").read_text()


@pytest.fixture
def here(robot: RobotConfig) -> Iterator[tuple[RobotConfig, Path]]:
    """Return a robot whose record is kept in a folder of the test; pytest's own can be longer than a socket's path may be."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        record = dataclasses.replace(
            robot.record, socket=f"{folder}/record.sock", image_format="png", image_rate_hz=100.0
        )
        yield dataclasses.replace(robot, record=record), Path(folder)


@pytest.fixture
def flight(robot: RobotConfig) -> Flight:
    return fly(robot, Script(periods=120))


class Run:
    """A recorder, and a process that feeds it."""

    def __init__(self, robot: RobotConfig, folder: Path) -> None:
        self.recorder = Recorder(robot, ROBOT_TEXT, folder / "flight", OFFSET_NS)
        self.feed = FlightFeed(Path(robot.record.socket))
        self.ring = FrameRingWriter(ring_path(Path(robot.record.socket), "front"), 32, 24)
        self._encoder = CycleEncoder(len(robot.arm.joints))
        self._folder = folder / "flight"

    def send(self, data: bytes | memoryview) -> None:
        t_end_ns = time.monotonic_ns() + PATIENCE_NS
        while not self.feed.send(data, time.monotonic_ns()):
            assert time.monotonic_ns() < t_end_ns
            time.sleep(0.005)

    def send_flight(self, flight: Flight) -> None:
        for cycle in flight.cycles:
            for told in cycle.inputs:
                if told.chunk is not None:
                    self.send(encode_chunk(told.chunk))
            self.send(self._encoder.encode(cycle))

    def finish(self) -> Path:
        self.feed.close()
        self.recorder.close(time.monotonic_ns())
        (path,) = self._folder.glob("*.mcap")
        return path


def frame(number: int) -> Frame:
    rgb = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
    t_ns = 6_000_000_000 + number * 33_000_000
    return Frame(camera="front", number=number, t_capture_ns=t_ns, t_arrival_ns=t_ns + 5, rgb=rgb, depth_mm=None)


def messages(path: Path) -> list[tuple[str, str, Any]]:
    with path.open("rb") as file:
        found = NonSeekingReader(file, validate_crcs=True).iter_messages(log_time_order=False)
        return [(channel.topic, "" if schema is None else schema.name, message) for schema, channel, message in found]


def assert_bitwise(got: Any, expected: Any) -> None:
    for item in dataclasses.fields(expected):
        one, other = getattr(got, item.name), getattr(expected, item.name)
        if isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, cast("NDArray[Any]", other))
        elif dataclasses.is_dataclass(other):
            assert_bitwise(one, other)
        elif item.name != "inputs":
            assert one == other, item.name


def test_all_that_was_told_comes_back_to_the_last_bit(here: tuple[RobotConfig, Path], flight: Flight) -> None:
    run = Run(*here)
    tokens = np.random.default_rng(1).standard_normal((9, 6)).astype(np.float32)
    foresight = ForesightInference(
        sequence=1,
        t_start_ns=5_100_000_000,
        foresight=Foresight(
            sequence=8, instruction="stow", t_capture_ns=5_000_000_000, t_done_ns=5_200_000_000, tokens=tokens
        ),
    )
    inference = ActionInference(
        sequence=1,
        chunk_sequence=1,
        foresight_sequence=8,
        t_start_ns=5_200_000_000,
        t_done_ns=5_210_000_000,
        t_state_ns=5_190_000_000,
        joints_rad=np.arange(6.0) / 7,
        noise=tokens,
    )
    line = Line(sequence=1, t_ns=5_300_000_000, source="policy", level=30, text="warned")
    run.send(encode_foresight(foresight))
    run.send(encode_inference(inference))
    run.send(encode_line(line))
    run.send_flight(flight)
    run.recorder.step(time.monotonic_ns())
    run.finish()
    record = read_flight(here[1] / "flight")
    assert record.notes == ()
    assert record.robot == run_robot(record.robot, here[0])
    assert record.monotonic_to_epoch_ns == OFFSET_NS
    for got, expected in zip(record.cycles, flight.cycles, strict=True):
        assert_bitwise(got, expected)
        assert [(told.kind, told.t_ns, told.why, told.chunk_sequence) for told in got.inputs] == [
            (told.kind, told.t_ns, told.why, told.chunk_sequence) for told in expected.inputs
        ]
    for got, expected in zip(record.chunks, flight.chunks, strict=True):
        assert_bitwise(got, expected)
    assert_bitwise(record.foresights[0], foresight)
    assert_bitwise(record.inferences[0], inference)
    assert record.lines == (line,)


def run_robot(recorded: RobotConfig, robot: RobotConfig) -> RobotConfig:
    """Return the robot as its file says; the test put the record elsewhere."""
    return dataclasses.replace(robot, record=recorded.record)


def test_pictures_are_kept_bit_by_bit_where_the_robot_file_says_png(here: tuple[RobotConfig, Path]) -> None:
    run = Run(*here)
    for number in range(1, 6):
        run.ring.put(frame(number))
        run.recorder.step(time.monotonic_ns())
    run.finish()
    record = read_flight(here[1] / "flight")
    assert [one.number for one in record.frames] == [1, 2, 3, 4, 5]
    for one in record.frames:
        np.testing.assert_array_equal(one.rgb(), frame(one.number).rgb)
        assert (one.t_capture_ns, one.t_arrival_ns) == (frame(one.number).t_capture_ns, frame(one.number).t_arrival_ns)


def test_foxglove_finds_its_own_schemas_and_every_message_its_own_instant(
    here: tuple[RobotConfig, Path], flight: Flight
) -> None:
    run = Run(*here)
    run.ring.put(frame(1))
    run.send_flight(flight)
    run.send(encode_line(Line(sequence=1, t_ns=5_000_000_000, source="x", level=20, text="said")))
    found = messages(run.finish())
    assert {(topic, schema) for topic, schema, _ in found} == {
        ("/cycle", "forerun.Cycle"),
        ("/chunk", "forerun.Chunk"),
        ("/recorder", "forerun.Recorder"),
        ("/camera/front", "foxglove.CompressedImage"),
        ("/camera/front/frame", "forerun.Frame"),
        ("/joints/measured", "foxglove.JointStates"),
        ("/joints/commanded", "foxglove.JointStates"),
        ("/joints/predicted", "foxglove.JointStates"),
        ("/log", "foxglove.Log"),
    }
    instants = {
        "/cycle": [cycle.t_woke_ns for cycle in flight.cycles],
        "/chunk": [chunk.t_state_ns for chunk in flight.chunks],
        "/joints/commanded": [cycle.t_command_ns for cycle in flight.cycles if cycle.t_command_ns],
        "/camera/front": [frame(1).t_capture_ns],
    }
    for topic, t_ns in instants.items():
        assert [message.log_time - OFFSET_NS for at, _, message in found if at == topic] == t_ns
    count = Counter(topic for topic, _, _ in found)
    assert 0 < count["/joints/predicted"] < count["/joints/commanded"]  # the first chunk comes after the first command


def test_garbage_is_counted_and_hurts_nobody(here: tuple[RobotConfig, Path], flight: Flight) -> None:
    run = Run(*here)
    impossible = dataclasses.replace(flight.cycles[0], t_woke_ns=-(2**62))  # before the epoch
    for data in (b"garbage", encode_chunk(flight.chunks[0])[:-1], bytes(CycleEncoder(6).encode(impossible))):
        run.send(data)
    run.send(bytes(CycleEncoder(16).encode(wide(flight))))  # of another robot
    run.send_flight(flight)
    run.finish()
    record = read_flight(here[1] / "flight")
    assert [cycle.sequence for cycle in record.cycles][-120:] == [cycle.sequence for cycle in flight.cycles]
    assert record.recorder[-1].lost["rejected"] == 4


def wide(flight: Flight) -> Any:
    return dataclasses.replace(
        flight.cycles[10],
        joints=None,
        **{name: np.zeros(16) for name in ("commanded_rad", "commanded_rad_s", "commanded_rad_s2")},
    )


def test_what_the_senders_dropped_is_reported(here: tuple[RobotConfig, Path], flight: Flight) -> None:
    run = Run(*here)
    run.send_flight(Flight(cycles=flight.cycles[:10] + flight.cycles[13:], chunks=()))
    run.finish()
    assert read_flight(here[1] / "flight").recorder[-1].lost["cycle dropped"] == 3


def test_a_line_of_any_level_is_logged(here: tuple[RobotConfig, Path]) -> None:
    run = Run(*here)
    levels = (0, 10, 20, 30, 40, 50)
    for sequence, level in enumerate(levels):
        run.send(encode_line(Line(sequence=sequence, t_ns=1, source="x", level=level, text="")))
    run.finish()
    assert [line.level for line in read_flight_lines(here[1])] == [10, 10, 20, 30, 40, 50]


def read_flight_lines(folder: Path) -> tuple[Line, ...]:
    return read_flight(folder / "flight").lines
