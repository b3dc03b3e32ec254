"""Now against then: how far the camera moved since its view was recorded, once or live until it is pushed back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from calibration.records.store import RecordStore
from calibration.session.stills import take_still
from calibration.session.workplace import Workplace
from calibration.view.drawing import draw_motion, save_picture
from drivers.camera import Camera
from interfaces.calibration.camera import ViewRecord
from interfaces.calibration_config import CalibrationConfig
from interfaces.camera_config import CameraConfig
from interfaces.errors import CalibrationError
from runtime.known_camera import why_other_camera
from runtime.policy.view.known_views import depth_is_aligned
from runtime.policy.view.landmarks import Landmarks, from_bytes
from runtime.policy.view.moved_view import Picture, ViewMotion, how_moved, one_picture
from runtime.policy.view.pinhole import Array, Pinhole
from runtime.policy.view.verdict import moved, too_vague
from runtime.policy.view.view_guard import N_FRAMES

_WATCH_FRAMES = 3
_IN_PLACE_LOOKS = 3  # in a row, before it counts as back


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One look."""

    picture: Picture
    motion: ViewMotion
    in_place: bool
    why_vague: str


class Looker:
    """Looks through one camera, and compares with its record."""

    def __init__(self, workplace: Workplace, config: CameraConfig, camera: Camera) -> None:
        """Take the open camera; raises CalibrationError where there is no record of it."""
        self._workplace, self._config, self._camera = workplace, config, camera
        record, self.landmarks = known_view(workplace, config, camera)
        self.pinhole = Pinhole(record.intrinsics)
        self.created = record.header.created

    @property
    def _limits(self) -> CalibrationConfig:
        return self._workplace.calibration

    def look(self, n_frames: int = N_FRAMES) -> Sighting:
        """Return how far the camera moved."""
        still = take_still(self._camera, None, self._workplace.clock, n_frames)
        picture = one_picture(still.frames, self.pinhole, aligned=depth_is_aligned(self._config))
        motion = how_moved(picture, self.landmarks, self.pinhole)
        vague = too_vague(motion, self._limits)
        return Sighting(
            picture=picture, motion=motion, in_place=not vague and not moved(motion, self._limits), why_vague=vague
        )

    def check(self) -> int:
        """Say how far the camera moved, draw it, and return the exit status: 1 when it moved, or that cannot be told."""
        operator, seen = self._workplace.operator, self.look()
        drawn = draw_motion(seen.picture.rgb, self.landmarks, seen.motion, self.pinhole)
        path = save_picture(drawn, self._workplace.pictures / f"view-{self._config.name}-moved.png")
        operator.say(f"camera {self._config.name}, since {self.created}:")
        operator.say(lines_of(seen, self._limits))
        operator.say(f"arrows from where things were to where they are: {path}")
        return 0 if seen.in_place else 1

    def watch(self) -> int:
        """Show the same live until the camera is back in its place, or the operator gives up; return the exit status."""
        seen: list[Sighting] = []

        def look() -> RenderableType:
            seen.append(self.look(_WATCH_FRAMES))
            del seen[:-_IN_PLACE_LOOKS]
            return lines_of(seen[-1], self._limits)

        def done() -> bool:
            return len(seen) == _IN_PLACE_LOOKS and all(each.in_place for each in seen)

        self._workplace.operator.watch(
            "push-camera", "Push the camera back, a little at a time, until it is in its place.", look, done
        )
        return self.check()


def known_view(workplace: Workplace, config: CameraConfig, camera: Camera) -> tuple[ViewRecord, Landmarks]:
    """Return the record of the camera's view and its landmarks; raises CalibrationError where there is none, or of another camera."""
    store = RecordStore(workplace.records)
    place = store.place("view", config.name)
    record = store.current("view", config.name)
    if not isinstance(record, ViewRecord):
        raise place.refusal("there is no record to compare with")
    other = why_other_camera(record.camera, camera.facts())
    if other:
        raise place.refusal(f"camera {config.name}: {other}")
    file = place.folder / record.landmarks_file
    try:
        return record, from_bytes(file.read_bytes(), str(file))
    except CalibrationError as error:
        raise place.refusal(str(error)) from error


def lines_of(seen: Sighting, limits: CalibrationConfig) -> RenderableType:
    """Return what is to be said of a look: how far, which way back, and whether that is far enough to matter."""
    motion = seen.motion
    if motion.cannot_tell:
        return Text(f"cannot tell: {motion.cannot_tell}", style="red")
    table = RichTable(box=None, show_header=False, padding=(0, 1))
    push, turn = way_back(motion.now_from_then)
    if seen.in_place:
        push = turn = ""
    table.add_row("shifted", f"{motion.translation_mm:6.1f} mm", f"± {2 * motion.translation_sigma_mm:.1f}", push)
    table.add_row("turned", f"{motion.rotation_deg:6.2f}°", f"± {2 * motion.rotation_sigma_deg:.2f}", turn)
    table.add_row("seen again", f"{motion.n_points} points", f"{motion.n_edges} on edges")
    if seen.why_vague:
        table.add_row(Text("cannot tell", style="red"), "", "", seen.why_vague)
    elif seen.in_place:
        table.add_row(Text("in place", style="green"))
    else:
        limit = f"limit {limits.view_moved_max_mm:g} mm, {limits.view_moved_max_deg:g}°"
        table.add_row(Text("MOVED", style="red bold"), limit)
    return table


def way_back(now_from_then: Array) -> tuple[str, str]:
    """Return how to push and to turn the camera (as it looks) for it to be where it was, in words."""
    x_mm, y_mm, z_mm = (now_from_then[:3, 3] * 1e3).tolist()  # the old place, as seen from the new one
    push = (
        _way(x_mm, "right", "left", 0.5, "mm"),
        _way(y_mm, "down", "up", 0.5, "mm"),
        _way(z_mm, "ahead", "back", 0.5, "mm"),
    )
    axis = np.degrees(np.asarray(cv2.Rodrigues(now_from_then[:3, :3])[0], np.float64).ravel())
    turn = (
        _way(axis[1], "right", "left", 0.05, "°"),
        _way(axis[0], "up", "down", 0.05, "°"),
        _way(axis[2], "clockwise", "anticlockwise", 0.05, "°"),
    )
    return _listed("push it", push), _listed("turn it", turn)


def _listed(verb: str, ways: tuple[str, ...]) -> str:
    said = ", ".join(filter(None, ways))
    return f"{verb} {said}" if said else ""


def _way(amount: float, positive: str, negative: str, least: float, unit: str) -> str:
    if abs(amount) < least:
        return ""
    digits = 1 if unit == "mm" else 2
    space = " " if unit == "mm" else ""
    return f"{abs(amount):.{digits}f}{space}{unit} {positive if amount > 0 else negative}"
