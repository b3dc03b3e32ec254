"""Frames and joint states all over the workspace, for quantisation during export: what `forerun calibrate capture` writes.

    capture.toml                 what was captured, of which robot, and with which cameras
    samples.csv                  one row a sample; units are in the names of the columns
    frames/000012-front.jpg      the picture of one camera of one sample; JPEG of quality 95 without loss of colour, or .png

A row is written after its pictures, so every whole row has them; one that was cut short, at the end, counts as never written.
Whoever goes on with a capture that was broken off appends to it. Instants are of the clock of that run, joints in the robot
file's order, pictures as the camera gave them: what a policy is given to see.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ConfigError
from interfaces.messages import Rgb
from interfaces.toml_loader import load_toml, require

FORMAT = 1
FACTS_FILE, SAMPLES_FILE, FRAMES_FOLDER = "capture.toml", "samples.csv", "frames"
STATE_COLUMNS = ("position_rad", "velocity_rad_s", "effort_ratio")  # each followed by a point and the joint's name
SUFFIXES = {"jpeg": ".jpg", "png": ".png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCamera:
    """One camera, and the size of its pictures."""

    name: str
    width_px: int
    height_px: int
    model: str
    serial: str

    def __post_init__(self) -> None:
        """Check the name, which is part of file names, and the size."""
        plain = bool(self.name) and self.name.replace("-", "").replace("_", "").isalnum()
        require(plain, "name", self.name, "letters, digits, - and _")
        require(self.width_px > 0 and self.height_px > 0, "width_px", self.width_px, "a size of 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFacts:
    """What a capture is of."""

    format: int
    robot: str
    joints: tuple[str, ...]
    pictures: Literal["jpeg", "png"]
    wanted: int  # samples; a capture with fewer was broken off
    operator: str
    created: str  # UTC, "2026-11-21T15:04:05Z"
    tool_version: str
    cameras: tuple[CaptureCamera, ...]

    def __post_init__(self) -> None:
        """Check the format, and that there is something to see and to measure."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        require(self.wanted > 0, "wanted", self.wanted, "1 or more")
        require(0 < len(set(self.joints)) == len(self.joints), "joints", self.joints, "one or more, each one different")
        names = [camera.name for camera in self.cameras]
        require(0 < len(set(names)) == len(names), "cameras", names, "one or more, each one different")

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns of samples.csv."""
        return ("number", "t_capture_ns", *(f"{key}.{joint}" for key in STATE_COLUMNS for joint in self.joints))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """All samples; pictures are read when they are asked for."""

    folder: Path
    facts: CaptureFacts
    number: NDArray[np.int64]  # (sample,) as in the names of the pictures
    t_capture_ns: NDArray[np.int64]  # (sample,)
    position_rad: NDArray[np.float64]  # (sample, joint)
    velocity_rad_s: NDArray[np.float64]
    effort_ratio: NDArray[np.float64]

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.number)

    @property
    def is_complete(self) -> bool:
        """Return whether there are as many samples as were wanted."""
        return len(self) >= self.facts.wanted

    def picture_path(self, index: int, camera: str) -> Path:
        """Return the file of one camera's picture of sample `index`."""
        return picture_path(self.folder, self.facts, int(self.number[index]), camera)

    def rgb(self, index: int, camera: str) -> Rgb:
        """Return one camera's picture of sample `index`, (height, width, 3); raises ConfigError where it is damaged."""
        import cv2  # export reads pictures, and nothing else of what imports this file does

        path = self.picture_path(index, camera)
        wanted = next((each for each in self.facts.cameras if each.name == camera), None)
        if wanted is None:
            raise ConfigError(
                str(self.folder), "cameras", camera, f"one of {[each.name for each in self.facts.cameras]}"
            )
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None or bgr.shape != (wanted.height_px, wanted.width_px, 3):
            found = "no picture" if bgr is None else f"{bgr.shape[1]}x{bgr.shape[0]}"
            raise ConfigError(str(path), "picture", found, f"a picture of {wanted.width_px}x{wanted.height_px}")
        return np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)


def picture_path(folder: Path, facts: CaptureFacts, number: int, camera: str) -> Path:
    """Return the file of one camera's picture of the sample with a number."""
    return folder / FRAMES_FOLDER / f"{number:06d}-{camera}{SUFFIXES[facts.pictures]}"


def read_capture(folder: Path) -> Capture:
    """Return the capture in a folder, also one that was broken off; raises ConfigError where there is none, or it is damaged."""
    facts = load_toml(folder / FACTS_FILE, CaptureFacts)
    rows = _rows(folder / SAMPLES_FILE, facts)
    whole = np.array([[int(row[0]), int(row[1])] for row in rows], np.int64).reshape(-1, 2)
    states = np.array([[float(value) for value in row[2:]] for row in rows], np.float64)
    position_rad, velocity_rad_s, effort_ratio = np.moveaxis(
        states.reshape(len(rows), len(STATE_COLUMNS), len(facts.joints)), 1, 0
    )
    capture = Capture(
        folder=folder,
        facts=facts,
        number=whole[:, 0],
        t_capture_ns=whole[:, 1],
        position_rad=position_rad,
        velocity_rad_s=velocity_rad_s,
        effort_ratio=effort_ratio,
    )
    for index in range(len(capture)):
        for camera in facts.cameras:
            path = capture.picture_path(index, camera.name)
            if not path.is_file():
                raise ConfigError(str(path), "picture", None, f"the picture of sample {index}")
    return capture


def _rows(path: Path, facts: CaptureFacts) -> list[list[str]]:
    """Return the whole rows below the header; raises ConfigError for what is no row of this capture."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a readable table of samples") from error
    whole = text[: text.rfind("\n") + 1]  # a last line without its end was cut short
    header, *rows = list(csv.reader(whole.splitlines())) or [[]]
    if tuple(header) != facts.columns:
        raise ConfigError(str(path), "columns", ",".join(header), ",".join(facts.columns))
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header) or not _is_row(row):
            raise ConfigError(str(path), f"row {number}", ",".join(row), f"{len(header)} numbers")
    return rows


def _is_row(row: list[str]) -> bool:
    try:
        numbers = [int(row[0]), int(row[1]), *(float(value) for value in row[2:])]
    except ValueError:
        return False
    return bool(np.isfinite(numbers).all())
