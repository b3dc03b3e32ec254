"""The guards of a robot's cameras, made of its view records: which cameras are looked at before the policy acts."""

from __future__ import annotations

from collections.abc import Sequence

from interfaces.calibration.camera import HandEyeRecord, ViewRecord
from interfaces.camera_config import CameraConfig
from interfaces.errors import CalibrationError
from runtime.calibrated_robot import CalibratedRobot
from runtime.policy.view.landmarks import from_bytes
from runtime.policy.view.pinhole import Pinhole
from runtime.policy.view.view_guard import KnownView, ViewGuard


def view_guards(calibrated: CalibratedRobot, cameras: Sequence[CameraConfig]) -> dict[str, ViewGuard]:
    """Return the guard of each camera, by name; none where the robot file's calibration.view is "off".

    Raises CalibrationError for a camera without a good view record. One that is known to ride on the hand has no view to keep.
    """
    config = calibrated.robot.calibration
    if config is None or config.view == "off":
        return {}
    fixed = [camera for camera in cameras if not _on_hand(calibrated, camera.name)]
    return {camera.name: ViewGuard(_known_view(calibrated, camera), config) for camera in fixed}


def depth_is_aligned(camera: CameraConfig) -> bool:
    """Return whether the camera gives depth pixel on pixel with colour."""
    return camera.depth and (camera.align_depth or camera.driver == "simulated")


def _on_hand(calibrated: CalibratedRobot, camera: str) -> bool:
    record = calibrated.records.get(("hand_eye", camera))
    return isinstance(record, HandEyeRecord) and record.mounting == "eye_in_hand"


def _known_view(calibrated: CalibratedRobot, camera: CameraConfig) -> KnownView:
    place = calibrated.place("view", camera.name)
    record = calibrated.records.get(("view", camera.name))
    if not isinstance(record, ViewRecord):
        raise place.refusal('there is no good record, and the robot file\'s calibration.view is not "off"')
    file = place.folder / record.landmarks_file
    try:
        content = file.read_bytes()
    except OSError as error:
        raise place.refusal(f"{file.name}: {error.strerror}") from error
    try:
        landmarks = from_bytes(content, str(file))
    except CalibrationError as error:
        raise place.refusal(str(error)) from error
    return KnownView(
        landmarks=landmarks,
        pinhole=Pinhole(record.intrinsics),
        aligned=depth_is_aligned(camera),
        command=place.command,
    )
