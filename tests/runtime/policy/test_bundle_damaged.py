"""However a bundle is damaged on its way, and whichever of its artefacts is to run: it is refused before any of it is loaded."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.gated_bundle_rig import make_gated_bundle, tiny_samples, write
from interfaces.bundle_manifest import MANIFEST_FILE, bundle_files, load_manifest
from interfaces.errors import BundleError, ConfigError
from interfaces.robot_config import RobotConfig
from runtime.policy import bundle as opening
from runtime.policy.bundle import open_bundle

FILES = ("foresight.onnx", "action.onnx", "action.cpu-int8.onnx", "heldout.npz", "parity.npz")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gated_bundle(tmp_path_factory.mktemp("whole") / "tiny", tiny_samples(4), off_ratio=0.01)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "tiny"))


@pytest.fixture
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where a graph is opened."""

    def refuse(*told: object) -> None:
        raise AssertionError(f"opened {told}")

    monkeypatch.setattr(opening, "open_engine", refuse)


def test_it_is_good_as_it_was_made(folder: Path, robot: RobotConfig) -> None:
    assert sorted(bundle_files(load_manifest(folder))) == sorted(FILES)
    assert open_bundle(folder, robot, inference="cpu-int8").running.precision == "cpu-int8"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(file=st.sampled_from(FILES), place=st.integers(0), flip=st.integers(1, 255))
@pytest.mark.usefixtures("nothing_is_loaded")
def test_one_changed_byte_anywhere(folder: Path, robot: RobotConfig, file: str, place: int, flip: int) -> None:
    good = (folder / file).read_bytes()
    damaged = bytearray(good)
    damaged[place % len(good)] ^= flip
    (folder / file).write_bytes(damaged)
    try:
        with pytest.raises(BundleError, match=rf"{file}: its sha256 is [0-9a-f]{{64}}; the manifest says"):
            open_bundle(folder, robot, inference="fp32")
    finally:
        (folder / file).write_bytes(good)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("length", [0, 1, -1])
@pytest.mark.usefixtures("nothing_is_loaded")
def test_cut_short(folder: Path, robot: RobotConfig, file: str, length: int) -> None:
    (folder / file).write_bytes((folder / file).read_bytes()[:length])
    with pytest.raises(BundleError, match=rf"{file}: its sha256 is"):
        open_bundle(folder, robot, inference="fp32")


@pytest.mark.parametrize(("one", "other"), [(FILES[k], FILES[k - 1]) for k in range(len(FILES))])
@pytest.mark.usefixtures("nothing_is_loaded")
def test_two_files_that_changed_names(folder: Path, robot: RobotConfig, one: str, other: str) -> None:
    (folder / one).rename(folder / "between")
    (folder / other).rename(folder / one)
    (folder / "between").rename(folder / other)
    with pytest.raises(BundleError, match="its sha256 is"):
        open_bundle(folder, robot, inference="fp32")


@pytest.mark.usefixtures("nothing_is_loaded")
def test_an_artefact_that_takes_the_place_of_another_in_the_manifest_alone(folder: Path, robot: RobotConfig) -> None:
    """Names stay, hashes change places: as if somebody wanted the quantised graph run as the exact one."""
    manifest = load_manifest(folder)
    fp32, int8 = manifest.artefacts
    exact = replace(fp32, action=replace(fp32.action, sha256=int8.action.sha256))
    write(folder, replace(manifest, artefacts=(exact, int8)))
    with pytest.raises(BundleError, match=r"action\.onnx: its sha256 is"):
        open_bundle(folder, robot, inference="fp32")


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / MANIFEST_FILE).unlink(), r"manifest\.toml: No such file"),
    (lambda folder: (folder / MANIFEST_FILE).write_bytes(b"\xff\xfe"), "valid TOML in UTF-8"),
    (lambda folder: os.truncate(folder / MANIFEST_FILE, 700), "expected"),
    (lambda folder: (folder / MANIFEST_FILE).write_bytes(b"#" * 2_000_000), "2000000 bytes; expected at most"),
    (lambda folder: edit(folder, "format = 2", "format = 3"), "written by a newer forerun"),
    (lambda folder: edit(folder, "format = 2", "format = 1"), "written by an older forerun"),
    (lambda folder: (folder / "heldout.npz").unlink(), r"heldout\.npz: No such file"),
    (lambda folder: pipe_in_place_of(folder / "heldout.npz"), r"heldout\.npz: is no plain file"),
]


@pytest.mark.parametrize(("damage", "complaint"), DAMAGES)
@pytest.mark.usefixtures("nothing_is_loaded")
def test_other_damages(folder: Path, robot: RobotConfig, damage: Callable[[Path], object], complaint: str) -> None:
    damage(folder)
    with pytest.raises((BundleError, ConfigError), match=complaint):
        open_bundle(folder, robot, inference="fp32")


def edit(folder: Path, old: str, new: str) -> None:
    """Replace text in the manifest."""
    text = (folder / MANIFEST_FILE).read_text()
    assert old in text
    (folder / MANIFEST_FILE).write_text(text.replace(old, new))


def pipe_in_place_of(path: Path) -> None:
    """Put a named pipe there, which whoever opens it would wait for."""
    path.unlink()
    os.mkfifo(path)
