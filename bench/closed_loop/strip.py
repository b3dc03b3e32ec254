"""A picture strip: what the camera saw through an episode, with the path drawn in that the policy predicted for the fingertip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from interfaces.messages import JointRows, Rgb
from sim.world import World

_NOW, _SOON, _LATER = (255, 255, 255), (255, 90, 200), (90, 20, 110)
_GAP_PX = 4
_CAPTION_PX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One picture, and the chunk that the policy had made by then."""

    elapsed_s: float
    rgb: Rgb
    joints_rad: NDArray[np.float64]  # (joint,) measured
    chunk_rad: JointRows | None  # (horizon, joint)


def draw_moment(world: World, moment: Moment) -> Image.Image:
    """Return the picture with the predicted path of the fingertip: pink soon, violet later, a white dot where the tip is."""
    picture = Image.fromarray(moment.rgb)
    draw = ImageDraw.Draw(picture)
    here = world.project_px(world.tip_path_m(moment.joints_rad[None]))[0]
    if moment.chunk_rad is not None:
        path = np.vstack([here, world.project_px(world.tip_path_m(moment.chunk_rad))])
        for index in range(len(path) - 1):
            share = index / max(len(path) - 2, 1)
            colour = tuple(round(a + share * (b - a)) for a, b in zip(_SOON, _LATER, strict=True))
            draw.line([tuple(path[index]), tuple(path[index + 1])], fill=colour, width=3)
    x, y = here
    draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=_NOW, outline=(60, 60, 60))
    return picture


def save_strip(world: World, rows: dict[str, list[Moment]], path: Path, columns: int = 5) -> None:
    """Write one row of pictures an episode, `columns` of them spread over its time."""
    cells = {title: _spread(moments, columns) for title, moments in rows.items() if moments}
    if not cells:
        return
    height, width = next(iter(cells.values()))[0].rgb.shape[:2]
    size = (columns * (width + _GAP_PX) - _GAP_PX, len(cells) * (height + _CAPTION_PX + _GAP_PX) - _GAP_PX)
    sheet = Image.new("RGB", size, (250, 250, 250))
    draw = ImageDraw.Draw(sheet)
    for row, (title, moments) in enumerate(cells.items()):
        top = row * (height + _CAPTION_PX + _GAP_PX)
        for column, moment in enumerate(moments):
            left = column * (width + _GAP_PX)
            draw.text((left + 2, top + 2), f"{title}   {moment.elapsed_s:.2f} s", fill=(30, 30, 30))
            sheet.paste(draw_moment(world, moment), (left, top + _CAPTION_PX))
    sheet.save(path)


def save_gif(world: World, moments: list[Moment], path: Path) -> None:
    """Write an episode as a moving picture, at the pace at which it was seen."""
    if len(moments) < 2:
        return
    pictures = [draw_moment(world, moment) for moment in moments]
    times_s = [moment.elapsed_s for moment in moments]
    durations_ms = [
        max(20, round(1000 * (b - a))) for a, b in zip(times_s, [*times_s[1:], times_s[-1] + 1.0], strict=True)
    ]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations_ms, loop=0)


def _spread(moments: list[Moment], count: int) -> list[Moment]:
    indices = np.unique(np.linspace(0, len(moments) - 1, count).round().astype(int))
    return [moments[index] for index in indices]
