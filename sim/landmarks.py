"""Things that lie around the table and stay there: posters, books and a tool box, for a camera to know its place by.

They are pictures of patches and strokes, drawn from a seed; the arm passes through them, since they lie out of its way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.mujoco_headless import mujoco

PX_PER_M = 1500.0  # of the pictures on them: about the camera's own, so that nothing flickers
TOO_LARGE_FOR_GREY = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmark:
    """One thing: half its size, and where its middle is on the table."""

    name: str
    half_m: tuple[float, float, float]
    at_m: tuple[float, float]
    turned_deg: float


LANDMARKS = (
    Landmark(name="poster_left", half_m=(0.090, 0.065, 0.0005), at_m=(0.02, -0.285), turned_deg=8.0),
    Landmark(name="poster_right", half_m=(0.090, 0.065, 0.0005), at_m=(0.00, 0.290), turned_deg=-12.0),
    Landmark(name="poster_back", half_m=(0.060, 0.085, 0.0005), at_m=(-0.125, 0.110), turned_deg=4.0),
    Landmark(name="tool_box", half_m=(0.045, 0.085, 0.0300), at_m=(-0.115, -0.140), turned_deg=-15.0),
    Landmark(name="book_left", half_m=(0.055, 0.040, 0.0120), at_m=(0.190, -0.262), turned_deg=20.0),
    Landmark(name="book_right", half_m=(0.055, 0.040, 0.0160), at_m=(0.180, 0.265), turned_deg=-25.0),
    Landmark(name="label_left", half_m=(0.035, 0.026, 0.0005), at_m=(0.305, -0.205), turned_deg=-35.0),
    Landmark(name="label_right", half_m=(0.035, 0.026, 0.0005), at_m=(0.300, 0.208), turned_deg=40.0),
)


def add_landmarks(spec: mujoco.MjSpec, seed: int) -> None:
    """Lay them around the table; to be called last, so that what was there before keeps its number."""
    rng = np.random.default_rng((seed, 11))
    body = spec.worldbody.add_body(name="landmarks")
    for mark in LANDMARKS:
        width, height = (round(2 * half * PX_PER_M) for half in mark.half_m[:2])
        picture = _picture(rng, width, height)
        texture = spec.add_texture(
            name=mark.name, type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=mujoco.mjtBuiltin.mjBUILTIN_NONE,
            width=width, height=height, nchannel=3,
        )  # fmt: skip
        texture.data = picture.tobytes()
        textures = [""] * mujoco.mjtTextureRole.mjNTEXROLE
        textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = mark.name
        spec.add_material(name=mark.name, textures=textures, specular=0.0)
        turn = np.radians(mark.turned_deg) / 2
        body.add_geom(
            name=mark.name, type=mujoco.mjtGeom.mjGEOM_BOX, size=mark.half_m,
            pos=[*mark.at_m, mark.half_m[2]], quat=[np.cos(turn), 0, 0, np.sin(turn)],
            material=mark.name, contype=0, conaffinity=0, group=2,
        )  # fmt: skip


def _picture(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """Return patches of all sizes over each other on light paper, (height, width, 3)."""
    picture = np.full((height, width, 3), rng.integers(190, 240, 3), np.uint8)
    n_patches = max(40, width * height // 900)
    for size_px in np.sort(rng.uniform(4, 0.4 * min(width, height), n_patches))[::-1]:
        row, column = rng.integers(height), rng.integers(width)
        stretch = rng.uniform(0.4, 2.5)
        half_rows, half_columns = max(2, int(size_px * stretch / 4)), max(2, int(size_px / stretch / 4))
        colour = rng.integers(0, 256, 3) if size_px < TOO_LARGE_FOR_GREY * height else rng.integers(90, 220, 3)
        rows = slice(max(0, row - half_rows), row + half_rows)
        picture[rows, max(0, column - half_columns) : column + half_columns] = colour
    return picture
