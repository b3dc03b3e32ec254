"""The table and the picture of a sensitivity search say what was measured and what was decided."""

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from export.gates.figures import Figures, compare
from export.gates.limits import Limits
from export.quantise.blocks import Layout
from export.quantise.search import SearchResult, search
from export.quantise.sensitivity import Sensitivity
from export.quantise.units import KeptBy, Unit
from export.quantise.variants import BlockId
from export.sensitivity_report import write_sensitivity
from interfaces.progress import silent

LIMITS = Limits(action_error_max_ratio=0.02, action_cosine_min=0.9)
ERRORS = {"net.good": 0.002, "net.bad": 0.05, "first": 0.001, "mine": 0.007}
KEPT: dict[str, KeptBy] = {"first": "default", "mine": "pinned"}
FRAME = 4
BLUE, ORANGE, LIGHT, DARK, RED = "#1f77b4", "#e6550d", "#b8b8b8", "#6a6a6a", "#c00000"


class Pretended:
    """A policy whose errors add up from those of its blocks, in one joint of one frame."""

    layout: Layout = "trt-int8"

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.tokens: NDArray[np.float64] = rng.normal(size=(6, 2, 4))
        self.positions: NDArray[np.float64] = rng.normal(size=(6, 6, 2))

    def figures(self, quantised: Collection[BlockId], frames: Sequence[int] | None = None) -> Figures:
        positions = self.positions.copy()
        if frames is None or FRAME in frames:
            error = sum(ERRORS[one.block] for one in quantised)
            positions[FRAME, 2, 1] += error * np.ptp(positions[:, :, 1])
        return compare(self.tokens, self.positions, self.tokens, positions, ("lift", "turn"))


def unit(name: str) -> Unit:
    reason = f"why {name}" if name in KEPT else ""
    return Unit(
        name=name, graph="foresight", kind="conv", blocks=(name,), macs=250, kept_by=KEPT.get(name), reason=reason
    )


@pytest.fixture
def sensitivities() -> list[Sensitivity]:
    policy = Pretended()
    units = [unit(name) for name in ERRORS]
    return [Sensitivity(unit=unit, figures=policy.figures(unit.ids)) for unit in units]


@pytest.fixture
def result(sensitivities: list[Sensitivity]) -> SearchResult:
    return search(Pretended(), sensitivities, LIMITS, silent)


def test_the_table_says_what_each_block_costs_and_what_was_decided(
    sensitivities: list[Sensitivity], result: SearchResult, tmp_path: Path
) -> None:
    table, _ = write_sensitivity(tmp_path, "pretended", sensitivities, result, LIMITS)
    assert table == "sensitivity.trt-int8.csv"
    rows = list(csv.DictReader(io.StringIO((tmp_path / table).read_text())))
    found = [(row["block"], row["decision"], row["reason"], float(row["action_error_percent"])) for row in rows]
    assert found == [
        ("net.bad", "kept by search", "", pytest.approx(5.0)),
        ("mine", "pinned", "why mine", pytest.approx(0.7)),
        ("net.good", "INT8", "", pytest.approx(0.2)),
        ("first", "kept by default", "why first", pytest.approx(0.1)),
    ]
    assert {(row["joint"], row["frame"], row["macs_percent"]) for row in rows} == {("turn", str(FRAME), "25.000")}


def colours(picture: Path) -> dict[str, int]:
    """Return the number of points of each colour."""
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    kinds, counts = np.unique(pixels, axis=0, return_counts=True)
    return {f"#{r:02x}{g:02x}{b:02x}": int(n) for (r, g, b), n in zip(kinds.tolist(), counts.tolist(), strict=True)}


def test_the_picture_shows_each_decision_in_its_colour_and_the_limit(
    sensitivities: list[Sensitivity], result: SearchResult, tmp_path: Path
) -> None:
    _, picture = write_sensitivity(tmp_path, "pretended", sensitivities, result, LIMITS)
    assert picture == "sensitivity.trt-int8.png"
    shown = colours(tmp_path / picture)
    assert all(shown.get(colour, 0) > 1000 for colour in (BLUE, ORANGE, LIGHT, DARK))
    assert shown.get(RED, 0) > 30  # a thin line
    # Logarithmic: the bar of 5 % is longer than that of 0.2 %, and not 25 times.
    assert shown[BLUE] < shown[ORANGE] < 5 * shown[BLUE]


def test_the_same_search_gives_the_same_files(
    sensitivities: list[Sensitivity], result: SearchResult, tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_sensitivity(tmp_path / folder, "pretended", sensitivities, result, LIMITS)
    for name in ("sensitivity.trt-int8.csv", "sensitivity.trt-int8.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_block_that_costs_nothing_has_a_place_on_the_logarithmic_axis(
    sensitivities: list[Sensitivity], result: SearchResult, tmp_path: Path
) -> None:
    idle = replace(unit("first"), name="idle", graph="action", blocks=("idle", "idle2"), macs=0)
    exact = Sensitivity(unit=idle, figures=Pretended().figures(()))
    table, picture = write_sensitivity(tmp_path, "pretended", [*sensitivities, exact], result, LIMITS)
    assert "action,idle,conv,2,0,0.000,kept by default,why first,0.0000" in (tmp_path / table).read_text()
    assert (tmp_path / picture).stat().st_size > 10_000
