"""The board shown by somebody who knows what is wanted: into every part of the picture, near and far, leaned to all four sides."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from bench.workplace.board_places import board_place
from bench.workplace.simulated_workplace import SimulatedWorkplace
from calibration.board.board import BoardSpec
from sim.camera.renderer import focal_length_px
from sim.rigid import Array, rigid, turned
from sim.truth import BoardPlace

FILLS = (0.72, 0.42)  # of the picture's width or height, in turn
LEANS = ((-1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (0.0, 0.0))  # axes, in turn: top away, left side away, ...
LEAN_DEG = (20.0, 38.0)
PLACES = ((0, 0), (-1, -1), (1, -1), (1, 1), (-1, 1), (0, -1), (1, 0), (0, 1), (-1, 0))  # in the picture, in turn
EDGE_PX = 3.0
ABOVE_TABLE_M = 0.005
HOLD_TICKS = 3


def show_well(simulated: SimulatedWorkplace, seed: int) -> None:
    """Teach the simulated operator to show the board so."""
    size_px = simulated.truth.width_px, simulated.truth.height_px
    rng = np.random.default_rng((seed, 5))

    def script() -> Iterator[None]:
        for place in covering_boards(simulated.board, simulated.true_base_from_camera(), size_px, rng):
            simulated.world.board = place
            yield from (None for _ in range(HOLD_TICKS))

    simulated.operator.scripts["show-board"] = script


def covering_boards(
    spec: BoardSpec, base_from_camera: Array, size_px: tuple[int, int], rng: np.random.Generator
) -> Iterator[BoardPlace]:
    """Yield places of a board held before the camera, for ever; as much of it in the picture as there can be."""
    k = 0
    while True:
        camera_from_board = _before_camera(spec, size_px, k, rng)
        k += 1
        base_from_board = base_from_camera @ camera_from_board
        if (_outer_m(spec) @ base_from_board.T)[:, 2].min() > ABOVE_TABLE_M:
            yield board_place("table", base_from_board, spec)


def _before_camera(spec: BoardSpec, size_px: tuple[int, int], k: int, rng: np.random.Generator) -> Array:
    focal_px = focal_length_px(size_px[1])
    axis = np.array([*LEANS[k % len(LEANS)], 0.0])
    lean = turned(axis * math.radians(rng.uniform(*LEAN_DEG))) @ turned(np.array([0.0, 0.0, rng.uniform(-0.3, 0.3)]))
    half_m = np.array(spec.size_m) / 2
    fills = FILLS[k % len(FILLS)] * rng.uniform(0.9, 1.05)
    ahead_m = focal_px * float((2 * half_m / size_px).max()) / fills
    tilted = rigid(lean, np.array([0.0, 0.0, ahead_m])) @ rigid(np.eye(3), np.array([*-half_m, 0.0]))
    seen = _outer_m(spec) @ tilted.T
    # Moved aside until its farthest corner is at the picture's edge.
    pixels = seen[:, :2] / seen[:, 2:3] * focal_px
    room_px = np.array(size_px) / 2 - EDGE_PX
    low_px, high_px = -room_px - pixels.min(axis=0), room_px - pixels.max(axis=0)
    place = (np.array(PLACES[k % len(PLACES)]) + 1) / 2
    aside_px = low_px + (high_px - low_px) * np.clip(place + rng.normal(0.0, 0.03, 2), 0.0, 1.0)
    tilted[:2, 3] += aside_px * ahead_m / focal_px
    return tilted


def _outer_m(spec: BoardSpec) -> Array:
    width_m, height_m = spec.size_m
    return np.array([[0, 0, 0, 1], [width_m, 0, 0, 1], [width_m, height_m, 0, 1], [0, height_m, 0, 1]], np.float64)
