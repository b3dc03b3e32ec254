"""A bundle made for another robot is refused, and the message says what differs."""

from dataclasses import replace
from pathlib import Path

import pytest

from interfaces.bundle_manifest import BundleManifest, CameraSpec, check_fits, load_manifest
from interfaces.errors import BundleError, ConfigError
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
