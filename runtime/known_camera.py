"""A camera that must be the one that was calibrated: looked at whenever it is opened, not in between."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.camera import Camera, CameraHealth
from interfaces.calibration.camera import CameraRecord, HandEyeRecord, ViewRecord
from interfaces.calibration.motion import LatencyRecord
from interfaces.calibration.record import CameraIdentity
from interfaces.calibration.record_file import RecordPlace
from interfaces.device_facts import CameraFacts
from interfaces.errors import CalibrationError, DeviceError
from interfaces.messages import Frame
from runtime.calibrated_robot import CalibratedRobot


class KnownCamera:
    """Opens only as the camera of its records: another one in its place sees the world otherwise."""

    def __init__(self, camera: Camera, calibrated: Mapping[RecordPlace, CameraIdentity]) -> None:
        """Expect the camera of these records."""
        self._camera = camera
        self._calibrated = calibrated

    @property
    def name(self) -> str:
        """Return the camera's name in the robot file."""
        return self._camera.name

    def open(self) -> None:
        """Open the camera; raises CalibrationError, the camera closed again, where it is not the one that was calibrated."""
        self._camera.open()
        try:
            self._refuse_other(self._camera.facts())
        except (CalibrationError, DeviceError):
            self._camera.close()
            raise

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame, or None."""
        return self._camera.read(timeout_s)

    def facts(self) -> CameraFacts:
        """Return which camera this is."""
        return self._camera.facts()

    def interrupt(self) -> None:
        """End `open` and `read` in another thread."""
        self._camera.interrupt()

    def health(self) -> CameraHealth:
        """Return counts since the camera was opened."""
        return self._camera.health()

    def close(self) -> None:
        """Stop the stream."""
        self._camera.close()

    def _refuse_other(self, facts: CameraFacts) -> None:
        for place, calibrated in self._calibrated.items():
            why = why_other_camera(calibrated, facts)
            if why:
                raise place.refusal(f"camera {self.name}: {why}")


def known_camera(camera: Camera, calibrated: CalibratedRobot) -> Camera:
    """Return the camera, to be opened only as the one of its records, where there are any."""
    expected = {
        calibrated.place(kind, subject): record.camera
        for (kind, subject), record in calibrated.records.items()
        if subject == camera.name and isinstance(record, CameraRecord | HandEyeRecord | ViewRecord | LatencyRecord)
    }
    return KnownCamera(camera, expected) if expected else camera


def why_other_camera(calibrated: CameraIdentity, found: CameraFacts) -> str:
    """Return how a camera differs from the one that was calibrated; empty where it does not, or one of them does not tell."""
    for what, before, now in (
        ("model", calibrated.model, found.model),
        ("serial number", calibrated.serial, found.serial),
    ):
        if before and now and before != now:
            return f"the one that was calibrated has {what} {before}, this one {now}: another camera"
    return ""
