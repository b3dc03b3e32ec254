"""What the operator sees while showing the board, and at the end: a coarse map of the picture, what is missing, the checks."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from calibration.board.board import BoardCorners
from calibration.camera.coverage import Coverage, Need
from calibration.camera.judge import Judgement
from interfaces.calibration.record import Check

BAR_CELLS = 12


def coverage_screen(coverage: Coverage, seen: BoardCorners | None, status: str) -> RenderableType:
    """Return the map and the list; `seen` is where the board is now."""
    grid = Table.grid(padding=(0, 3))
    grid.add_row(_map(coverage, seen), _list(coverage))
    missing = [need for need in coverage.needs() if not need.met]
    advice = "everything was shown: ENTER" if coverage.complete else missing[0].advice
    return Group(
        grid,
        Text.assemble("now: ", (status, "bold green" if status == "taken" else "bold")),
        Text.assemble("next: ", (advice, "bold cyan")),
    )


def _map(coverage: Coverage, seen: BoardCorners | None) -> RenderableType:
    here = coverage.map_of(seen) > 0 if seen is not None else coverage.cells < 0
    text = Text()
    for row, cells in enumerate(coverage.cells):
        for column, n_corners in enumerate(cells):
            if here[row, column]:
                text.append("▒▒▒", style="yellow")
            elif n_corners:
                text.append("███", style="green")
            else:
                text.append(" · ", style="dim")
        text.append("\n")
    text.append("as the camera sees it\n███ shown  ▒▒▒ board now", style="dim")
    return text


def _list(coverage: Coverage) -> Table:
    table = Table.grid(padding=(0, 1))
    for need in coverage.needs():
        table.add_row(Text("✓" if need.met else "·", style="green" if need.met else "red"), need.name, *_bar(need))
    return table


def _bar(need: Need) -> tuple[Text, str]:
    n_full = round(min(1.0, need.have / need.want) * BAR_CELLS)
    counted = isinstance(need.have, int)
    numbers = f"{need.have} of {need.want:g}" if counted else f"{need.have:.2f} of {need.want:g}"
    return Text("━" * n_full + "╌" * (BAR_CELLS - n_full), style="green" if need.met else "yellow"), numbers


def checks_table(title: str, checks: tuple[Check, ...]) -> Table:
    """Return checks as a table."""
    table = Table(title=title, title_justify="left")
    for column in ("check", "value", "limit", ""):
        table.add_column(column, justify="left" if column == "check" else "right")
    for check in checks:
        verdict = Text("good", "green") if check.passed else Text("not good", "red")
        unit = "" if check.unit == "ratio" else f" {check.unit}"
        table.add_row(check.name, f"{check.value:.3f}{unit}", f"{check.limit:.3f}{unit}", verdict)
    return table


def lenses_table(judgement: Judgement, factory_name: str) -> Table:
    """Return the numbers of both lenses."""
    estimate = judgement.estimate
    table = Table(title="the lens", title_justify="left")
    for column in ("", factory_name, "estimated", "1 sigma"):
        table.add_column(column, justify="right")
    sigmas = (*estimate.focal_sigma_px, *estimate.centre_sigma_px)
    names = ("focal_x_px", "focal_y_px", "centre_x_px", "centre_y_px")
    for name, sigma in zip(names, sigmas, strict=True):
        factory = getattr(judgement.factory, name) if judgement.factory is not None else None
        told = "not told" if factory is None else f"{factory:.2f}"
        table.add_row(name, told, f"{getattr(estimate.intrinsics, name):.2f}", f"{sigma:.2f}")
    for k, name in enumerate(("k1", "k2", "p1", "p2")):
        told = "not told" if judgement.factory is None else f"{judgement.factory.distortion[k]:.4f}"
        value, sigma = estimate.intrinsics.distortion[k], estimate.distortion_sigma[k]
        table.add_row(name, told, f"{value:.4f}", f"{sigma:.4f}")
    return table
