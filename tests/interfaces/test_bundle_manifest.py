"""A bundle made for another robot is refused, and the message says what differs."""

from dataclasses import replace
from pathlib import Path

import pytest

from interfaces.bundle_manifest import BundleManifest, CameraSpec, check_fits, load_manifest
from interfaces.errors import BundleError, ConfigError, UnfitError
from interfaces.robot_config import RobotConfig, load_robot

ROOT = Path(__file__).parents[2]


@pytest.fixture
def manifest() -> BundleManifest:
    return load_manifest(ROOT / "robots/bundles/so101-small")


@pytest.fixture
def robot() -> RobotConfig:
    return load_robot(ROOT / "robots/simulated.toml")


def test_the_shipped_bundle_fits_the_shipped_robots(manifest: BundleManifest) -> None:
    for name in ("simulated", "so101"):
        check_fits(manifest, load_robot(ROOT / f"robots/{name}.toml"))


def test_other_joints_are_refused(manifest: BundleManifest, robot: RobotConfig) -> None:
    with pytest.raises(BundleError, match=r"moves joints gripper, .* has shoulder_pan"):
        check_fits(replace(manifest, joints=manifest.joints[::-1]), robot)


def test_another_camera_is_refused(manifest: BundleManifest, robot: RobotConfig) -> None:
    with pytest.raises(BundleError, match="camera wrist"):
        check_fits(replace(manifest, cameras=(CameraSpec(name="wrist", width_px=424, height_px=240),)), robot)
    with pytest.raises(BundleError, match=r"camera front at \(640, 480\)"):
        check_fits(replace(manifest, cameras=(CameraSpec(name="front", width_px=640, height_px=480),)), robot)


def test_more_age_than_trained_is_refused(manifest: BundleManifest, robot: RobotConfig) -> None:
    policy = replace(robot.policy, foresight_age_max_ms=2 * manifest.foresight_age_max_ms)
    with pytest.raises(BundleError, match="foresight age"):
        check_fits(manifest, replace(robot, policy=policy))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("format = 2", "format = 9", "format"),
        ('file = "foresight.onnx"', 'file = "../foresight.onnx"', "artefacts[0].foresight.file"),
        ("horizon = 16", "horizon = 0", "chunk.horizon"),
        ('family = "', 'famly = "', "famly"),
    ],
)
def test_a_wrong_manifest_names_the_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    text = (ROOT / "tests/data/tiny_bundle/manifest.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "manifest.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_manifest(tmp_path)
    assert caught.value.key == key


def with_history(manifest: BundleManifest, n_history: int, step_ms: float) -> BundleManifest:
    camera = replace(manifest.cameras[0], n_history=n_history, history_step_ms=step_ms)
    return replace(manifest, cameras=(camera,))


def test_a_camera_says_in_two_keys_how_far_it_looks_back(tmp_path: Path) -> None:
    text = (ROOT / "tests/data/tiny_bundle/manifest.toml").read_text(encoding="utf-8")
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    [camera] = load_manifest(tmp_path).cameras
    assert (camera.n_history, camera.shape) == (1, (240, 424, 3))
    wide = "width_px = 424\n"
    told = text.replace(wide, f"{wide}n_history = 4\nhistory_step_ms = 150\n", 1)
    (tmp_path / "manifest.toml").write_text(told, encoding="utf-8")
    [camera] = load_manifest(tmp_path).cameras
    assert (camera.n_history, camera.look_back_ms, camera.shape) == (4, 450.0, (4, 240, 424, 3))


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ("n_history = 0", "n_history"),
        ("n_history = 17", "n_history"),
        ("n_history = 2.0", "n_history"),
        ("history_step_ms = 0", "history_step_ms"),
        ("n_history = 2\nhistory_step_ms = inf", "history_step_ms"),
        ("n_history = 16\nhistory_step_ms = 334.0", "history_step_ms"),
    ],
)
def test_a_history_that_cannot_be_names_the_key(tmp_path: Path, keys: str, wrong: str) -> None:
    text = (ROOT / "tests/data/tiny_bundle/manifest.toml").read_text(encoding="utf-8")
    told = text.replace("width_px = 424\n", f"width_px = 424\n{keys}\n", 1)
    (tmp_path / "manifest.toml").write_text(told, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_manifest(tmp_path)
    assert caught.value.key == f"cameras[0].{wrong}"


def test_a_camera_too_slow_or_too_fast_for_the_history_is_refused(manifest: BundleManifest, robot: RobotConfig) -> None:
    check_fits(with_history(manifest, 16, 333.0), robot)
    check_fits(with_history(manifest, 2, 33.3), robot)  # a picture each 33.33 ms
    with pytest.raises(UnfitError, match=r"a picture each 20 ms; robot \S+ has one each 33\.3 ms"):
        check_fits(with_history(manifest, 2, 20.0), robot)
    fast = replace(robot, cameras=(replace(robot.cameras[0], rate_hz=200),))
    with pytest.raises(UnfitError, match=r"at the 200 Hz .* 752 pictures of 230 MB; at most 512 of 256 MB are held"):
        check_fits(with_history(manifest, 16, 250.0), fast)
