"""Reading a flight record: one file, or a folder of segments, back into what the processes told.

What it lacks is said, not guessed: a cut end, messages that are not ours, segments of another robot file or of another start of
the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interfaces.errors import ConfigError
from interfaces.robot_config import RobotConfig
from interfaces.toml_loader import parse_toml
from runtime.flight.gathering import Gathering
from runtime.flight.mcap_file import Cut, Message, Note, read_mcap
from runtime.flight.record import FlightRecord

_HEAD, _ROBOT = "forerun", "robot.toml"
_EXPECTED = 'a flight record of forerun, MCAP with the metadata "forerun" and "robot.toml"'
_SAME_START_NS = (
    3_600_000_000_000  # offsets within one start of the machine differ by less, even where its clock was set
)
_SAID_EVERY = 2000  # messages between two words of progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One file of a flight, and what it says of itself."""

    path: Path
    robot_text: str
    monotonic_to_epoch_ns: int
    t_first_ns: int  # monotonic, of its first message; 0 where it has none
    size: int

    def robot(self) -> RobotConfig:
        """Return the robot file that the flight ran with; raises ConfigError where this version cannot read it."""
        return parse_toml(self.robot_text, RobotConfig, f"{self.path}: {_ROBOT}")


def read_flight(path: Path, progress: Callable[[float], None] = lambda _: None) -> FlightRecord:
    """Return the flight at `path`: a file, or of a folder of segments the last ones that belong together.

    `progress` is told the share that is done. Raises ConfigError naming the file that is missing, or is no flight record of ours.
    """
    segments, notes = _flight(path)
    robot = segments[-1].robot()
    gathering = Gathering()
    size, before = max(sum(segment.size for segment in segments), 1), 0
    for segment in segments:
        gathering.begin_file(segment.monotonic_to_epoch_ns)
        for index, item in enumerate(read_mcap(segment.path)):
            if isinstance(item, Message):
                gathering.take(item)
                if index % _SAID_EVERY == 0:
                    progress((before + item.place.chunk_offset) / size)
            elif isinstance(item, Cut):
                notes.append(f"{segment.path.name} has no end: its recorder was stopped hard, or still writes it")
        before += segment.size
    progress(1.0)
    return gathering.record([segment.path for segment in segments], robot, notes)


def read_segment(path: Path) -> Segment:
    """Return what the file at `path` says of itself; raises ConfigError where it is no flight record of ours."""
    notes: dict[str, dict[str, str]] = {}
    first: Message | None = None
    for item in read_mcap(path):
        if isinstance(item, Note):
            notes[item.name] = item.values
        elif isinstance(item, Message):
            first = item
            break
    try:
        robot_text, offset_ns = notes[_ROBOT]["text"], int(notes[_HEAD]["monotonic_to_epoch_ns"])
    except (KeyError, ValueError) as error:
        raise ConfigError(str(path), "file", "of another kind, or cut at its very beginning", _EXPECTED) from error
    return Segment(
        path=path,
        robot_text=robot_text,
        monotonic_to_epoch_ns=offset_ns,
        t_first_ns=0 if first is None else first.log_time_ns - offset_ns,
        size=path.stat().st_size,
    )


def _flight(path: Path) -> tuple[list[Segment], list[str]]:
    if not path.is_dir():
        return [read_segment(path)], []
    tried = [_try(file) for file in sorted(path.glob("*.mcap"))]
    segments = [segment for segment in tried if isinstance(segment, Segment)]
    notes = [f"left out: {error}" for error in tried if isinstance(error, ConfigError)]
    if not segments:
        raise ConfigError(str(path), "folder", "without a flight record", f"files, each {_EXPECTED}")
    mine = [segment for segment in segments if _belongs(segment, segments[-1])]
    if len(mine) < len(segments):
        others = len(segments) - len(mine)
        notes.append(
            f"{others} files of another robot file or another start of the machine were left out: name them one by one"
        )
    # Not by name, which is by the wall clock: somebody may have set that back while the robot ran.
    return sorted(mine, key=lambda segment: segment.t_first_ns), notes


def _try(path: Path) -> Segment | ConfigError:
    try:
        return read_segment(path)
    except ConfigError as error:  # a recorder that was killed at once leaves an empty file
        return error


def _belongs(segment: Segment, newest: Segment) -> bool:
    same_start = abs(segment.monotonic_to_epoch_ns - newest.monotonic_to_epoch_ns) < _SAME_START_NS
    return same_start and segment.robot_text == newest.robot_text
