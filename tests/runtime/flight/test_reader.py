"""Reading flight records: everything comes back to the last bit, a cut end costs only itself, and what is not ours is named."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from foxglove import Channel, Context, open_mcap
from numpy.typing import NDArray

from bench.flight_rig import MONOTONIC_TO_EPOCH_NS, T_START_NS, Flight, FlightWriter, Script, fly
from interfaces.errors import ConfigError
from interfaces.flight import ActionInference, ForesightInference, Line
from interfaces.messages import Foresight, Frame
from interfaces.robot_config import RobotConfig, load_robot
from runtime.flight.channels import FlightChannels
from runtime.flight.reader import read_flight

ROOT = Path(__file__).parents[3]
ROBOT_FILE = ROOT / "robots/simulated.toml"
Rows = NDArray[Any]
ROBOT_TEXT = ROBOT_FILE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def robot() -> RobotConfig:
    return load_robot(ROBOT_FILE)


@pytest.fixture(scope="module")
def flight(robot: RobotConfig) -> Flight:
    return fly(robot, Script(periods=200, missed={50: 2}))


def part(flight: Flight, start: int, stop: int) -> Flight:
    return Flight(cycles=flight.cycles[start:stop], chunks=())


def picture(number: int, colour: int) -> Frame:
    t_capture_ns = T_START_NS + number * 33_333_333
    rgb = np.full((24, 32, 3), colour, np.uint8)
    rgb[:, :5] = (255, 0, 77)
    return Frame(
        camera="front",
        number=number,
        t_capture_ns=t_capture_ns,
        t_arrival_ns=t_capture_ns + 5,
        rgb=rgb,
        depth_mm=None,
    )


def same(one: Any, other: Any) -> bool:
    """Compare dataclasses of arrays, bit by bit, NaN equal to itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(cast("Rows", one), other, equal_nan=True)) and cast("Rows", one).dtype == other.dtype
    if isinstance(one, tuple):
        return len(cast("tuple[Any, ...]", one)) == len(other) and all(map(same, cast("tuple[Any, ...]", one), other))
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one))
    return bool(one == other)


def test_cycles_and_their_chunks_come_back_to_the_last_bit(tmp_path: Path, robot: RobotConfig, flight: Flight) -> None:
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT) as writer:
        writer.flight(flight)
    record = read_flight(tmp_path / "a.mcap")
    assert same(record.cycles, flight.cycles)
    assert same(record.chunks, flight.chunks)
    assert record.robot == robot
    assert record.notes == ()
    chunk = flight.chunks[3]
    assert same(record.chunks_by_key()[chunk.sequence, chunk.t_state_ns], chunk)


def test_what_was_never_measured_or_commanded_comes_back_as_that(tmp_path: Path, flight: Flight) -> None:
    nothing = np.full(6, np.nan)
    idle = dataclasses.replace(
        flight.cycles[0], joints=None, commanded_rad=nothing, commanded_rad_s=nothing, commanded_rad_s2=nothing
    )
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT) as writer:
        writer.cycle(idle)
    assert same(read_flight(tmp_path / "a.mcap").cycles, (idle,))


def test_inference_and_foresight_come_back_to_the_last_bit(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    run = ActionInference(
        sequence=4,
        chunk_sequence=7,
        foresight_sequence=2,
        t_start_ns=10,
        t_done_ns=20,
        t_state_ns=5,
        joints_rad=generator.standard_normal(6),
        noise=generator.standard_normal((16, 6), np.float32),
    )
    tokens = generator.standard_normal((2, 4), np.float32)
    foresight = Foresight(sequence=2, instruction="push", t_capture_ns=1, t_done_ns=4, tokens=tokens)
    foreseen = ForesightInference(sequence=9, t_start_ns=2, foresight=foresight)
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT) as writer:
        writer.foresight(foreseen)
        writer.inference(run)
    record = read_flight(tmp_path / "a.mcap")
    assert same(record.inferences, (run,))
    assert same(record.foresights, (foreseen,))


def test_what_the_recorder_writes_is_what_the_reader_reads(tmp_path: Path, robot: RobotConfig, flight: Flight) -> None:
    frame = picture(3, 90)
    frame = dataclasses.replace(frame, rgb=np.full((240, 424, 3), 90, np.uint8))
    line = Line(sequence=1, t_ns=T_START_NS + 5, source="policy", level=30, text="no foresight yet")
    context = Context()
    with open_mcap(tmp_path / "a.mcap", context=context) as file:
        file.write_metadata("forerun", {"monotonic_to_epoch_ns": str(MONOTONIC_TO_EPOCH_NS)})
        file.write_metadata("robot.toml", {"text": ROBOT_TEXT})
        channels = FlightChannels(context, robot, MONOTONIC_TO_EPOCH_NS)
        for cycle in flight.cycles[:30]:
            for told in cycle.inputs:
                if told.chunk is not None:
                    channels.chunk(told.chunk)
            channels.cycle(cycle)
        channels.frame(frame)
        channels.line(line)
    record = read_flight(tmp_path / "a.mcap")
    assert same(record.cycles, flight.cycles[:30])
    assert record.lines == (line,)
    assert record.notes == ()
    (recorded,) = record.frames
    rgb = recorded.rgb()
    assert (recorded.number, recorded.t_capture_ns) == (3, frame.t_capture_ns)
    assert rgb is not None
    assert abs(float(rgb.mean()) - 90.0) < 1.0


def test_pictures_wait_in_their_file_and_lines_keep_their_instant(tmp_path: Path) -> None:
    frames = [picture(number, colour) for number, colour in ((3, 10), (4, 200))]
    line = Line(sequence=1, t_ns=T_START_NS + 123, source="command", level=40, text="FAULT: käput")
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT, chunk_size=500) as writer:
        for frame in frames:
            writer.frame(frame)
        writer.line(line)
    record = read_flight(tmp_path / "a.mcap")
    assert record.lines == (line,)
    for frame, recorded in zip(frames, record.frames, strict=True):
        times = (recorded.number, recorded.t_capture_ns, recorded.t_arrival_ns)
        assert times == (frame.number, frame.t_capture_ns, frame.t_arrival_ns)
        rgb = recorded.rgb()
        assert rgb is not None
        assert np.array_equal(rgb, frame.rgb)


def test_segments_are_read_in_order_and_chunks_found_across_them(
    tmp_path: Path, robot: RobotConfig, flight: Flight
) -> None:
    split = next(k for k, cycle in enumerate(flight.cycles) if k > 100 and cycle.inputs)
    # The wall clock was set back in between, and the names with it.
    with FlightWriter(tmp_path / "flight-20260101T000000Z-001.mcap", ROBOT_TEXT) as writer:
        writer.flight(part(flight, 0, split))
        told = flight.cycles[split].inputs[0].chunk
        assert told is not None
        writer.chunk(told)  # the chunk ends one file, its cycle begins the next
    with FlightWriter(tmp_path / "flight-20251231T235000Z-002.mcap", ROBOT_TEXT) as writer:
        writer.cycle(flight.cycles[split])
        writer.flight(part(flight, split + 1, 200))
    record = read_flight(tmp_path)
    assert same(record.cycles, flight.cycles)
    assert len(record.files) == 2
    assert record.robot == robot


def test_each_file_has_its_own_offset_to_the_wall_clock(tmp_path: Path) -> None:
    lines = [Line(sequence=k, t_ns=T_START_NS + k, source="command", level=20, text=str(k)) for k in (1, 2)]
    for k, line in enumerate(lines):
        offset_ns = MONOTONIC_TO_EPOCH_NS + k * 7_000_000_000
        with FlightWriter(tmp_path / f"flight-{k}.mcap", ROBOT_TEXT, offset_ns=offset_ns) as writer:
            writer.line(line)
            writer.frame(picture(k, 50))
    record = read_flight(tmp_path)
    assert record.lines == tuple(lines)
    assert [frame.t_capture_ns for frame in record.frames] == [picture(k, 50).t_capture_ns for k in (0, 1)]


def test_a_folder_yields_the_last_flight_and_says_what_it_left_out(tmp_path: Path, flight: Flight) -> None:
    for name, text in (("flight-1.mcap", ROBOT_TEXT.replace("100.0", "50.0")), ("flight-2.mcap", ROBOT_TEXT)):
        with FlightWriter(tmp_path / name, text) as writer:
            writer.flight(part(flight, 0, 10))
    (tmp_path / "flight-3.mcap").write_bytes(b"")
    record = read_flight(tmp_path)
    assert [path.name for path in record.files] == ["flight-2.mcap"]
    assert any("flight-3.mcap" in note for note in record.notes)
    assert any("1 files of another robot file" in note for note in record.notes)


def test_unknown_topics_and_damaged_messages_cost_only_themselves(tmp_path: Path, flight: Flight) -> None:
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT) as writer:
        writer.json("/weather", "other.Weather", {"rain": True}, T_START_NS)
        writer.json("/cycle", "forerun.Cycle", {"sequence": "many"}, T_START_NS)
        writer.flight(part(flight, 0, 20))
    record = read_flight(tmp_path / "a.mcap")
    assert same(record.cycles, flight.cycles[:20])
    assert record.notes == ("1 messages of /cycle could not be read",)


def test_a_file_cut_anywhere_yields_all_that_came_before(tmp_path: Path, flight: Flight) -> None:
    whole = tmp_path / "whole.mcap"
    with FlightWriter(whole, ROBOT_TEXT, chunk_size=20_000) as writer:
        writer.flight(flight)
    data = whole.read_bytes()
    cut = tmp_path / "cut.mcap"
    counts: list[int] = []
    for share in (0.4, 0.6, 0.8, 0.9):
        cut.write_bytes(data[: int(share * len(data))])
        record = read_flight(cut)
        assert "cut.mcap has no end" in record.notes[0]
        assert same(record.cycles, flight.cycles[: len(record.cycles)])
        counts.append(len(record.cycles))
    assert counts == sorted(counts)
    assert counts[0] > 0


def test_a_writer_killed_at_once_leaves_all_but_its_open_chunk(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from bench.flight_rig import FlightWriter, Script, fly
from interfaces.robot_config import load_robot
robot_file = Path({str(ROBOT_FILE)!r})
writer = FlightWriter(Path("killed.mcap"), robot_file.read_text(), chunk_size=50_000)
writer.flight(fly(load_robot(robot_file), Script(periods=300)))
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, timeout=120, check=False, env=environment)
    assert done.returncode == -signal.SIGKILL
    record = read_flight(tmp_path / "killed.mcap")
    assert [cycle.sequence for cycle in record.cycles] == list(range(1, len(record.cycles) + 1))
    assert 200 < len(record.cycles) < 300
    assert "has no end" in record.notes[0]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 something else", b"\x89MCAP0\r\n"])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.mcap"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"other\.mcap.*expected a flight record"):
        read_flight(path)


def test_an_mcap_of_somebody_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ros.mcap"
    context = Context()
    with open_mcap(path, context=context):
        Channel("/tf", context=context).log({"x": 1}, log_time=MONOTONIC_TO_EPOCH_NS)
    with pytest.raises(ConfigError, match=r"ros\.mcap.*of another kind.*expected a flight record of forerun"):
        read_flight(path)


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_flight(tmp_path / "none.mcap")
    with pytest.raises(ConfigError, match="without a flight record"):
        read_flight(tmp_path)


def test_a_robot_file_that_cannot_be_names_the_record(tmp_path: Path) -> None:
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT.replace("servo_id = 3", "servo_ids = 3")):
        pass
    with pytest.raises(ConfigError, match=r"a\.mcap: robot\.toml: arm\.joints\[2\]\.servo_ids"):
        read_flight(tmp_path / "a.mcap")
