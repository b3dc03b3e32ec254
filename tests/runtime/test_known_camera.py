"""A camera opens only as the one that was calibrated."""

from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from bench.policy_rig import PlainCamera
from bench.record_rig import CAMERA, NOW, RecordRig
from interfaces.calibration.record import CameraIdentity
from interfaces.device_facts import CameraFacts
from interfaces.errors import CalibrationError, DeviceLostError
from runtime.calibrated_robot import load_calibrated
from runtime.known_camera import KnownCamera, known_camera


class NamedCamera(PlainCamera):
    """A camera that says who it is, and notes when it is closed."""

    identity = CAMERA
    closed = 0
    gone = False

    @override
    def facts(self) -> CameraFacts:
        if self.gone:
            raise DeviceLostError("unplugged")
        return CameraFacts(model=self.identity.model, serial=self.identity.serial, intrinsics=None)

    @override
    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def rig(tmp_path: Path) -> RecordRig:
    """A robot with a camera record."""
    rig = RecordRig(tmp_path, require=())
    rig.save(rig.camera())
    return rig


@pytest.fixture
def device(rig: RecordRig) -> NamedCamera:
    """The very camera."""
    return NamedCamera(rig.robot.cameras[0])


def known(rig: RecordRig, device: NamedCamera) -> KnownCamera:
    camera = known_camera(device, load_calibrated(rig.robot_file, now=NOW))
    assert isinstance(camera, KnownCamera)
    return camera


def test_the_camera_that_was_calibrated_opens_and_streams(rig: RecordRig, device: NamedCamera) -> None:
    camera = known(rig, device)
    camera.open()
    frame = camera.read(1.0)
    assert frame is not None
    assert (camera.name, frame.camera) == ("front", "front")
    assert camera.facts().serial == "0042"
    assert camera.health().frames == 1
    camera.interrupt()
    camera.close()
    assert device.closed == 1


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        (CameraIdentity(model="D435", serial="0043"), "serial number 0042, this one 0043: another camera"),
        (CameraIdentity(model="D405", serial=""), "model D435, this one D405"),
    ],
)
def test_another_camera_is_refused_and_closed(
    rig: RecordRig, device: NamedCamera, identity: CameraIdentity, says: str
) -> None:
    device.identity = identity
    with pytest.raises(CalibrationError) as caught:
        known(rig, device).open()
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{rig.store.path('camera', 'front')}: camera front: ")
    assert str(caught.value).endswith(f"forerun calibrate camera {rig.robot_file} --camera front")
    assert device.closed == 1


def test_every_record_about_the_camera_counts(rig: RecordRig, device: NamedCamera) -> None:
    rig.save(replace(rig.hand_eye(), camera=CameraIdentity(model="D435", serial="other")))
    with pytest.raises(CalibrationError, match="hand_eye-front"):
        known(rig, device).open()


def test_a_camera_that_tells_no_serial_number_is_believed(rig: RecordRig, device: NamedCamera) -> None:
    device.identity = CameraIdentity(model="D435", serial="")
    known(rig, device).open()


def test_a_camera_that_is_lost_while_it_is_asked_is_closed(rig: RecordRig, device: NamedCamera) -> None:
    device.gone = True
    with pytest.raises(DeviceLostError):
        known(rig, device).open()
    assert device.closed == 1


def test_a_camera_without_records_may_be_any(tmp_path: Path, device: NamedCamera) -> None:
    (tmp_path / "bare").mkdir()
    bare = RecordRig(tmp_path / "bare", require=())
    assert known_camera(device, load_calibrated(bare.robot_file, now=NOW)) is device
