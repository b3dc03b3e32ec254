"""Writing the flight record: one MCAP file after another, each whole in itself, on a disk that may be full."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import BinaryIO, cast

import foxglove
from foxglove.mcap import MCAPCompression, MCAPWriteOptions, MCAPWriter

from runtime.flight.segment_file import SegmentFile
from runtime.flight.shelf import FULL, Shelf

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 256 * 1024
_RETRY_NS = 10_000_000_000

Head = Callable[[int], Mapping[str, dict[str, str]]]  # number of the segment -> its metadata records


class Segments:
    """Everything logged on the context goes to the newest file; a full disk costs the oldest files, then new messages, never more."""

    def __init__(self, shelf: Shelf, context: foxglove.Context, head: Head, monotonic_to_epoch_ns: int) -> None:
        """Set up for a shelf; the first `keep_up` begins a file."""
        self.unwritten = 0  # messages that came while there was no room
        self.trouble = ""  # why nothing is written now
        self._shelf, self._context, self._head, self._offset_ns = shelf, context, head, monotonic_to_epoch_ns
        self._file: SegmentFile | None = None
        self._writer: MCAPWriter | None = None
        self._number = 0
        self._unsure = 0  # messages since the last flush: lost when the next write fails
        self._t_retry_ns: int | None = None  # while there is no room

    @property
    def name(self) -> str:
        """Return the file that is written, or nothing."""
        return "" if self._file is None else self._file.path.name

    @property
    def size_bytes(self) -> int:
        """Return the size of the file that is written."""
        return 0 if self._file is None else self._file.size_bytes

    def note(self, messages: int) -> None:
        """Count messages that were logged."""
        if self._file is None:
            self.unwritten += messages
        else:
            self._unsure += messages

    def keep_up(self, t_now_ns: int) -> None:
        """Begin a file where there is none, end one that is full, and leave one that could not be written."""
        if self._file is not None and self._file.error is not None:
            self._give_up(t_now_ns, self._file.error)
        elif self._file is not None and self._file.size_bytes >= self._shelf.segment_bytes - self._chunk_bytes:
            self._end()
        if self._file is None and (self._t_retry_ns is None or t_now_ns >= self._t_retry_ns):
            self._begin(t_now_ns)

    def flush(self, t_now_ns: int) -> None:
        """Hand what is logged to the kernel, where a kill cannot reach it; look after the room on the disk."""
        if self._writer is not None and self._file is not None and self._file.error is None:
            self._writer.flush()
        if self._file is not None and self._file.error is None:
            self._unsure = 0
            self._shelf.bound(self._file.size_bytes)
            self._guard_reserve(t_now_ns)
        self.keep_up(t_now_ns)

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            self._end()

    @property
    def _chunk_bytes(self) -> int:
        return min(_CHUNK_BYTES, self._shelf.segment_bytes // 8)

    def _begin(self, t_now_ns: int) -> None:
        self._shelf.bound(self._shelf.segment_bytes)
        if not self._shelf.make_reserve():
            self._wait(t_now_ns, self._no_reserve())
            return
        try:
            self._file = self._shelf.make(self._number, t_now_ns + self._offset_ns)
        except OSError as error:
            self._wait(t_now_ns, error.strerror or str(error))
            return
        options = MCAPWriteOptions(
            chunk_size=self._chunk_bytes,
            compression=MCAPCompression.Zstd,
            disable_seeking=True,  # chunks reach the file whole
            compression_threads=0,
        )
        self._writer = foxglove.open_mcap(cast("BinaryIO", self._file), context=self._context, writer_options=options)
        for name, values in self._head(self._number).items():
            self._writer.write_metadata(name, values)
        self._writer.flush()
        self._number += 1
        if self._t_retry_ns is not None and self._file.error is None:
            self._t_retry_ns, self.trouble = None, ""
            _log.info("writes again: %s", self._file.path, extra={"event": "over", "fault": "disk"})

    def _end(self) -> None:
        """Close the file."""
        if self._file is None or self._writer is None:
            return
        self._writer.close()
        self._shelf.put(self._file)
        if self._file.error is not None:
            self.unwritten += self._unsure
        self._unsure = 0
        self._file = self._writer = None

    def _guard_reserve(self, t_now_ns: int) -> None:
        """Leave room for others while there is some: the oldest segments go, then the recorder waits."""
        if not self._shelf.make_reserve():
            self._end()
            self._wait(t_now_ns, self._no_reserve())

    def _give_up(self, t_now_ns: int, error: OSError) -> None:
        """Leave a file that cannot be written: go on in another where room can be made, else wait."""
        self._end()
        if error.errno not in FULL or self._shelf.old_segments <= 1 or not self._shelf.remove_oldest():
            self._wait(t_now_ns, error.strerror or str(error))

    def _no_reserve(self) -> str:
        return f"less than {self._shelf.segment_bytes / 1e6:g} MB are free"

    def _wait(self, t_now_ns: int, why: str) -> None:
        if self._t_retry_ns is None:
            extra = {"event": "fault", "fault": "disk"}
            every_s = _RETRY_NS // 1_000_000_000
            _log.warning("cannot write the flight record: %s; looks again every %d s", why, every_s, extra=extra)
        self._t_retry_ns, self.trouble = t_now_ns + _RETRY_NS, why
