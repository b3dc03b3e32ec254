"""The report names every graph, mode and layer, and its picture has something in it."""

import io
import json
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from export.roofline.boards import BOARDS
from export.roofline.count import count
from export.roofline.floor import floor_of
from export.roofline.picture import draw_roofline
from export.roofline.report import Counted, as_json, count_table, floor_table, layer_table, numbers_table
from export.roofline.tensors import read_graph


def test_every_mode_and_precision_has_a_row_and_the_layers_are_named(mixed_file: Path) -> None:
    counted = _counted(mixed_file)
    board = BOARDS["orin-nx-16"]
    floor = floor_of(counted[0].layers, board, board.modes[0])
    for_programs = as_json([board], counted)
    assert len(json.loads(json.dumps(for_programs))["floors"]) == 2 * len(board.modes)
    assert for_programs["counted"][0]["macs"]["attention"] == 2 * 64 * 64 * 32
    lines = _text(floor_table([board], counted)).splitlines()
    for mode in board.modes:
        assert sum(mode.name in line.split("│")[2:3] or f" {mode.name} " in line for line in lines) >= 2
    told = _text(layer_table(counted[0], floor))
    assert all(alike.first.layer.name in told for alike in floor.longest(10))
    assert "attention" in _text(count_table("mixed", counted))
    assert "softmax" in _text(numbers_table(counted))


def test_the_picture_shows_dots_in_the_colours_of_both_precisions(mixed_file: Path, tmp_path: Path) -> None:
    draw_roofline(_counted(mixed_file), BOARDS["orin-agx-64"], tmp_path / "roofline.png")
    with Image.open(tmp_path / "roofline.png") as picture:
        colours = picture.convert("RGB").getcolors(picture.width * picture.height) or []
    found = {colour for n_pixels, colour in colours if n_pixels > 50}
    assert {(0x2F, 0x6D, 0xB3), (0x6B, 0x72, 0x80)} <= found


def _counted(path: Path) -> list[Counted]:
    graph = read_graph(path)
    return [
        Counted(graph="mixed", precision="fp32", layers=count(graph)),
        Counted(graph="mixed", precision="fp16", layers=count(graph, "fp16")),
    ]


def _text(table: Table) -> str:
    file = io.StringIO()
    Console(file=file, width=200).print(table)
    return file.getvalue()
