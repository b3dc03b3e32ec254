"""The recorder as a service: ready, fed by its steps, and on a full disk alive, silent after one line, and back when there is room."""

import contextlib
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.flight_rig import Flight, Script, fly
from bench.service_rig import WatchedService
from interfaces.flight_wire import CycleEncoder
from interfaces.robot_config import RobotConfig
from runtime.flight.feed import FlightFeed
from runtime.flight.reader import read_flight

ROBOT_FILE = Path(__file__).parents[3] / "robots/simulated.toml"


class Beat:
    """The command process, as the recorder knows it."""

    def __init__(self, path: Path, flight: Flight) -> None:
        self.feed = FlightFeed(path)
        self._data = bytearray(CycleEncoder(6).encode(flight.cycles[5]))
        self._sequence = 0

    def beat(self) -> bool:
        """Send a second's worth of cycles; always true, for conditions that are waited for."""
        for _ in range(100):
            self._sequence += 1
            self._data[8:16] = self._sequence.to_bytes(8, "little")
            self.feed.send(self._data, time.monotonic_ns())
        return True


@pytest.fixture
def beat(folder: Path, robot: RobotConfig) -> Iterator[Beat]:
    made = Beat(folder / robot.record.socket, fly(robot, Script(periods=10)))
    yield made
    made.feed.close()


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    place = folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,nr_inodes=16", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def record(folder: Path, to: Path, *before: str) -> WatchedService:
    """Start a recorder whose files may have 0.2 MB, watched at 10 s."""
    text = ROBOT_FILE.read_text().replace("segment_mb = 50.0", "segment_mb = 0.2")
    (folder / "robot.toml").write_text(text.replace("size_max_mb = 2000.0", "size_max_mb = 1.0"))
    command = (sys.executable, "-I", "-m", "runtime.flight.recorder_process", str(folder / "robot.toml"))
    return WatchedService((*before, *command, "--folder", str(to)), folder, watchdog_s=10.0)


def fill(path: Path) -> None:
    """Write a file until there is no room."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def assert_fed_on(service: WatchedService) -> None:
    t_fed_ns = service.t_fed_ns
    service.wait_for(lambda: service.t_fed_ns > t_fed_ns, "fed again")


def test_it_is_ready_fed_by_its_steps_and_says_that_it_ends(folder: Path, beat: Beat) -> None:
    with record(folder, folder / "flight") as service:
        service.wait_ready()
        assert service.statuses[0].startswith("writes flight-")
        service.wait_for(lambda: beat.beat() and service.statuses[-1] != service.statuses[0], "a status that changed")
        assert_fed_on(service)
        service.process.send_signal(signal.SIGSTOP)
        t_fed_ns = service.t_fed_ns
        time.sleep(3)
        assert service.t_fed_ns == t_fed_ns
        service.process.send_signal(signal.SIGCONT)
        assert_fed_on(service)
        assert service.end() == 0
        assert service.told[-1].text == "STOPPING=1\nSTATUS=ends the file"
    assert read_flight(folder / "flight").notes == ()


def test_stopped_for_ever_it_is_killed_and_tells_where_it_stood(folder: Path) -> None:
    with record(folder, folder / "flight") as service:
        service.wait_ready()
        assert_fed_on(service)
        assert service.end(signal.SIGABRT) == -signal.SIGABRT  # as the watchdog does it
        assert "in _record" in service.said


def test_a_disk_that_fills_up_is_said_once_and_written_again_when_there_is_room(
    folder: Path, disk: Path, beat: Beat
) -> None:
    with record(folder, disk / "flight") as service:
        service.wait_ready()
        beat.beat()
        fill(disk / "others")
        service.wait_for(lambda: beat.beat() and "cannot write the flight record" in service.said, "said it")
        service.wait_for(lambda: "goes on listening" in service.statuses[-1], "told in its status")
        for _ in range(3):
            assert_fed_on(service)
        assert service.said.count("cannot write") == 1
        (disk / "others").unlink()
        service.wait_for(lambda: beat.beat() and "writes again" in service.said, "writing again")
        service.wait_for(lambda: "writes flight-" in service.statuses[-1], "told in its status")
        beat.beat()
        beat.feed.close()
        assert service.end() == 0
    assert read_flight(disk / "flight").cycles


def test_a_disk_that_is_full_from_the_start_ends_no_recorder(folder: Path, disk: Path, beat: Beat) -> None:
    with contextlib.suppress(OSError):
        for number in range(100):  # no room for a folder, either
            (disk / f"{number}").touch()
    with record(folder, disk / "flight") as service:
        service.wait_ready()
        assert "cannot write the flight record" in service.statuses[0]
        assert_fed_on(service)
        assert not (disk / "flight").exists()
        for path in disk.iterdir():
            path.unlink()
        service.wait_for(lambda: beat.beat() and "writes again" in service.said, "writing")
        assert service.end() == 0
    assert list((disk / "flight").glob("*.mcap"))


def test_files_that_may_not_grow_end_no_recorder(folder: Path, beat: Beat) -> None:
    with record(folder, folder / "flight", "prlimit", "--fsize=60000:unlimited") as service:
        service.wait_ready()
        service.wait_for(lambda: beat.beat() and "cannot write the flight record" in service.said, "said it")
        assert_fed_on(service)
        assert service.said.count("cannot write") == 1
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        service.wait_for(lambda: beat.beat() and "writes again" in service.said, "writing again")
        beat.feed.close()
        assert service.end() == 0
    assert read_flight(folder / "flight").cycles
