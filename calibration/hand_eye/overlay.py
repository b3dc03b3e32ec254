"""Proof for the eye: the arm's chain, its tip and the board's outline drawn into pictures where the result says they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.board import BoardSpec
from calibration.board.pose import project
from calibration.geometry.transforms import Array, Transform, inverse
from calibration.hand_eye.model import Guess, HandEyeModel
from calibration.hand_eye.still_pictures import Shot
from interfaces.device_facts import CameraIntrinsics
from interfaces.messages import JointVector, Rgb

LINK_COLOUR, TIP_COLOUR, BOARD_COLOUR, CORNER_COLOUR = (255, 160, 0), (255, 0, 60), (0, 200, 80), (0, 120, 255)
NEAREST_M = 0.03
N_SHOWN = 4
PANEL_WIDTH_PX = 640
_AA = cv2.LINE_AA


def save_overlay(
    path: Path, shots: Sequence[Shot], model: HandEyeModel, guess: Guess, board: BoardSpec, lens: CameraIntrinsics
) -> None:
    """Write a picture of up to four poses, as unlike each other as they come."""
    n_shown = min(N_SHOWN, len(shots))
    shown = [shots[k * (len(shots) - 1) // max(1, n_shown - 1)] for k in range(n_shown)]
    panels = [_panel(shot, model, guess, board, lens) for shot in shown]
    blank = np.zeros_like(panels[0])
    panels += [blank] * (len(panels) % 2)
    rows = [np.hstack(panels[k : k + 2]) for k in range(0, len(panels), 2)]
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


def draw_overlay(
    rgb: Rgb, position_rad: JointVector, model: HandEyeModel, guess: Guess, board: BoardSpec, lens: CameraIntrinsics
) -> Rgb:
    """Return a picture with links, tip and board where they should be for the measured joints."""
    picture = np.ascontiguousarray(rgb.copy())
    scale = max(1, round(lens.width_px / 640))
    base, hand = _frames(model, guess, position_rad)
    corrected = model.corrected(position_rad[None], guess.offset_rad)
    frames = model.chain.link_frames(corrected)[0]
    tip_m = frames[-1, :3, :3] @ model.chain.tip_m + frames[-1, :3, 3]
    path_m = np.concatenate([np.zeros((1, 3)), frames[:, :3, 3], tip_m[None]])
    for start_m, end_m in pairwise(path_m):
        _line(picture, base, np.stack([start_m, end_m]), lens, LINK_COLOUR, 2 * scale)
    width_m, height_m = board.size_m
    outline_m = np.array([[0, 0, 0], [width_m, 0, 0], [width_m, height_m, 0], [0, height_m, 0], [0, 0, 0]])
    camera_from_board = (base if model.mounting == "eye_in_hand" else hand) @ guess.other_from_board
    for k in range(4):
        _line(picture, camera_from_board, outline_m[k : k + 2], lens, BOARD_COLOUR, scale)
    if _in_front(base, tip_m[None]).all():
        column, row = _pixels(base, tip_m[None], lens)[0]
        cv2.drawMarker(picture, (column, row), TIP_COLOUR, cv2.MARKER_CROSS, 16 * scale, 2 * scale, _AA)
    return picture


def _panel(shot: Shot, model: HandEyeModel, guess: Guess, board: BoardSpec, lens: CameraIntrinsics) -> Rgb:
    drawn = draw_overlay(shot.rgb, shot.position_rad, model, guess, board, lens)
    if shot.sighting is not None:
        for column, row in shot.sighting.corners.pixels.round().astype(int).tolist():
            cv2.circle(drawn, (column, row), max(1, lens.width_px // 640), CORNER_COLOUR, -1, _AA)
    height_px = round(PANEL_WIDTH_PX * lens.height_px / lens.width_px)
    return np.asarray(cv2.resize(drawn, (PANEL_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA), np.uint8)


def _frames(model: HandEyeModel, guess: Guess, position_rad: JointVector) -> tuple[Transform, Transform]:
    """Return camera_from_base and camera_from_hand."""
    base_from_hand = model.chain.base_from_hand(model.corrected(position_rad[None], guess.offset_rad)[0])
    camera_from_parent = inverse(guess.parent_from_camera)
    if model.mounting == "eye_to_hand":
        return camera_from_parent, camera_from_parent @ base_from_hand
    return camera_from_parent @ inverse(base_from_hand), camera_from_parent


def _line(
    picture: Rgb, pose: Transform, ends_m: Array, lens: CameraIntrinsics, colour: tuple[int, int, int], width: int
) -> None:
    """Draw a straight line in space as far as it is before the camera, in short pieces for the lens's sake."""
    points_m = ends_m[0] + np.linspace(0.0, 1.0, 25)[:, None] * (ends_m[1] - ends_m[0])
    points_m = points_m[_in_front(pose, points_m)]
    if len(points_m) > 1:
        cv2.polylines(picture, [_pixels(pose, points_m, lens)[:, None]], False, colour, width, _AA)  # noqa: FBT003


def _in_front(pose: Transform, points_m: Array) -> NDArray[np.bool_]:
    return (points_m @ pose[:3, :3].T + pose[:3, 3])[:, 2] > NEAREST_M


def _pixels(pose: Transform, points_m: Array, lens: CameraIntrinsics) -> NDArray[np.int32]:
    far = 4 * max(lens.width_px, lens.height_px)
    return np.clip(project(pose, points_m, lens), -far, far).round().astype(np.int32)
