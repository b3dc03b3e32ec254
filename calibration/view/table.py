"""Where the table is, as the camera sees it: by its depth, by the hand-eye record, or by a board that lies on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from calibration.board.board import BoardFinder, BoardSpec
from calibration.board.pose import pose_of_board
from calibration.geometry.transforms import Transform, from_pose, inverse
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.calibration.camera import HandEyeRecord
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import RefusedError
from interfaces.messages import Rgb
from runtime.policy.view.moved_view import Picture
from runtime.policy.view.pinhole import Pinhole
from runtime.policy.view.table_plane import TablePlane, plane_from_depth

_NEAREST_M = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table, and who told."""

    plane: TablePlane
    told_by: str  # "depth", "hand-eye", "board"


def find_table(
    workplace: Workplace,
    camera: str,
    picture: Picture,
    frame_rgb: Rgb,
    pinhole: Pinhole,
    which_board: Callable[[], BoardSpec],
) -> Table:
    """Return the table, by the best that there is; raises RefusedError where nothing tells.

    `picture` is without distortion; `frame_rgb` as the camera gave it, for the board, which is asked after only where it is
    needed.
    """
    plane = None if picture.depth_mm is None else plane_from_depth(picture.depth_mm, pinhole)
    if plane is not None:
        return Table(plane=plane, told_by="depth")
    record = RecordStore(workplace.records).current("hand_eye", camera)
    if isinstance(record, HandEyeRecord) and record.header.passed:
        return Table(plane=plane_below_base(from_pose(record.parent_from_camera)), told_by="hand-eye")
    plane = plane_of_board(frame_rgb, which_board(), pinhole.intrinsics)
    if plane is not None:
        return Table(plane=plane, told_by="board")
    raise RefusedError(
        f"camera {camera} does not tell how far the table is: it gives no depth, there is no hand-eye record, and no board lies"
        " in view: lay the board of `forerun calibrate board` flat on the table, whole in the picture, and try again"
    )


def plane_below_base(base_from_camera: Transform) -> TablePlane:
    """Return the plane z = 0 of the arm's base, on which it stands, in the camera's frame; raises RefusedError for a camera below it."""
    camera_from_base = inverse(base_from_camera)
    normal, origin_m = camera_from_base[:3, 2], camera_from_base[:3, 3]
    distance_m = float(-normal @ origin_m)
    if distance_m < _NEAREST_M:
        raise RefusedError(
            f"the hand-eye record has the camera {distance_m * 1e3:.0f} mm above the arm's foot; the table cannot be seen from there"
        )
    return TablePlane(normal=normal, distance_m=distance_m)


def plane_of_board(rgb: Rgb, board: BoardSpec, intrinsics: CameraIntrinsics) -> TablePlane | None:
    """Return the plane of a board that lies on the table; None where none is seen."""
    corners = BoardFinder(board).find(rgb)
    if corners is None:
        return None
    camera_from_board = pose_of_board(corners, intrinsics).camera_from_board
    normal = -camera_from_board[:3, 2]  # its z goes into the board
    return TablePlane(normal=normal, distance_m=float(-normal @ camera_from_board[:3, 3]))
