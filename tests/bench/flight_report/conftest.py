"""What the tests of the report share: flights whose answers are known, as records."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.flight_rig import MONOTONIC_TO_EPOCH_NS, Flight, Script, fly
from interfaces.robot_config import RobotConfig, load_robot
from runtime.flight.mcap_file import Place
from runtime.flight.record import FlightRecord, RecordedFrame

ROBOT_FILE = Path(__file__).parents[3] / "robots/simulated.toml"


@pytest.fixture(scope="session")
def robot() -> RobotConfig:
    """The simulated SO-101."""
    return load_robot(ROBOT_FILE)


@pytest.fixture(scope="session")
def make_record(robot: RobotConfig) -> Callable[..., FlightRecord]:
    """Makes a record of a flight, with pictures at some instants."""

    def make(flight: Flight, frames: tuple[RecordedFrame, ...] = ()) -> FlightRecord:
        return FlightRecord(
            files=(Path("a.mcap"),),
            robot=robot,
            monotonic_to_epoch_ns=MONOTONIC_TO_EPOCH_NS,
            cycles=flight.cycles,
            chunks=flight.chunks,
            inferences=(),
            foresights=(),
            frames=frames,
            lines=(),
            recorder=(),
            notes=(),
        )

    return make


@pytest.fixture(scope="session")
def record_of(robot: RobotConfig, make_record: Callable[..., FlightRecord]) -> Callable[[Script], FlightRecord]:
    """Flies a script, and makes a record of it."""
    return lambda script: make_record(fly(robot, script))


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., RecordedFrame]:
    """Makes a picture at an instant; nobody looks at it."""

    def make(t_capture_ns: int, camera: str = "front") -> RecordedFrame:
        place = Place(path=Path("a.mcap"), chunk_offset=0, index=0)
        return RecordedFrame(camera=camera, number=1, t_capture_ns=t_capture_ns, t_arrival_ns=t_capture_ns, place=place)

    return make
