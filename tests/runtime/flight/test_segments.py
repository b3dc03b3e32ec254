"""The files of a flight record: bounded, whole, and a full disk that costs old files or new messages, never the recorder."""

import contextlib
import dataclasses
import errno
import io
import logging
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import foxglove
import pytest
from mcap.exceptions import McapError
from mcap.reader import NonSeekingReader

from interfaces.errors import RefusedError
from interfaces.robot_config import RecordConfig, RobotConfig
from runtime.flight.segments import Segments
from runtime.flight.shelf import Shelf

OFFSET_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
MB = 1_000_000


class Rig:
    """Segments that are given numbered messages of 1 kB that do not compress, ten a step, a hundred steps a second."""

    def __init__(self, folder: Path, config: RecordConfig) -> None:
        self.shelf = Shelf(folder, config)
        context = foxglove.Context()
        self.channel = foxglove.Channel("/n", message_encoding="json", context=context)
        self.segments = Segments(self.shelf, context, lambda n: {"forerun": {"segment": str(n)}}, OFFSET_NS)
        self.number = 0
        self.t_ns = 0

    def run(self, messages: int) -> None:
        for _ in range(messages // 10):
            self.segments.keep_up(self.t_ns)
            for _ in range(10):
                self.number += 1
                data = b'{"n": %d, "x": "%s"}' % (self.number, os.urandom(500).hex().encode())
                self.channel.log(data, log_time=self.t_ns + OFFSET_NS)
            self.segments.note(10)
            self.t_ns += SECOND_NS // 100
            if self.t_ns % SECOND_NS == 0:
                self.segments.flush(self.t_ns)


def record_config(robot: RobotConfig, segment_mb: float, size_max_mb: float) -> RecordConfig:
    return dataclasses.replace(robot.record, segment_mb=segment_mb, size_max_mb=size_max_mb)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("flight-*.mcap"))


def total_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in files(folder))


def numbers(path: Path) -> list[int]:
    """Return the numbers of the messages in a whole file; raises where it is not whole."""
    reader = NonSeekingReader(io.BytesIO(path.read_bytes()), validate_crcs=True)
    return [int(message.data[6:].split(b",")[0]) for _, _, message in reader.iter_messages()]


def fill(path: Path) -> None:
    """Write a file until there is no room."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def no_room(error: int) -> OSError:
    return OSError(error, os.strerror(error))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_segments_are_whole_follow_each_other_and_say_what_they_are(tmp_path: Path, robot: RobotConfig) -> None:
    rig = Rig(tmp_path, record_config(robot, 0.2, 100.0))
    rig.run(2000)
    rig.segments.close()
    assert len(files(tmp_path)) > 5
    assert [number for path in files(tmp_path) for number in numbers(path)] == list(range(1, 2001))
    assert all(path.stat().st_size <= 0.2 * MB for path in files(tmp_path))
    for index, path in enumerate(files(tmp_path)):
        assert re.fullmatch(rf"flight-20231114T2213\d\dZ-{index:03d}\.mcap", path.name)
        notes = list(NonSeekingReader(path.open("rb")).iter_metadata())
        assert [(note.name, dict(note.metadata)) for note in notes] == [("forerun", {"segment": str(index)})]


def test_the_disk_is_bounded_and_the_newest_kept(tmp_path: Path, robot: RobotConfig) -> None:
    stranger = tmp_path / "notes.mcap"
    stranger.write_bytes(b"not ours")
    rig = Rig(tmp_path, record_config(robot, 0.2, 0.6))
    for _ in range(60):
        rig.run(50)
        assert total_bytes(tmp_path) <= 0.6 * MB
    rig.segments.close()
    kept = [number for path in files(tmp_path) for number in numbers(path)]
    assert kept == list(range(kept[0], 3001))
    assert len(kept) > 300
    assert rig.shelf.removed > 3
    assert stranger.exists()


def test_old_records_go_before_new_ones_even_if_the_clock_was_set_back(tmp_path: Path, robot: RobotConfig) -> None:
    old = tmp_path / "flight-20991231T235959Z-000.mcap"
    old.write_bytes(bytes(300_000))
    rig = Rig(tmp_path, record_config(robot, 0.2, 0.6))
    rig.run(500)
    rig.segments.close()
    assert not old.exists()
    assert [number for path in files(tmp_path) for number in numbers(path)][-1] == 500


def test_a_second_recorder_in_the_same_second_leaves_the_first_one_s_file(tmp_path: Path, robot: RobotConfig) -> None:
    for _ in range(2):
        rig = Rig(tmp_path, record_config(robot, 10.0, 100.0))
        rig.run(100)
        rig.segments.close()
    assert [path.name[-8:] for path in files(tmp_path)] == ["000.mcap", "001.mcap"]
    assert [numbers(path) for path in files(tmp_path)] == [list(range(1, 101))] * 2


def test_a_small_disk_is_never_filled(tiny_disk: Path, robot: RobotConfig, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(tiny_disk, record_config(robot, 0.5, 1000.0))
    for _ in range(50):
        rig.run(100)
        assert rig.shelf.free_bytes() > 0
    rig.segments.close()
    kept = [number for path in files(tiny_disk) for number in numbers(path)]
    assert kept == list(range(kept[0], 5001))
    assert rig.segments.unwritten == 0
    assert not caplog.records


def test_a_disk_filled_by_others_stops_the_record_until_there_is_room(
    tiny_disk: Path, robot: RobotConfig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tiny_disk, record_config(robot, 0.5, 1000.0))
    rig.run(1000)
    fill(tiny_disk / "ballast")  # in the middle of a segment
    rig.run(500)
    fill(tiny_disk / "more")  # with all that the recorder gave back
    before = rig.segments.unwritten
    rig.run(3000)  # three seconds
    assert rig.segments.name == ""
    assert rig.segments.unwritten - before > 2000
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "cannot write the flight record" in warnings[0].getMessage()

    (tiny_disk / "ballast").unlink()
    (tiny_disk / "more").unlink()
    caplog.set_level(logging.INFO)
    first_again = rig.number + 1
    rig.run(12_000)
    rig.segments.close()
    assert "writes again" in caplog.text
    kept = [number for path in files(tiny_disk) for number in numbers(path)]
    assert kept[-1] == rig.number > first_again


def test_a_write_that_finds_the_disk_full_costs_the_oldest_file(
    tmp_path: Path, robot: RobotConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, record_config(robot, 0.2, 100.0))
    rig.run(1000)
    before = files(tmp_path)
    write, failed = os.write, 0

    def full_once(fd: int, data: memoryview) -> int:
        nonlocal failed
        if failed == 0 and len(data) > 1000:
            failed = write(fd, data[:500])  # a part of it still went
            return failed
        if failed == 500:
            failed = 1
            raise no_room(errno.ENOSPC)
        return write(fd, data)

    monkeypatch.setattr("runtime.flight.segment_file.os.write", full_once)
    rig.run(1000)
    rig.segments.close()
    assert failed == 1
    assert not before[0].exists()
    assert rig.shelf.removed == 1
    kept = [number for path in files(tmp_path) for number in numbers_so_far(path)]
    lost = 2000 - kept[0] + 1 - len(kept)
    assert 0 < lost <= rig.segments.unwritten <= 1000
    assert kept[-1] == 2000


def numbers_so_far(path: Path) -> list[int]:
    """Return the numbers of the messages in a file that may have no end."""
    found: list[int] = []
    with path.open("rb") as file, contextlib.suppress(McapError):
        for _, _, message in NonSeekingReader(file).iter_messages(log_time_order=False):
            found.append(int(message.data[6:].split(b",")[0]))
    return found


@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS])
def test_a_disk_that_fails_costs_no_old_files(
    tmp_path: Path, robot: RobotConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: int
) -> None:
    rig = Rig(tmp_path, record_config(robot, 0.2, 100.0))
    rig.run(1000)
    before = files(tmp_path)

    def fail(_fd: int, _data: memoryview) -> int:
        raise no_room(error)

    with monkeypatch.context() as broken:
        broken.setattr("runtime.flight.segment_file.os.write", fail)
        rig.run(3000)
    assert rig.segments.unwritten > 2000
    assert os.strerror(error) in caplog.text
    assert len(caplog.records) == 1
    assert files(tmp_path)[: len(before) - 1] == before[:-1]
    rig.run(12_000)
    rig.segments.close()
    assert numbers(files(tmp_path)[-1])[-1] == rig.number


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, robot: RobotConfig) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="file/flight"):
        Shelf(tmp_path / "file" / "flight", robot.record)
