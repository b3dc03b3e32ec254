"""One file of a flight record, as the MCAP writer sees it: it takes everything, and remembers the first error."""

from __future__ import annotations

import os
from pathlib import Path


class SegmentFile:
    """A new file that is written to its end. The MCAP writer has no way to go on after an error, so it is never told of one."""

    def __init__(self, path: Path) -> None:
        """Make the file at `path`; raises OSError, also where there is one already."""
        self.path = path
        self.error: OSError | None = None
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._size_bytes = 0  # as the writer counts
        self._whole_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Return how much was written."""
        return self._size_bytes

    def write(self, data: bytes | bytearray) -> int:
        """Write all of it, or nothing from the first error on."""
        self._size_bytes += len(data)
        if self.error is None:
            try:
                self._write_all(memoryview(data))
            except OSError as error:
                self.error = error
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Tell where the writer is; it asks, and never goes back."""
        del offset, whence
        return self._size_bytes

    def flush(self) -> None:
        """Note that what was written until now is whole: unbuffered, it is the kernel's already."""
        if self.error is None:
            self._whole_bytes = self._size_bytes

    def close(self) -> int:
        """Close the file and return its size; one with an error is cut back to what was whole, which also gives room back."""
        try:
            if self.error is not None:
                os.ftruncate(self._fd, self._whole_bytes)
        except OSError:
            pass  # a device that is gone: what is on it stays as it is
        finally:
            os.close(self._fd)
        return self._whole_bytes if self.error is not None else self._size_bytes

    def _write_all(self, left: memoryview) -> None:
        while left:  # a full disk takes a part before it refuses
            left = left[os.write(self._fd, left) :]
