"""The lens that a view is measured with: as calibrated, else as its maker says."""

from __future__ import annotations

from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.calibration.camera import CameraRecord
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts, CameraIntrinsics
from interfaces.errors import RefusedError


def lens_of(workplace: Workplace, camera: CameraConfig, facts: CameraFacts) -> CameraIntrinsics:
    """Return the intrinsics of the open camera; raises RefusedError where nobody knows them for pictures of this size."""
    record = RecordStore(workplace.records).current("camera", camera.name)
    known = facts.intrinsics
    if isinstance(record, CameraRecord) and record.header.passed and record.camera.serial == facts.serial:
        known = record.intrinsics
    if known is None:
        raise RefusedError(
            f"camera {camera.name} does not tell its lens: measure it first with forerun calibrate camera"
        )
    if (known.width_px, known.height_px) != (camera.width_px, camera.height_px):
        raise RefusedError(
            f"the lens of camera {camera.name} is known for pictures of {known.width_px} x {known.height_px}, the robot file asks"
            f" for {camera.width_px} x {camera.height_px}: measure it again with forerun calibrate camera"
        )
    return known
