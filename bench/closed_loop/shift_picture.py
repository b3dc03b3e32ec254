"""What the shifts look like: `python -m bench.closed_loop.shift_picture docs/pictures/shifts.png`, a row a task, a column a shift."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from sim.camera.renderer import HEIGHT_PX, WIDTH_PX, CameraRenderer
from sim.shifts.named import SHIFTS
from sim.tasks import TASKS
from sim.world import World

GAP_PX, CAPTION_PX = 4, 16
LATE_NS = 1_000_000_000  # after whatever happens in mid-episode


def picture_of(shift_name: str, task: str, seed: int) -> Image.Image:
    """Return what the camera sees of an episode whose arm stays where it starts, after all that the shift does."""
    shift = SHIFTS[shift_name]()
    seen = World(add_last=shift.add_to)
    renderer = CameraRenderer(seen.model)
    seen.reset(task, seed)
    shift.begin(seen, seed)
    shift.dress(seen, seed)
    shift.during(seen, LATE_NS)
    picture = Image.fromarray(renderer.render(seen.data)[0])
    renderer.close()
    return picture


def sheet_of(tasks: list[str], seed: int) -> Image.Image:
    """Return all shifts of some tasks beside each other."""
    width, height = WIDTH_PX + GAP_PX, HEIGHT_PX + CAPTION_PX + GAP_PX
    sheet = Image.new("RGB", (len(SHIFTS) * width - GAP_PX, len(tasks) * height - GAP_PX), (250, 250, 250))
    draw = ImageDraw.Draw(sheet)
    for row, task in enumerate(tasks):
        for column, name in enumerate(SHIFTS):
            left, top = column * width, row * height
            draw.text((left + 2, top + 2), f"{task}, seed {seed}: {name}", fill=(30, 30, 30))
            sheet.paste(picture_of(name, task, seed), (left, top + CAPTION_PX))
    return sheet


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=["push", "lift"])
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    sheet_of(arguments.tasks, arguments.seed).quantize(128).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
