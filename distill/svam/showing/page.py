"""The picture of one instant, drawn: now on the left, what was foreseen over what happened, and how far apart the two are.

now   | foreseen   [ ][ ][ ][ ][ ][ ][ ][ ] |  error over time,
      | happened   [ ][ ][ ][ ][ ][ ][ ][ ] |  beside that of saying that nothing moves
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # (..., h, w, 3)

_INK, _GREY, _PALE, _ABSENT = "#222222", "#6f6f6f", "#c9c9c9", "#f2f2f2"
COLOURS = {"foreseen": "#d9541e", "still": "#7d8590"}
_HAPPENED = "#2f6db3"
_DPI = 130

# inches
_CELL, _GAP, _MARGIN = 0.80, 0.05, 0.22
_NOW = 2 * _CELL + _GAP
_NAMES, _CURVES, _CURVES_LEFT = 1.06, 1.75, 0.72
_TOP, _HEAD, _TIMES, _BETWEEN, _BOTTOM = 0.74, 0.30, 0.20, 0.16, 0.46
_COLUMNS_MAX = 8  # frames that are drawn; curves know all


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How near something is to what happened, frame by frame."""

    name: str
    kind: Literal["foreseen", "still"]
    values: NDArray[np.float64]  # (T,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One way of looking at the future."""

    title: str
    about: str
    foreseen_name: str
    happened_name: str
    now: Pixels  # (h, w, 3)
    foreseen: Pixels  # (T, h, w, 3)
    happened: Pixels | None  # like foreseen; None: `absent` says why
    absent: str
    axis: str
    curves: tuple[Curve, ...]
    aside: str  # one line below the curves' names
    from_zero: bool  # errors: half as high is half as far off
    smooth: bool  # few large places, drawn smoothly


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that is drawn for one instant."""

    title: str
    about: str
    times_s: NDArray[np.float64]  # (T,) from now
    blocks: tuple[Block, ...]
    footnote: str


def draw_page(page: Page) -> bytes:
    """Return the picture as PNG."""
    columns = _columns(len(page.times_s))
    width = 2 * _MARGIN + _NOW + _NAMES + _strip(len(columns)) + _CURVES_LEFT + _CURVES
    height = _TOP + _TIMES + len(page.blocks) * (_HEAD + _NOW + _BETWEEN) + _BOTTOM
    sheet = _Sheet(width, height)
    sheet.text(_MARGIN, 0.34, page.title, size=15, weight="bold")
    sheet.text(_MARGIN, 0.60, page.about, size=8.5, colour=_GREY)
    top, drawn_last = _TOP, next((block for block in reversed(page.blocks) if block.curves), None)
    for number, block in enumerate(page.blocks):
        _draw_head(sheet, block, top)
        top += _HEAD
        if number == 0:
            _draw_times(sheet, page.times_s[columns], top)
            top += _TIMES
        _draw_frames(sheet, block, columns, top)
        if block.curves:
            left = _MARGIN + _NOW + _NAMES + _strip(len(columns)) + _CURVES_LEFT
            axes = sheet.axes(left, top, _CURVES, _NOW - 0.10)
            _draw_curves(axes, block, page.times_s)
            if block is drawn_last:
                axes.set_xlabel("s from now", fontsize=7.5, color=_GREY)
        top += _NOW + _BETWEEN
    sheet.text(_MARGIN, height - 0.16, page.footnote, size=7.5, colour=_GREY)
    return sheet.png()


def _columns(n_frames: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, n_frames - 1, min(n_frames, _COLUMNS_MAX)).round().astype(np.int64))


def _strip(n_columns: int) -> float:
    return n_columns * (_CELL + _GAP) - _GAP


class _Sheet:
    """A figure measured in inches from its upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure: Any = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        across, up = self.width, self.height
        return self.figure.add_axes((left / across, 1.0 - (top + height) / up, width / across, height / up))

    def text(self, left: float, base: float, words: str, *, size: float, colour: str = _INK, **more: Any) -> None:
        self.figure.text(left / self.width, 1.0 - base / self.height, words, fontsize=size, color=colour, **more)

    def picture(self, left: float, top: float, side: float, pixels: Pixels, *, smooth: bool) -> None:
        """Place a picture pixel for pixel: resized once, and not a second time by whoever draws the figure."""
        n = round(side * _DPI)
        how = Image.Resampling.BICUBIC if smooth else Image.Resampling.LANCZOS
        resized = np.asarray(Image.fromarray(pixels).resize((n, n), how))
        self.figure.figimage(resized, round(left * _DPI), round((self.height - top - side) * _DPI))

    def png(self) -> bytes:
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        file = io.BytesIO()  # without the alpha channel, which matplotlib's own PNG would have
        Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(file, "PNG", optimize=True)
        return file.getvalue()


def _draw_head(sheet: _Sheet, block: Block, top: float) -> None:
    sheet.text(_MARGIN, top + 0.20, block.title, size=10.5, weight="bold")
    sheet.text(_MARGIN + _NOW + _NAMES, top + 0.20, block.about, size=8, colour=_GREY)


def _draw_times(sheet: _Sheet, times_s: NDArray[np.float64], top: float) -> None:
    sheet.text(_MARGIN + _NOW / 2, top + 0.13, "now", size=8, ha="center")
    for column, time_s in enumerate(times_s):
        middle = _MARGIN + _NOW + _NAMES + column * (_CELL + _GAP) + _CELL / 2
        sheet.text(middle, top + 0.13, f"+{time_s:.3g} s", size=8, ha="center")


def _draw_frames(sheet: _Sheet, block: Block, columns: NDArray[np.int64], top: float) -> None:
    sheet.picture(_MARGIN, top, _NOW, block.now, smooth=block.smooth)
    rows: Sequence[tuple[str, str, Pixels | None]] = (
        (block.foreseen_name, COLOURS["foreseen"], block.foreseen),
        (block.happened_name, _HAPPENED, block.happened),
    )
    left = _MARGIN + _NOW + _NAMES
    for row, (name, colour, pictures) in enumerate(rows):
        upper = top + row * (_CELL + _GAP)
        sheet.text(left - 0.10, upper + _CELL / 2, name, size=9, colour=colour, ha="right", va="center")
        if pictures is None:
            _draw_absent(sheet, block, left, upper, len(columns))
            continue
        for column, pixels in enumerate(pictures[columns]):
            sheet.picture(left + column * (_CELL + _GAP), upper, _CELL, pixels, smooth=block.smooth)


def _draw_absent(sheet: _Sheet, block: Block, left: float, top: float, n_columns: int) -> None:
    axes = sheet.axes(left, top, _strip(n_columns), _CELL)
    axes.set_facecolor(_ABSENT)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, block.absent, ha="center", va="center", fontsize=7.5, color=_GREY, wrap=True)


def _draw_curves(axes: Any, block: Block, times_s: NDArray[np.float64]) -> None:
    for curve in block.curves:
        width = 1.8 if curve.kind == "foreseen" else 1.4
        axes.plot(times_s, curve.values, color=COLOURS[curve.kind], linewidth=width, label=curve.name)
    if block.aside:
        axes.plot([], [], color=COLOURS["still"], linestyle="", label=block.aside)
    axes.set_ylabel(block.axis, fontsize=7.5, color=_GREY)
    axes.tick_params(labelsize=7, colors=_GREY, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_PALE)
    values = np.concatenate([curve.values for curve in block.curves])
    low, high = 0.0 if block.from_zero else float(values.min()), float(values.max())
    n_lines, span = len(block.curves) + bool(block.aside), max(high - low, 1e-6)
    axes.set_ylim(low - (0.0 if block.from_zero else 0.08 * span), high + (0.08 + 0.12 * n_lines) * span)
    axes.legend(  # above all curves, in the room left for it
        fontsize=6.5, frameon=False, labelcolor="linecolor", handlelength=1.4, loc="upper left", borderaxespad=0.1
    )  # fmt: skip
