"""How well the board was shown: where in the picture, how far away, leaning which way; what is missing, and what is new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.board.board import BoardCorners
from calibration.board.pose import BoardPose
from calibration.geometry.transforms import Transform
from interfaces.calibration.record import Check
from interfaces.device_facts import CameraIntrinsics

MAP_COLUMNS, MAP_ROWS = 8, 5
MAP_SHARE_MIN = 0.8  # of the map's cells must have had a corner: the lens is unknown where no corner was
LEAN_MIN_DEG = 15.0  # a board seen straight on tells nothing of the focal length
LEANS = ("top away", "bottom away", "left side away", "right side away")  # as the picture shows it
VIEWS_PER_LEAN = 3
DISTANCE_RATIO_MIN = 1.4  # of the farthest view to the nearest
NEAR_TO_FAR_MAX_RATIO = 0.8
UNCOVERED_MAX_RATIO = 0.2
FAR_TO_NEAR = "far : near"
VIEWS_MIN = 24
VIEWS_MAX = 60
CORNERS_MIN = 12  # in a view that is taken
NEW_MIN = 0.2  # how much a view must differ from each one before: see `_difference`

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One picture of the board that was taken."""

    corners: BoardCorners
    camera_from_board: Transform  # by the lens as it was known then: for coverage, not for measuring
    features: Array  # what makes it different from others: see `_features`


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that must be shown."""

    name: str
    have: float
    want: float
    advice: str  # what the operator does for it

    @property
    def met(self) -> bool:
        """Return whether it was shown."""
        return self.have >= self.want


class Coverage:
    """The views taken so far."""

    def __init__(self, intrinsics: CameraIntrinsics) -> None:
        """`intrinsics` need only be about right."""
        self._size_px = np.array([intrinsics.width_px, intrinsics.height_px], np.float64)
        self.views: list[View] = []
        self.cells = np.zeros((MAP_ROWS, MAP_COLUMNS), int)  # how many corners were there

    @property
    def share(self) -> float:
        """Return the share of the map that has corners."""
        return float((self.cells > 0).mean())

    @property
    def complete(self) -> bool:
        """Return whether nothing is missing."""
        return all(need.met for need in self.needs()) or len(self.views) >= VIEWS_MAX

    def view(self, corners: BoardCorners, pose: BoardPose) -> View:
        """Return a view, not added yet."""
        return View(
            corners=corners,
            camera_from_board=pose.camera_from_board,
            features=_features(corners.pixels / self._size_px, pose.camera_from_board),
        )

    def wants(self, view: View) -> bool:
        """Return whether a view shows enough of the board, and something that none before has."""
        if len(view.corners.ids) < CORNERS_MIN:
            return False
        return all(_difference(view.features, other.features) > NEW_MIN for other in self.views)

    def add(self, view: View) -> None:
        """Take a view."""
        self.views.append(view)
        self.cells += self.map_of(view.corners)

    def map_of(self, corners: BoardCorners) -> NDArray[np.int_]:
        """Return how many corners are in each cell of the map (MAP_ROWS, MAP_COLUMNS)."""
        places = ((corners.pixels + 0.5) / self._size_px * (MAP_COLUMNS, MAP_ROWS)).astype(int)
        columns, rows = np.clip(places, 0, (MAP_COLUMNS - 1, MAP_ROWS - 1)).T
        counts = np.zeros((MAP_ROWS, MAP_COLUMNS), int)
        np.add.at(counts, (rows, columns), 1)
        return counts

    def needs(self) -> list[Need]:
        """Return everything that must be shown, in the order that the operator is led."""
        distances_m = [float(view.camera_from_board[2, 3]) for view in self.views]
        ratio = max(distances_m) / min(distances_m) if distances_m else 1.0
        leans = [
            Need(name=name, have=n_views, want=VIEWS_PER_LEAN, advice=f"lean the board by 20 to 40 degrees, {name}")
            for name, n_views in zip(LEANS, self.n_leaning(), strict=True)
        ]
        return [
            Need(name="picture covered", have=self.share, want=MAP_SHARE_MIN, advice=self._where()),
            *leans,
            Need(
                name=FAR_TO_NEAR,
                have=ratio,
                want=DISTANCE_RATIO_MIN,
                advice="show it once so near that it fills the picture, and once farther away",
            ),
            Need(name="views", have=len(self.views), want=VIEWS_MIN, advice="show it from more sides"),
        ]

    def checks(self) -> tuple[Check, ...]:
        """Return whether enough was shown to believe what comes of it; somewhat less than is asked for."""
        ratio = next(need.have for need in self.needs() if need.name == FAR_TO_NEAR)
        never = float(sum(n_views == 0 for n_views in self.n_leaning()))
        return (
            Check(name="picture without corners", value=1.0 - self.share, limit=UNCOVERED_MAX_RATIO, unit="ratio"),
            Check(name="sides that the board was never leaned to", value=never, limit=0.0, unit=""),
            Check(name="nearest view over farthest", value=1.0 / ratio, limit=NEAR_TO_FAR_MAX_RATIO, unit="ratio"),
        )

    def n_leaning(self) -> tuple[int, ...]:
        """Return how many views lean each way of LEANS."""
        leans = np.array([_leans_deg(view.camera_from_board) for view in self.views]).reshape(-1, len(LEANS))
        return tuple(int(n) for n in (leans >= LEAN_MIN_DEG).sum(axis=0))

    def _where(self) -> str:
        """Return where in the picture the board was shown least."""
        thirds_x = np.array_split(np.arange(MAP_COLUMNS), 3)
        thirds_y = np.array_split(np.arange(MAP_ROWS), 3)
        empty = {
            (y, x): float((self.cells[np.ix_(thirds_y[y], thirds_x[x])] == 0).mean())
            for y in range(3)
            for x in range(3)
        }
        y, x = max(empty, key=lambda place: empty[place])
        names = ("upper", "middle", "lower")[y], ("left", "middle", "right")[x]
        place = "middle" if names == ("middle", "middle") else " ".join(names)
        return f"move it to the {place} of the picture"


def _leans_deg(camera_from_board: Transform) -> tuple[float, ...]:
    x, y, z = camera_from_board[:3, 2].tolist()  # the board's normal, away from the camera
    sideways, upwards = np.degrees(np.arctan2([x, y], z))
    return float(upwards), float(-upwards), float(sideways), float(-sideways)


def _features(places: Array, camera_from_board: Transform) -> Array:
    middle = places.mean(axis=0)
    normal = camera_from_board[:3, 2]
    roll = np.arctan2(camera_from_board[1, 0], camera_from_board[0, 0])
    return np.array([*middle, np.log(camera_from_board[2, 3]), *normal, roll])


def _difference(one: Array, other: Array) -> float:
    """Return how different two views are; 0.2 is a fifth of the picture aside, a fifth nearer, leaned or turned by 12 degrees."""
    aside = np.abs(one[:2] - other[:2]).sum()
    nearer = abs(one[2] - other[2])
    leaned = np.linalg.norm(one[3:6] - other[3:6])
    turned = abs((one[6] - other[6] + np.pi) % (2 * np.pi) - np.pi)
    return float(aside + nearer + leaned + turned)
