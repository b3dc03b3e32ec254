"""Which lens a camera has, for the programs that measure with it: as `forerun calibrate camera` found it, else as its maker says."""

from __future__ import annotations

from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.calibration.camera import CameraRecord
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts, CameraIntrinsics
from interfaces.errors import RefusedError
from runtime.known_camera import why_other_camera


def lens_of(workplace: Workplace, camera: CameraConfig, facts: CameraFacts) -> tuple[CameraIntrinsics, str]:
    """Return the intrinsics of an open camera's pictures, and who says so.

    A record that passed, of this very camera, goes before its maker, also where it is of pictures of another size and so of no
    use: who measured may have found the maker wrong. Raises RefusedError where nobody tells, or not for the robot file's size.
    """
    record = RecordStore(workplace.records).current("camera", camera.name)
    lens, source = facts.intrinsics, "its maker"
    if isinstance(record, CameraRecord) and record.header.passed and _is_of(record, facts):
        lens, source = record.intrinsics, f"record of {record.header.created[:10]}"
    if lens is None:
        raise RefusedError(
            f"camera {camera.name} does not tell its lens, and there is no record of it: forerun calibrate camera first"
        )
    if (lens.width_px, lens.height_px) != (camera.width_px, camera.height_px):
        raise RefusedError(
            f"the lens of camera {camera.name} is known for pictures of {lens.width_px} x {lens.height_px} ({source}), the robot"
            f" file asks for {camera.width_px} x {camera.height_px}: measure it again with forerun calibrate camera"
        )
    return lens, source


def _is_of(record: CameraRecord, facts: CameraFacts) -> bool:
    return record.camera.serial == facts.serial and not why_other_camera(record.camera, facts)
