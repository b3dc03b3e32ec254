"""Where the simulated operator puts the board, and how it is waved before the camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from calibration.board.board import BoardSpec
from sim.camera.renderer import focal_length_px
from sim.rigid import Array, quaternion_of, rigid, turned
from sim.truth import BoardPlace

PAPER_M = 0.001  # a board on the table lies so high
GRIP_M = 0.105  # a board in the hand is so far ahead of the gripper's body: before the fingertips
FILLS_MIN, FILLS_MAX = 0.35, 0.75  # of the picture's width or height
TILT_MAX_RAD = math.radians(38.0)
ABOVE_TABLE_M = 0.005


def board_place(fixed_to: Literal["table", "hand"], parent_from_board: Array, spec: BoardSpec) -> BoardPlace:
    """Return a board of these measures at a pose (4, 4) in the base's or the hand's frame."""
    width_m, height_m = spec.size_m
    x, y, z = parent_from_board[:3, 3].tolist()
    return BoardPlace(
        width_m=width_m,
        height_m=height_m,
        fixed_to=fixed_to,
        translation_m=(x, y, z),
        rotation_wxyz=quaternion_of(parent_from_board[:3, :3]),
    )


def board_on_table(
    spec: BoardSpec, centre_m: tuple[float, float] = (0.235, 0.0), turned_deg: float = 90.0
) -> BoardPlace:
    """Return the board on the table, face up, around a place; turned by 90 degrees its long side is across."""
    turn = turned(np.array([0.0, 0.0, np.radians(turned_deg)]))
    face_up = rigid(turn @ np.diag([1.0, -1.0, -1.0]), np.array([*centre_m, PAPER_M]))
    return board_place("table", face_up @ _from_middle(spec), spec)


def board_in_hand(spec: BoardSpec, ahead_m: float = GRIP_M, tilt_deg: float = 0.0) -> BoardPlace:
    """Return the board screwed to the gripper's body before its fingers, facing where they point, tilted about its x."""
    # The fingers point along -z of the hand; the board's z goes into it, away from who looks at it.
    tilt = turned(np.array([np.radians(tilt_deg), 0.0, 0.0]))
    return board_place("hand", rigid(tilt, np.array([0.0, 0.0, -ahead_m])) @ _from_middle(spec), spec)


def shown_boards(
    spec: BoardSpec, base_from_camera: Array, size_px: tuple[int, int], rng: np.random.Generator
) -> Iterator[BoardPlace]:
    """Yield places of a board held before the camera, for ever: over all the picture, near and far, tilted all ways."""
    focal_px = focal_length_px(size_px[1])
    width_m, height_m = spec.size_m
    corners_m = np.array([[0, 0, 0, 1], [width_m, 0, 0, 1], [width_m, height_m, 0, 1], [0, height_m, 0, 1]], np.float64)
    half_px = np.array(size_px) / 2
    while True:
        fills = rng.uniform(FILLS_MIN, FILLS_MAX)
        ahead_m = focal_px * max(width_m / size_px[0], height_m / size_px[1]) / fills
        where = rng.uniform(-1.0, 1.0, 2) * half_px * (1.05 - fills) * ahead_m / focal_px
        axis = np.array([1.0, 1.0, 0.3]) * rng.normal(size=3)
        tilt = turned(axis / np.linalg.norm(axis) * float(TILT_MAX_RAD * rng.uniform(-1, 1)))
        camera_from_board = rigid(tilt, np.array([*where, ahead_m])) @ _from_middle(spec)
        seen = corners_m @ camera_from_board.T
        pixels = np.abs(seen[:, :2] / seen[:, 2:3] * focal_px)
        base_from_board = base_from_camera @ camera_from_board
        over_table = (corners_m @ base_from_board.T)[:, 2].min() > ABOVE_TABLE_M
        if over_table and (pixels < half_px - 2).all():
            yield board_place("table", base_from_board, spec)


def between(one: BoardPlace, other: BoardPlace, share: float) -> BoardPlace:
    """Return a place on the way, share 0 to 1, for a board that is moved by hand."""
    away = np.array(other.rotation_wxyz) * np.sign(np.dot(one.rotation_wxyz, other.rotation_wxyz))
    rotation = (1.0 - share) * np.array(one.rotation_wxyz) + share * away
    position = (1.0 - share) * np.array(one.translation_m) + share * np.array(other.translation_m)
    return replace(
        other,
        translation_m=tuple(position.tolist()),
        rotation_wxyz=tuple((rotation / np.linalg.norm(rotation)).tolist()),
    )


def _from_middle(spec: BoardSpec) -> Array:
    """Return the board's frame in one at the board's middle."""
    width_m, height_m = spec.size_m
    return rigid(np.eye(3), np.array([-width_m / 2, -height_m / 2, 0.0]))
