"""Whether the poses are enough, and of which kind more are needed: what a person is shown while they collect them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from calibration.geometry.chain import Chain
from calibration.geometry.transforms import Array, angle_deg
from calibration.hand_eye.sighting import Sighting
from interfaces.device_facts import CameraIntrinsics

Cells = NDArray[np.bool_]

TURNS_DEG = (14.0, 7.0, 3.0)  # spread of the hand's turns about their main axis, the second, and the third
CELLS = 3  # the picture in so many parts, across and down
CELLS_SEEN = 6
DISTANCE_RATIO = 1.25
AXES = ("one axis", "a second axis", "a third axis")
HINTS = (
    "tilt the hand more: forward and back",
    "tilt the hand to the sides as well",
    "turn the hand about the way it points, too",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that poses must bring."""

    what: str
    have: float
    want: float
    unit: str
    hint: str  # what to do where it is missing

    @property
    def met(self) -> bool:
        """Return whether there is enough of it."""
        return self.have >= self.want


def needs(sightings: Sequence[Sighting], chain: Chain, intrinsics: CameraIntrinsics, n_wanted: int) -> list[Need]:
    """Return what is needed, and how much of it there is."""
    spreads = turn_spreads_deg([sighting.position_rad for sighting in sightings], chain)
    cells = cells_seen(sightings, intrinsics)
    distances = [float(sighting.camera_from_board[2, 3]) for sighting in sightings]
    ratio = max(distances) / min(distances) if distances else 0.0
    turned = [
        Need(what=f"hand turned about {axis}", have=spread, want=want, unit="deg", hint=hint)
        for axis, spread, want, hint in zip(AXES, spreads, TURNS_DEG, HINTS, strict=True)
    ]
    empty = _where(~cells)
    return [
        Need(what="poses", have=len(sightings), want=n_wanted, unit="", hint="go to another pose and stand still"),
        *turned,
        Need(what="parts of the picture", have=cells.sum(), want=CELLS_SEEN, unit=f"of {CELLS**2}", hint=empty),
        Need(what="near and far, ratio", have=ratio, want=DISTANCE_RATIO, unit="", hint="bring it nearer, and farther"),
    ]


def turn_spreads_deg(positions_rad: Sequence[Array], chain: Chain) -> tuple[float, float, float]:
    """Return how far the hand's turns spread (standard deviation) about their main axis, the second and the third."""
    if len(positions_rad) < 2:
        return 0.0, 0.0, 0.0
    turns = chain.base_from_hands(np.stack(positions_rad))[:, :3, :3]
    u, _, vt = np.linalg.svd(turns.sum(axis=0))
    middle = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    vectors = np.stack([_axis_angle(middle.T @ turn) for turn in turns])
    values: Array = np.linalg.svd(vectors - vectors.mean(axis=0))[1]
    padded: list[float] = [*np.degrees(values / np.sqrt(len(turns))).tolist(), 0.0, 0.0]
    return padded[0], padded[1], padded[2]


def _axis_angle(rotation: Array) -> Array:
    return np.asarray(cv2.Rodrigues(rotation)[0], np.float64).ravel()


def cells_seen(sightings: Sequence[Sighting], intrinsics: CameraIntrinsics) -> Cells:
    """Return in which parts of the picture (row, column) corners have been."""
    seen = np.zeros((CELLS, CELLS), bool)
    for sighting in sightings:
        share = sighting.corners.pixels / [intrinsics.width_px, intrinsics.height_px]
        column, row = np.clip(share * CELLS, 0, CELLS - 1).astype(int).T
        seen[row, column] = True
    return seen


def is_new(sighting: Sighting, others: Sequence[Sighting]) -> bool:
    """Return whether a picture of the board is unlike all before: turned by 8 degrees, or moved by 3 cm."""
    return all(
        angle_deg(other.camera_from_board[:3, :3].T @ sighting.camera_from_board[:3, :3]) > 8.0
        or np.linalg.norm(other.camera_from_board[:3, 3] - sighting.camera_from_board[:3, 3]) > 0.03
        for other in others
    )


def coverage_table(rows: Sequence[Need], status: str) -> Table:
    """Return the needs as a table; its title says what to do next."""
    table = Table(title=f"{status}\n{advice(rows)}", title_justify="left", min_width=60)
    for column in ("", "have", "want", ""):
        table.add_column(column, justify="left" if not column else "right")
    for row in rows:
        colour = "green" if row.met else "yellow"
        digits = 2 if row.want < 2 else 0
        have, want = f"{row.have:.{digits}f}", f"{row.want:.{digits}f} {row.unit}"
        table.add_row(row.what, f"[{colour}]{have}[/]", want, "ok" if row.met else "")
    return table


def advice(rows: Sequence[Need]) -> str:
    """Return what is missing most, in words."""
    missing = [row for row in rows[1:] if not row.met]
    if not missing:
        return "good as it is; more poses make it better" if rows[0].met else rows[0].hint
    worst = min(missing, key=lambda row: row.have / row.want)
    return f"next: {worst.hint}"


def _where(empty: Cells) -> str:
    names = [
        f"{vertical} {horizontal}".strip()
        for vertical, row in zip(("top", "", "bottom"), empty, strict=True)
        for horizontal, cell in zip(("left", "middle", "right"), row, strict=True)
        if cell
    ]
    return f"show the board in other parts of the picture: {', '.join(names[:3])}"
