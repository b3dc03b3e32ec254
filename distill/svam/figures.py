"""What a run leaves for people: figures as JSON lines, and pictures of what a video model foresees."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from interfaces.durable import write_whole

FIGURES_FILE = "figures.jsonl"
_GAP_PX = 2


def add_figures(folder: Path, stage: str, step: int, figures: dict[str, float]) -> None:
    """Append one line to the run's figures."""
    told = {name: round(value, 6) for name, value in figures.items()}
    with (folder / FIGURES_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"stage": stage, "step": step, **told}) + "\n")


def write_strips(path: Path, rows: list[Tensor], scale: int = 2) -> None:
    """Write pictures (T, 3, p, p) in -1..1, a row for each of `rows`, as one PNG."""
    strips = [_strip(row) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    padded = [
        np.pad(strip, ((0, _GAP_PX), (0, width - strip.shape[1]), (0, 0)), constant_values=255) for strip in strips
    ]
    whole = Image.fromarray(np.concatenate(padded))
    whole = whole.resize((scale * whole.width, scale * whole.height), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    write_whole(path, buffer.getvalue())


def _strip(pictures: Tensor) -> NDArray[np.uint8]:
    pixels = ((pictures.float().clamp(-1.0, 1.0) + 1.0) * 127.5).round().byte()  # (T, 3, p, p)
    rows = pixels.permute(0, 2, 3, 1).cpu().numpy()
    gap = np.full((rows.shape[1], _GAP_PX, 3), 255, np.uint8)
    return np.concatenate([part for picture in rows for part in (picture, gap)], axis=1)
