"""Which lens the camera has: as `forerun calibrate camera` found it, else as its maker says."""

from __future__ import annotations

from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.calibration.camera import CameraRecord
from interfaces.device_facts import CameraFacts, CameraIntrinsics
from interfaces.errors import RefusedError
from runtime.known_camera import why_other_camera


def lens_of(workplace: Workplace, camera: str, facts: CameraFacts) -> tuple[CameraIntrinsics, str]:
    """Return the intrinsics of an open camera's pictures, and who says so; raises RefusedError where nobody does."""
    record = RecordStore(workplace.records).current("camera", camera)
    maker = facts.intrinsics
    if isinstance(record, CameraRecord) and record.header.passed and not why_other_camera(record.camera, facts):
        lens = record.intrinsics
        if maker is None or (lens.width_px, lens.height_px) == (maker.width_px, maker.height_px):
            return lens, f"record of {record.header.created[:10]}"
    if maker is None:
        raise RefusedError(
            f"camera {camera} does not tell its lens, and there is no record of it: forerun calibrate camera first"
        )
    return maker, "its maker"
