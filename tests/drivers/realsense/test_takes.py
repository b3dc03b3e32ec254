"""Making and playing recordings, as `forerun camera` does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bench.camera_rig import camera_config, push
from drivers.realsense.source import InjectedDevice
from drivers.realsense.takes import play, record
from forerun.__main__ import main
from interfaces.errors import DeviceError
from sim.camera.software_realsense import SoftwareRealSense

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short recording of a camera that streams."""
    path = tmp_path_factory.mktemp("takes") / "take.db3"
    software, done = SoftwareRealSense(camera_config()), threading.Event()

    def feed() -> None:
        number = 0
        while not done.wait(1 / 30):
            push(software, number := number + 1)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        made = record(camera_config(), path, 1.0, InjectedDevice(software.device))
    finally:
        done.set()
        feeder.join()
    assert made.frames > 0
    return path


def test_a_take_plays_the_same_every_time(take: Path) -> None:
    first, second = play(camera_config(), take), play(camera_config(), take)
    assert first == second
    assert first.frames > 1
    assert first.facts is not None
    assert first.facts.serial == "software"


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "take.db3"
    path.write_bytes(b"no recording")
    with pytest.raises(DeviceError, match=r"camera front \(recording .*take\.db3\)"):
        play(camera_config(), path)


def test_the_command_plays_a_take_and_says_what_it_was(take: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", "play", str(ROOT / "robots/so101.toml"), str(take)]) == 0
    said = capsys.readouterr().out
    assert " 0 lost, sha256 of the pictures " in said
    assert "Intel RealSense D435 software, firmware 5.17.0.10, USB 3.2, clock global_time, colour 424x240" in said


def test_the_command_names_the_cameras_there_are(take: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", "play", str(ROOT / "robots/so101.toml"), str(take), "--camera", "wrist"]) == 2
    assert "has no camera wrist; it has front" in capsys.readouterr().err
