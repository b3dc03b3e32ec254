"""What is wrong before the first frame, said with its remedy; and what the models are known for."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.realsense.models import MODELS, model_of, parse_firmware
from drivers.realsense.troubles import (
    copies_warnings,
    firmware_warnings,
    librealsense_copies,
    model_warnings,
    start_error,
)
from interfaces.errors import DeviceError, DeviceLostError


@pytest.mark.parametrize(
    ("message", "kind", "says"),
    [
        (
            "xioctl(VIDIOC_S_FMT) failed, errno=16 Last Error: Device or resource busy",
            DeviceError,
            "busy: another process has it; `fuser /dev/video*` tells which",
        ),
        (
            "failed to open usb interface: 0, error: RS2_USB_STATUS_ACCESS",
            DeviceError,
            "no permission: install the udev rules",
        ),
        ("Cannot open '/dev/video2' Last Error: Permission denied", DeviceError, "no permission"),
        ("Couldn't resolve requests", DeviceError, "does not offer colour 1x1 together; on USB 2, or at lower rates"),
        ("No device connected", DeviceLostError, "gone while starting: check cable and power"),
        ("xioctl(VIDIOC_QBUF) failed, errno=19 Last Error: No such device", DeviceLostError, "gone while starting"),
        ("something new", DeviceError, "cannot start colour 1x1: something new"),
    ],
)
def test_refusals_of_librealsense_are_translated(message: str, kind: type[DeviceError], says: str) -> None:
    error = start_error(message, "camera front", "colour 1x1")
    assert type(error) is kind
    assert str(error).startswith("camera front: " + says)
    assert message in str(error)


def test_models_are_told_by_their_product_id() -> None:
    assert {model.name: model.usb_product for model in MODELS} == {
        "D405": "0B5B",
        "D415": "0AD3",
        "D435": "0B07",
        "D435I": "0B3A",
        "D455": "0B5C",
    }
    for model in MODELS:
        assert model_of(model.usb_product.lower()) is model
        assert model_warnings(model, "whatever") == []
    assert model_of("0B3D") is None
    assert (
        "Intel RealSense D457 is not one of the models tried (D405, " in model_warnings(None, "Intel RealSense D457")[0]
    )


@pytest.mark.parametrize(
    ("firmware", "recommended", "says"),
    [
        (
            "05.12.06.00",
            "5.17.0.10",
            "firmware 5.12.6.0 is older than 5.12.7.100, the oldest that works; update it: rs-fw",
        ),
        (
            "5.12.7.100",
            "5.17.0.10",
            "firmware 5.12.7.100 is older than librealsense recommends; update it: rs-fw-update -f",
        ),
        ("5.17.0.10", "5.17.0.10", ""),
        ("5.17.0.9", "", ""),
        ("5.9.0.0", "", "the oldest that works; update it: rs-fw-update -f, to a newer one"),
        ("5.17.0.11", "5.17.0.10", ""),
        ("", "5.17.0.10", ""),
        ("unknown", "5.17.0.10", ""),
    ],
)
def test_old_firmware_is_a_warning(firmware: str, recommended: str, says: str) -> None:
    warnings = firmware_warnings(model_of("0B3A"), firmware, recommended)
    assert [says in warning for warning in warnings] == ([True] if says else [])


def test_versions_compare_by_number() -> None:
    assert parse_firmware("5.9.14.0") < parse_firmware("05.16.00.01") == (5, 16, 0, 1)


def test_other_copies_of_librealsense_are_found_once_each(tmp_path: Path) -> None:
    system, built, ros = (
        tmp_path / "usr/lib/x86_64-linux-gnu",
        tmp_path / "usr/local/lib",
        tmp_path / "opt/ros/humble/lib",
    )
    for folder in (system, built, ros):
        folder.mkdir(parents=True)
    (system / "librealsense2.so.2.55.1").write_bytes(b"")
    (system / "librealsense2.so.2.55").symlink_to("librealsense2.so.2.55.1")
    (system / "librealsense2.so").symlink_to("librealsense2.so.2.55")
    (system / "librealsense2-gl.so").write_bytes(b"")
    (ros / "librealsense2.so.2.56").write_bytes(b"")
    (built / "librealsense2.so").symlink_to("nowhere")
    copies = librealsense_copies(root=tmp_path)
    assert [copy.name for copy in copies] == ["librealsense2.so.2.56", "librealsense2.so.2.55.1"]
    [warning] = copies_warnings(copies)
    assert "librealsense2.so.2.55.1; keep one" in warning
    assert copies_warnings([]) == []
