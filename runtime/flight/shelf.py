"""The folder of the flight record: bounded, the oldest files go first."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
from pathlib import Path

from interfaces.errors import RefusedError
from interfaces.robot_config import RecordConfig
from runtime.flight.segment_file import SegmentFile

_PATTERN = "flight-*.mcap"
_MB = 1_000_000
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})  # what is cured by removing files


class Shelf:
    """Makes new segments and removes old ones; nothing but flight-*.mcap is touched."""

    def __init__(self, folder: Path, config: RecordConfig) -> None:
        """Find what lies in `folder`, which is made where it is not there; raises RefusedError where it cannot be.

        On a full disk it is made later: a recorder that ended for that would only be started again, and again.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno not in FULL:
                raise RefusedError(f"cannot keep a flight record in {folder}: {error.strerror}") from error
        self.limit_bytes = round(config.size_max_mb * _MB)
        self.segment_bytes = round(config.segment_mb * _MB)
        self.removed = 0
        self._folder = folder
        # By name, which is by time; those of this run come behind all others, because a clock may have been set back.
        self._old = sorted(folder.glob(_PATTERN), key=lambda path: path.name)

    @property
    def old_segments(self) -> int:
        """Return how many finished segments there are."""
        return len(self._old)

    def old_bytes(self) -> int:
        """Return the size of all finished segments together."""
        return sum(_size(path) for path in self._old)

    def free_bytes(self) -> int:
        """Return how much the file system could still take; 0 where it does not answer."""
        try:
            there = os.statvfs(self._folder)
        except OSError:
            return 0
        return there.f_bavail * there.f_frsize

    def make_reserve(self) -> bool:
        """Keep the room of one segment free, for others and for closing a file; return False where removing all old ones is not enough."""
        with contextlib.suppress(OSError):  # it was not made yet, or somebody removed it
            self._folder.mkdir(parents=True, exist_ok=True)
        while self.free_bytes() < self.segment_bytes:
            if not self.remove_oldest():
                return False
        return True

    def make(self, number: int, t_epoch_ns: int) -> SegmentFile:
        """Make the next segment; raises OSError where that cannot be."""
        begun = datetime.datetime.fromtimestamp(t_epoch_ns // 1_000_000_000, datetime.timezone.utc)
        stem = f"flight-{begun:%Y%m%dT%H%M%SZ}"
        while (
            path := self._folder / f"{stem}-{number:03d}.mcap"
        ).exists():  # a recorder before this one, in this second
            number += 1
        return SegmentFile(path)

    def put(self, segment: SegmentFile) -> None:
        """Close a finished segment and keep it, if anything of it is whole."""
        if segment.close() > 0:
            self._old.append(segment.path)
        else:
            segment.path.unlink(missing_ok=True)

    def remove_oldest(self) -> bool:
        """Remove the oldest finished segment; return whether there was one."""
        while self._old:
            path = self._old.pop(0)
            try:
                path.unlink()
            except OSError:  # somebody else removed it, or it cannot be removed: the next, then
                continue
            self.removed += 1
            return True
        return False

    def bound(self, beside_bytes: int) -> None:
        """Remove the oldest until all together, with `beside_bytes` of the segment that is written, stay below the limit."""
        while self.old_bytes() + beside_bytes > self.limit_bytes:
            if not self.remove_oldest():
                return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
