"""All kinds of calibration record, told apart by their key `kind`."""

from __future__ import annotations

from interfaces.calibration.camera import CameraRecord, HandEyeRecord, ViewRecord
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.motion import LatencyRecord, ServoRecord

AnyRecord = JointsRecord | CameraRecord | HandEyeRecord | ViewRecord | LatencyRecord | ServoRecord
