"""The page: each frame at its place, sharp, in the order of time; what is absent is said."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from distill.svam.showing.page import Block, Curve, Page, draw_page


def page(n_frames: int, n_blocks: int = 2) -> Page:
    """Now is green, what is foreseen gets redder, what happened gets bluer."""
    shade = np.linspace(100, 250, n_frames).astype(np.uint8)
    foreseen, happened = np.zeros((2, n_frames, 6, 6, 3), np.uint8)
    foreseen[..., 0], happened[..., 2] = shade[:, None, None], shade[:, None, None]
    block = Block(
        title="Video", about="about", foreseen_name="generated", happened_name="happened",
        now=np.broadcast_to(np.array([0, 200, 0], np.uint8), (12, 12, 3)).copy(), foreseen=foreseen, happened=happened,
        absent="nobody looked", axis="dB", curves=(Curve(name="generated", kind="foreseen", values=np.ones(n_frames)),),
        aside="", from_zero=True, smooth=False,
    )  # fmt: skip
    times_s = np.linspace(0.1, 0.1 * n_frames, n_frames)
    return Page(title="push, seed 0", about="about", times_s=times_s, blocks=(block,) * n_blocks, footnote="note")


def drawn(shown: Page) -> NDArray[Any]:
    return np.asarray(Image.open(io.BytesIO(draw_page(shown))).convert("RGB")).astype(int)


def spans(row: NDArray[Any]) -> list[tuple[int, int]]:
    """Return start and end of each stretch that is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def along(places: NDArray[Any]) -> NDArray[Any]:
    """Return which rows have such a pixel."""
    return places.sum(1) > 0


def pure(pixels: NDArray[Any], channel: int) -> NDArray[Any]:
    """Return where a pixel (row, column) has one colour alone."""
    others = [other for other in range(3) if other != channel]
    return (pixels[..., channel] > 90) & (pixels[..., others].max(-1) == 0)


@pytest.mark.parametrize("n_frames", [3, 8, 16])
def test_frames_stand_in_a_row_over_those_that_happened(n_frames: int) -> None:
    pixels = drawn(page(n_frames))
    red, blue, green = pure(pixels, 0), pure(pixels, 2), pure(pixels, 1)
    rows = spans(along(red))
    assert len(rows) == 2  # blocks
    middle = sum(rows[0]) // 2
    columns = spans(red[middle])
    assert len(columns) == min(n_frames, 8)
    assert {end - start for start, end in columns} == {rows[0][1] - rows[0][0]}  # square, and none is cut
    shades = [int(pixels[middle, start + 2, 0]) for start, _ in columns]
    assert shades == sorted(shades)
    assert (shades[0], shades[-1]) == (100, 250)
    below = spans(along(blue))[0]
    assert below[0] > rows[0][1]
    assert spans(blue[sum(below) // 2]) == columns
    now = spans(along(green))[0]
    assert abs(now[0] - rows[0][0]) <= 1
    assert abs(now[1] - below[1]) <= 1


def test_what_is_absent_is_left_out_and_the_rest_stays() -> None:
    whole = page(3, n_blocks=1)
    block = replace(whole.blocks[0], happened=None, curves=())
    pixels = drawn(replace(whole, blocks=(block,)))
    assert pure(pixels, 0).any()
    assert not pure(pixels, 2).any()
    assert (pixels == 0xF2).all(-1).sum() > 5000  # the pale field that says why


def test_a_page_is_the_same_each_time() -> None:
    assert draw_page(page(3)) == draw_page(page(3))
