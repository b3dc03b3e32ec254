"""A user's own episodes: a folder each, with a video, what was asked, and, where the arm was driven, how it moved.

    my-episodes/0001/video.mp4          one camera, constant frame rate; any size and codec that OpenCV reads
                     instruction.txt    one line
                     motion.npz         time_s (n,) from the video's first frame on, joints_rad (n, joint), target_rad (n, joint)

An episode without motion.npz is action-free video: the students learn from it, the action expert does not. Plain files were chosen
and not LeRobot's dataset: the version in use (3) packs many episodes into each video and table, in formats that its own library
reads best, and that library is heavier than all the rest of training here. From such a dataset, write one folder an episode.

What is read once and kept in the run's folder: pictures of the video model's side at the recipe's rate, cut to the central square as
the robot's own graph cuts them, and joints and targets on a grid of 10 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from distill.checkpoint import write_arrays
from distill.paper.recipe import EpisodesRecipe
from distill.svam.clips import read_shard
from interfaces.errors import ConfigError
from interfaces.progress import Progress
from models.picture import SquareResize

STEP_S = 0.01  # grid of joints and targets
VIDEO_FILE, MOTION_FILE, INSTRUCTION_FILE = "video.mp4", "motion.npz", "instruction.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One episode as its user keeps it."""

    folder: Path
    instruction: str


def find_episodes(folder: Path) -> list[Source]:
    """Return all episodes of a folder, in the order of their names. Raises ConfigError where there is none, or a part is missing."""
    found = [part for part in sorted(folder.iterdir()) if part.is_dir()] if folder.is_dir() else []
    if not found:
        raise ConfigError(
            str(folder), "episodes.folder", None, "a folder with a folder for each episode (docs/training.md)"
        )
    sources: list[Source] = []
    for part in found:
        if not (part / VIDEO_FILE).exists():
            raise ConfigError(str(part), VIDEO_FILE, None, "the episode's video")
        try:
            instruction = (part / INSTRUCTION_FILE).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(
                str(part / INSTRUCTION_FILE), "file", error.strerror, "one line: what was asked"
            ) from None
        if not instruction or "\n" in instruction:
            raise ConfigError(str(part / INSTRUCTION_FILE), "file", repr(instruction), "one line: what was asked")
        sources.append(Source(folder=part, instruction=instruction))
    return sources


def frame_size(source: Source) -> tuple[int, int]:
    """Return width and height of an episode's video in pixels. Raises ConfigError where it cannot be read."""
    capture = _opened(source.folder / VIDEO_FILE)
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    capture.release()
    return int(width), int(height)


def first_frame(source: Source) -> NDArray[np.uint8]:
    """Return the first frame (H, W, 3) RGB of an episode's video, as the camera took it."""
    capture = _opened(source.folder / VIDEO_FILE)
    _, bgr = capture.read()
    capture.release()
    return np.ascontiguousarray(bgr[:, :, ::-1]).astype(np.uint8)


def kept_file(source: Source, folder: Path) -> Path:
    """Return where what is read of an episode is kept."""
    return folder / f"{source.folder.name}.npz"


def read_episodes(
    sources: list[Source], recipe: EpisodesRecipe, video_px: int, folder: Path, progress: Progress
) -> None:
    """Read the episodes that are not kept yet. Raises ConfigError naming file and key."""
    instructions = instructions_of(sources)
    size = frame_size(sources[0])
    for number, source in enumerate(sources, start=1):
        path = kept_file(source, folder)
        if path.exists():
            continue
        if frame_size(source) != size:
            raise ConfigError(
                str(source.folder / VIDEO_FILE), "size", frame_size(source), f"{size}, as of the first episode's video"
            )
        pictures, n_steps = _pictures(source.folder / VIDEO_FILE, recipe.picture_rate_hz, video_px)
        arrays: dict[str, NDArray[np.generic]] = {
            "pictures": pictures, "task": np.array(instructions.index(source.instruction)),
            **_motion(source.folder / MOTION_FILE, len(recipe.joints), n_steps),
        }  # fmt: skip
        write_arrays(path, arrays)
        progress(number, len(sources), f"{source.folder.name}: {len(pictures)} pictures")


def instructions_of(sources: list[Source]) -> tuple[str, ...]:
    """Return the instructions in the order in which they first occur."""
    return tuple(dict.fromkeys(source.instruction for source in sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """All that is kept of the episodes, in memory: picture k of an episode was taken at its step k * every."""

    pictures: NDArray[np.uint8]  # (picture, p, p, 3)
    last: NDArray[np.int64]  # (picture,) the last picture of its episode
    task: NDArray[np.int64]  # (picture,)
    held_out: NDArray[np.bool_]  # (picture,)
    step: NDArray[np.int64]  # (picture,) into joints and targets; -1 where the arm was not driven
    last_step: NDArray[np.int64]  # (picture,)
    joints_rad: NDArray[np.float32]  # (step, joint)
    target_rad: NDArray[np.float32]

    def futures(self, at: NDArray[np.int64], n_frames: int, stride: int) -> NDArray[np.int64]:
        """Return the pictures (B, T) that follow those at `at` (B,); an episode's last one stays."""
        return np.minimum(at[:, None] + stride * np.arange(1, n_frames + 1), self.last[at][:, None])


def load_episodes(sources: list[Source], recipe: EpisodesRecipe, folder: Path) -> Episodes:
    """Return what is kept of the episodes. Raises ConfigError at a damaged file."""
    parts: dict[str, list[NDArray[np.generic]]] = {name: [] for name in Episodes.__dataclass_fields__}
    n_pictures = n_steps = 0
    every = 1.0 / recipe.picture_rate_hz / STEP_S
    for number, source in enumerate(sources):
        path = kept_file(source, folder)
        pictures, joints = read_shard(path, "pictures"), read_shard(path, "joints_rad")
        like = np.ones(len(pictures), np.int64)
        step = np.rint(np.arange(len(pictures)) * every).astype(np.int64)
        driven = len(joints) > 0
        parts["pictures"].append(pictures)
        parts["last"].append((n_pictures + len(pictures) - 1) * like)
        parts["task"].append(int(read_shard(path, "task")) * like)
        parts["held_out"].append((number % recipe.held_out_every == 0) & (like > 0))
        parts["step"].append(n_steps + np.minimum(step, len(joints) - 1) if driven else -like)
        parts["last_step"].append((n_steps + len(joints) - 1) * like)
        parts["joints_rad"].append(joints)
        parts["target_rad"].append(read_shard(path, "target_rad"))
        n_pictures, n_steps = n_pictures + len(pictures), n_steps + len(joints)
    return Episodes(**{name: np.concatenate(values) for name, values in parts.items()})  # pyright: ignore[reportArgumentType]


def _pictures(path: Path, rate_hz: float, video_px: int) -> tuple[NDArray[np.uint8], int]:
    """Return pictures (n, p, p, 3), and how many steps of the grid the video lasts."""
    capture = _opened(path)
    fps_hz = capture.get(cv2.CAP_PROP_FPS)
    if not fps_hz >= rate_hz:
        raise ConfigError(str(path), "frame rate", fps_hz, f"at least {rate_hz:g} Hz, the recipe's picture_rate_hz")
    wanted, at = 0, 0
    pictures: list[NDArray[np.uint8]] = []
    resize: SquareResize | None = None
    while True:
        there, bgr = capture.read()
        if not there:
            break
        if at == round(wanted * fps_hz / rate_hz):
            resize = resize or SquareResize(min(bgr.shape[:2]), video_px)
            square = resize(torch.from_numpy(bgr[None, :, :, ::-1].copy()))[0]
            pictures.append((255.0 * square.clamp(0.0, 1.0)).round().byte().permute(1, 2, 0).numpy())
            wanted += 1
        at += 1
    capture.release()
    if not pictures:
        raise ConfigError(str(path), "file", "it has no frame that can be read", "a video")
    return np.stack(pictures), round(at / fps_hz / STEP_S)


def _opened(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise ConfigError(str(path), "file", "it cannot be opened", "a video that OpenCV reads")
    return capture


def _motion(path: Path, n_joints: int, n_steps: int) -> dict[str, NDArray[np.generic]]:
    """Return joints and targets (n_steps, joint) on the grid, or (0, joint) where there is no file."""
    names = ("joints_rad", "target_rad")
    if not path.exists():
        return {name: np.zeros((0, n_joints), np.float32) for name in names}
    time_s = read_shard(path, "time_s")
    if time_s.ndim != 1 or len(time_s) < 2 or not (np.diff(time_s) > 0).all():
        raise ConfigError(str(path), "time_s", time_s.shape, "(n,) seconds that rise, two or more")
    if time_s[0] > 0.1 or time_s[-1] < n_steps * STEP_S - 0.5:
        raise ConfigError(
            str(path), "time_s", f"{time_s[0]:g}..{time_s[-1]:g}", f"the video's time, 0..{n_steps * STEP_S:g} s"
        )
    grid: dict[str, NDArray[np.generic]] = {}
    for name in names:
        values = read_shard(path, name)
        if values.shape != (len(time_s), n_joints) or not np.isfinite(values).all():
            raise ConfigError(
                str(path), name, values.shape, f"{(len(time_s), n_joints)} finite numbers, a column a joint"
            )
        at = np.arange(n_steps) * STEP_S
        columns: list[NDArray[np.float64]] = [np.interp(at, time_s, column) for column in values.T]
        grid[name] = np.stack(columns, axis=1).astype(np.float32)
    return grid
