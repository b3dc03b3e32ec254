"""Versions become verdicts, by the table of what fits together; packages by their pins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.doctor.check import Check, Verdict
from bench.doctor.packages import PackageFacts, holds, read_packages, read_pins
from bench.doctor.software import SoftwareFacts
from bench.doctor.software_checks import RELEASES, release_of, software_checks
from bench.jetson_rig import plant

GOOD, WEAK, BAD, UNKNOWN = Verdict.GOOD, Verdict.WEAK, Verdict.BAD, Verdict.UNKNOWN
PACKAGES = PackageFacts(
    installed={"numpy": "2.2.6", "forerun": "0.1.0"},
    pinned={"numpy": frozenset({"2.2.6"})},
    opencv=("opencv-python-headless",),
    numpy=(("2.2.6", "/venv"),),
)
FIT = SoftwareFacts(
    l4t="36.4.3",
    cuda="12.6.68",
    tensorrt="10.3.0",
    tensorrt_of_python="10.3.0",
    python=(3, 10),
    packages=PACKAGES,
    librealsense=(),
)
OURS = ("/venv/pyrealsense2/pyrealsense2.so",)


def checks(facts: SoftwareFacts, libraries: tuple[str, ...] | None = OURS, *, jetson: bool = True) -> dict[str, Check]:
    return {check.name: check for check in software_checks(facts, jetson=jetson, libraries=libraries)}


@pytest.mark.parametrize(
    "facts",
    [
        FIT,
        replace(FIT, l4t="36.5.0"),
        replace(FIT, l4t="39.2.1", cuda="13.2.1", tensorrt="10.16.2", tensorrt_of_python="10.16.2", python=(3, 12)),
        replace(FIT, l4t="39.2.2", cuda="13.2.1", tensorrt="11.4.1", tensorrt_of_python="11.4.1", python=(3, 12)),
    ],
)
def test_what_fits_together_is_good_all_over(facts: SoftwareFacts) -> None:
    assert {check.verdict for check in checks(facts).values()} == {GOOD}


@pytest.mark.parametrize(
    ("change", "name", "verdict"),
    [
        ({"l4t": "38.4"}, "JetPack", WEAK),
        ({"l4t": "35.5.0"}, "JetPack", BAD),
        ({"l4t": ""}, "JetPack", UNKNOWN),
        ({"cuda": "12.2"}, "CUDA", WEAK),
        ({"cuda": ""}, "CUDA", UNKNOWN),
        ({"tensorrt": "10.13.0"}, "TensorRT", WEAK),
        ({"tensorrt": ""}, "TensorRT", WEAK),
        ({"tensorrt_of_python": ""}, "TensorRT in Python", WEAK),
        ({"tensorrt_of_python": "8.6.1"}, "TensorRT in Python", WEAK),
        ({"python": (3, 12)}, "Python", BAD),
        ({"packages": replace(PACKAGES, installed={"numpy": "1.26.4"})}, "packages", WEAK),
        ({"packages": replace(PACKAGES, pinned={})}, "packages", UNKNOWN),
        ({"packages": replace(PACKAGES, opencv=("opencv-python", "opencv-python-headless"))}, "OpenCV", BAD),
        ({"packages": replace(PACKAGES, numpy=(("1.21.5", "/usr"), ("2.2.6", "/venv")))}, "NumPy", WEAK),
        ({"packages": replace(PACKAGES, numpy=(("2.2.6", "/venv"), ("1.21.5", "/usr")))}, "NumPy", GOOD),
        ({"librealsense": ("/usr/local/lib/librealsense2.so",)}, "librealsense", WEAK),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], name: str, verdict: Verdict) -> None:
    check = checks(replace(FIT, **change))[name]
    assert check.verdict is verdict
    assert check.verdict <= UNKNOWN or check.remedy


def test_another_librealsense_that_is_loaded_is_bad() -> None:
    loaded = ("/usr/local/lib/librealsense2.so.2.55", *OURS)
    check = checks(replace(FIT, librealsense=("/usr/local/lib/librealsense2.so.2.55",)), loaded)["librealsense"]
    assert (check.verdict, "loaded is /usr/local" in check.value) == (BAD, True)


def test_a_laptop_is_asked_for_no_jetpack() -> None:
    laptop = checks(replace(FIT, l4t="", cuda="", tensorrt="", python=(3, 13)), jetson=False)
    assert {"JetPack", "CUDA", "TensorRT"} & set(laptop) == set()
    assert laptop["Python"].verdict is GOOD
    assert checks(replace(FIT, l4t="", python=(3, 9)), jetson=False)["Python"].verdict is BAD


def test_releases_are_told_apart() -> None:
    assert [release.jetpack for release in RELEASES] == ["6.2", "7.2"]
    assert release_of("36.40.1") is None


def test_pins_are_read_for_this_python() -> None:
    pins = [
        "# a comment", "numpy==2.2.6; python_version < \"3.11\"", "numpy==2.4.6; python_version >= '3.11'",
        "Odrive_CAN==2.1.0 \\", "    --hash=sha256:00", "x[y]==1 ; sys_platform == 'linux'", "nothing>=3",
    ]  # fmt: skip
    assert read_pins(pins, (3, 10)) == {
        "numpy": frozenset({"2.2.6"}), "odrive-can": frozenset({"2.1.0"}), "x": frozenset({"1"}),
    }  # fmt: skip
    assert read_pins(pins, (3, 12))["numpy"] == {"2.4.6"}
    assert not holds("python_version != '3.10'", (3, 10))


def test_packages_that_lie_twice_on_the_path(tmp_path: Path) -> None:
    files = {
        "a/numpy-2.2.6.dist-info/METADATA": "Name: numpy\nVersion: 2.2.6\n",
        "b/numpy-1.21.5.dist-info/METADATA": "Name: numpy\nVersion: 1.21.5\n",
        "b/opencv_python-4.9.dist-info/METADATA": "Name: opencv-python\nVersion: 4.9\n",
        "a/opencv_python_headless-4.14.dist-info/METADATA": "Name: opencv-python-headless\nVersion: 4.14\n",
        "b/left-1.0.dist-info/RECORD": "",  # without a name
        "constraints.txt": "numpy==2.2.6\n",
    }
    plant(tmp_path, files, {})
    facts = read_packages(tmp_path, [str(tmp_path / "a"), str(tmp_path / "b")])
    assert facts.numpy == (("2.2.6", str(tmp_path / "a")), ("1.21.5", str(tmp_path / "b")))
    assert facts.installed["numpy"] == "2.2.6"
    assert facts.opencv == ("opencv-python", "opencv-python-headless")
    assert facts.pinned == {"numpy": {"2.2.6"}}
