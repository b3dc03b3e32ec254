"""The choice among connected cameras, and what is said where there is none to choose."""

from __future__ import annotations

import pytest

from drivers.realsense.source import ConnectedCamera, FoundCamera, choose_camera
from interfaces.errors import DeviceError, DeviceLostError

D435 = FoundCamera(name="Intel RealSense D435", serial="111", usb="3.2")
D405 = FoundCamera(name="Intel RealSense D405", serial="222", usb="2.1")


@pytest.mark.parametrize(
    ("serial", "found", "kind", "message"),
    [
        ("333", [D435, D405], DeviceLostError, "no RealSense with serial 333 found .*D435 111 on USB 3.2, .*D405 222"),
        ("", [], DeviceLostError, "no RealSense found .found: none.; is it plugged in, .*udev rules.*hidraw"),
        ("", [D435, D405], DeviceError, "several RealSense found .*serial"),
        ("222", [D435, D405], DeviceError, "D405 222 on USB 2.1: needs USB 3"),
    ],
)
def test_camera_that_cannot_be_chosen(
    serial: str, found: list[FoundCamera], kind: type[DeviceError], message: str
) -> None:
    with pytest.raises(DeviceError, match=message) as told:
        choose_camera(serial, found)
    assert type(told.value) is kind


def test_camera_chosen_by_serial_or_as_the_only_one() -> None:
    assert choose_camera("111", [D435, D405]) is D435
    assert choose_camera("", [D435]) is D435


def test_a_camera_never_attached_cannot_be_reset() -> None:
    with pytest.raises(DeviceLostError, match="no device to reset"):
        ConnectedCamera("111").reset()
