"""The folder of a capture as it is written: whole samples only, and begun ones go on where they were broken off."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from calibration.capture.pairing import Sample
from interfaces.capture_file import (
    FACTS_FILE,
    FRAMES_FOLDER,
    SAMPLES_FILE,
    Capture,
    CaptureFacts,
    picture_path,
    read_capture,
)
from interfaces.errors import RefusedError
from interfaces.messages import Rgb
from interfaces.toml_writer import to_toml

JPEG_QUALITY = 95
# Without loss of colour: half the colour resolution, which JPEG drops otherwise, is nothing a policy was trained without.
_SETTINGS = {
    "jpeg": (
        cv2.IMWRITE_JPEG_QUALITY,
        JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ),
    "png": (cv2.IMWRITE_PNG_COMPRESSION, 4),
}


class CaptureFolder:
    """One capture that is being written."""

    def __init__(self, folder: Path, facts: CaptureFacts) -> None:
        """Begin a capture, or go on with one of the same; raises RefusedError for one of something else."""
        self.folder = folder
        kept = _begun(folder, facts)
        self.facts = facts if kept is None else replace(kept.facts, wanted=max(kept.facts.wanted, facts.wanted))
        self.n_before = 0 if kept is None else len(kept)
        self.positions_before_rad = np.empty((0, len(facts.joints))) if kept is None else kept.position_rad
        self.n_samples = self.n_before
        self._next_number = 0 if kept is None or not len(kept) else int(kept.number.max()) + 1
        try:
            (folder / FRAMES_FOLDER).mkdir(parents=True, exist_ok=True)
            _write_whole(folder / FACTS_FILE, to_toml(self.facts).encode())
            _end_cut_line(folder / SAMPLES_FILE, self.facts)
        except OSError as error:
            raise RefusedError(f"{folder} cannot be written: {error.strerror}") from error

    def add(self, sample: Sample) -> None:
        """Write one sample: its pictures, and then its row; raises RefusedError where the disk does not take it."""
        number = self._next_number
        self._next_number += 1  # also where it is broken off: no two samples ever have the same pictures
        row = [number, sample.t_capture_ns, *sample.position_rad.tolist(), *sample.velocity_rad_s.tolist()]
        row += sample.effort_ratio.tolist()
        try:
            for camera, frame in sample.frames.items():
                _write_whole(picture_path(self.folder, self.facts, number, camera), self._encoded(frame.rgb))
            _append(self.folder / SAMPLES_FILE, (",".join(map(repr, row)) + "\n").encode())
        except OSError as error:
            raise RefusedError(f"{self.folder}: sample {number} cannot be written: {error.strerror}") from error
        self.n_samples += 1

    def read(self) -> Capture:
        """Return what is in the folder."""
        return read_capture(self.folder)

    def _encoded(self, rgb: Rgb) -> bytes:
        suffix = ".jpg" if self.facts.pictures == "jpeg" else ".png"
        done, data = cv2.imencode(suffix, np.ascontiguousarray(rgb[:, :, ::-1]), _SETTINGS[self.facts.pictures])
        if not done:
            raise RefusedError(f"a picture of {rgb.shape} cannot be encoded as {suffix}")
        return data.tobytes()


def _begun(folder: Path, facts: CaptureFacts) -> Capture | None:
    """Return the capture that is in the folder, None where there is none."""
    if not (folder / FACTS_FILE).exists():
        if folder.exists() and any(folder.iterdir()):
            raise RefusedError(f"{folder} has other files in it; give another folder with --out")
        return None
    if not (folder / SAMPLES_FILE).exists():  # broken off before its first line
        _append(folder / SAMPLES_FILE, _header(facts))
    kept = read_capture(folder)
    for key in ("robot", "joints", "pictures", "cameras"):
        before, now = getattr(kept.facts, key), getattr(facts, key)
        if before != now:
            raise RefusedError(
                f"{folder} holds a capture with other {key} ({_shown(before)}; now {_shown(now)}); give another folder with --out"
            )
    return kept


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) < 200 else text[:200] + "..."


def _end_cut_line(path: Path, facts: CaptureFacts) -> None:
    """Take away a last line that was cut short; begin the table where there is none."""
    data = path.read_bytes() if path.exists() else b""
    whole = data[: data.rfind(b"\n") + 1]
    if not whole:
        _write_whole(path, _header(facts))
    elif whole != data:
        _write_whole(path, whole)


def _header(facts: CaptureFacts) -> bytes:
    return (",".join(facts.columns) + "\n").encode()


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        begun_at = file.tell()
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(path, begun_at)  # half a row would spoil the next
            raise


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file that has all of its content or does not exist, whenever the computer dies."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
