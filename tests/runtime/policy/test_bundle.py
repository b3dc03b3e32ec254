"""A bundle that is corrupt, foreign or not reproducible is refused, saying which."""

import hashlib
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interfaces.errors import BundleError, ConfigError
from interfaces.robot_config import RobotConfig
from runtime.policy.bundle import LoadedBundle, bundle_folder, open_bundle
from runtime.policy.parity import Arrays

TINY_PREFIX = Path(__file__).parents[2] / "data/tiny_prefix_bundle"
FILES = ["foresight.onnx", "action.onnx", "parity.npz"]


def rewrite(folder: Path, file: str, data: bytes) -> None:
    """Replace a file of the bundle, and its hash in the manifest: a writer's mistake, not a damaged disk."""
    before = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    (folder / file).write_bytes(data)
    edit(folder, before, hashlib.sha256(data).hexdigest())


def edit(folder: Path, old: str, new: str) -> None:
    """Replace text in the manifest."""
    text = (folder / "manifest.toml").read_text()
    assert old in text
    (folder / "manifest.toml").write_text(text.replace(old, new))


def rewrite_parity(folder: Path, change: Callable[[Arrays], object]) -> None:
    """Change the arrays of the parity file."""
    with np.load(folder / "parity.npz") as archive:
        arrays = dict(archive)
    change(arrays)
    written = io.BytesIO()
    np.savez_compressed(written, **arrays)
    rewrite(folder, "parity.npz", written.getvalue())


def test_a_good_bundle_opens_and_reproduces_itself(tiny_bundle: LoadedBundle) -> None:
    assert tiny_bundle.manifest.name == "tiny"
    assert [camera.name for camera in tiny_bundle.cameras] == ["front"]
    assert tiny_bundle.foresight_off <= tiny_bundle.running.foresight_max_abs
    assert tiny_bundle.action_off_rad <= tiny_bundle.running.action_max_abs_rad


def test_a_bundle_with_a_committed_prefix_opens(prefix_bundle: LoadedBundle) -> None:
    assert [tensor.name for tensor in prefix_bundle.action.spec.inputs[-2:]] == ["prefix", "prefix_rows"]
    assert prefix_bundle.action_off_rad <= prefix_bundle.running.action_max_abs_rad


def test_half_of_the_prefix_is_refused(tmp_path: Path, robot: RobotConfig) -> None:
    folder = Path(shutil.copytree(TINY_PREFIX, tmp_path / "half"))
    edit(folder, '  { name = "prefix_rows", shape = [], dtype = "float32" },\n', "")
    with pytest.raises(BundleError, match="action input prefix_rows is missing"):
        open_bundle(folder, robot)


@pytest.mark.parametrize("part", ["", *FILES, "manifest.toml"])
def test_one_that_everybody_may_write_is_refused(tiny_folder: Path, robot: RobotConfig, part: str) -> None:
    place = tiny_folder / part
    place.chmod(place.stat().st_mode | 0o020)  # a checkout under umask 002
    assert open_bundle(tiny_folder, robot).manifest.name == "tiny"
    place.chmod(place.stat().st_mode | 0o002)
    with pytest.raises(BundleError, match=rf"{place}: everybody may write it \(mode 0\d+\)"):
        open_bundle(tiny_folder, robot)


def test_the_bundle_lies_beside_the_robot_file(robot_file: Path, robot: RobotConfig) -> None:
    assert bundle_folder(robot_file, robot) == robot_file.parent / robot.policy.bundle


@pytest.mark.parametrize("file", FILES)
def test_one_flipped_bit_is_refused(tiny_folder: Path, robot: RobotConfig, file: str) -> None:
    data = bytearray((tiny_folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (tiny_folder / file).write_bytes(data)
    with pytest.raises(BundleError, match=rf"{file}: its sha256 is [0-9a-f]{{64}}; the manifest says"):
        open_bundle(tiny_folder, robot)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_refused(tiny_folder: Path, robot: RobotConfig, file: str) -> None:
    (tiny_folder / file).unlink()
    with pytest.raises(BundleError, match=rf"{file}: No such file"):
        open_bundle(tiny_folder, robot)


def test_no_bundle_at_all_is_a_clear_error(tmp_path: Path, robot: RobotConfig) -> None:
    with pytest.raises(ConfigError, match=r"manifest\.toml: No such file or directory"):
        open_bundle(tmp_path, robot)


def test_a_file_outside_the_bundle_is_refused(tiny_folder: Path, robot: RobotConfig) -> None:
    edit(tiny_folder, '"parity.npz"', '"../parity.npz"')
    with pytest.raises(
        ConfigError, match=r"parity\.file is '\.\./parity\.npz'; expected a file name inside the bundle's folder"
    ):
        open_bundle(tiny_folder, robot)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            '"shoulder_pan", "shoulder_lift"',
            '"shoulder_lift", "shoulder_pan"',
            "moves joints shoulder_lift, shoulder_pan",
        ),
        ("width_px = 424", "width_px = 640", r"camera front at \(640, 240\); robot simulated has \(424, 240\)"),
        ("foresight_age_max_ms = 500.0", "foresight_age_max_ms = 300.0", "trained up to 300.0 ms"),
        ("horizon = 16", "horizon = 8", r"action input noise is float32 \(16, 6\); the contract says float32 \(8, 6\)"),
    ],
)
def test_a_bundle_for_another_robot_is_refused(
    tiny_folder: Path, robot: RobotConfig, old: str, new: str, complaint: str
) -> None:
    edit(tiny_folder, old, new)
    with pytest.raises(BundleError, match=complaint):
        open_bundle(tiny_folder, robot)


def test_a_second_camera_needs_a_tolerance_in_the_robot_file(tiny_folder: Path, robot: RobotConfig) -> None:
    camera = '[[cameras]]\nname = "wrist"\nwidth_px = 424\nheight_px = 240\n\n[chunk]'
    edit(tiny_folder, "[chunk]", camera)
    edit(
        tiny_folder,
        '{ name = "front",',
        '{ name = "wrist", shape = [240, 424, 3], dtype = "uint8" },\n  { name = "front",',
    )
    two = replace(robot, cameras=(*robot.cameras, replace(robot.cameras[0], name="wrist")))
    with pytest.raises(
        BundleError, match=r"sees through 2 cameras; robot simulated does not say in policy\.pair_tolerance_ms"
    ):
        open_bundle(tiny_folder, two)


@pytest.mark.parametrize(
    ("key", "graph"), [("foresight/tokens", "foresight: tokens"), ("action/positions", "action: positions")]
)
@pytest.mark.parametrize("value", [0.25, np.nan])
def test_outputs_that_differ_from_the_reference_are_refused(
    tiny_folder: Path, robot: RobotConfig, key: str, graph: str, value: float
) -> None:
    def spoil(arrays: Arrays) -> None:
        arrays[key][1].flat[0] += value

    rewrite_parity(tiny_folder, spoil)
    with pytest.raises(BundleError, match=rf"parity of {graph} of sample 1 is off by \S+; the limit is 0.0001"):
        open_bundle(tiny_folder, robot)


MISFITS: list[tuple[Callable[[Arrays], object], str]] = [
    (lambda arrays: arrays.pop("action/noise"), "action/noise is missing"),
    (lambda arrays: arrays.update({"action/noise": arrays["action/noise"][:1]}), r"\[1, 2\] samples"),
    (
        lambda arrays: arrays.update({"foresight/front": arrays["foresight/front"][:, 1:]}),
        r"foresight/front is uint8 \(2, 239",
    ),
    (lambda arrays: arrays.update({"action/joints": np.array(0.0)}), "action/joints is float64"),
    (lambda arrays: arrays.update({key: value[:0] for key, value in arrays.items()}), r"\[0\] samples"),
]


@pytest.mark.parametrize(("change", "complaint"), MISFITS)
def test_a_parity_file_that_does_not_fit_the_graphs_is_refused(
    tiny_folder: Path, robot: RobotConfig, change: Callable[[Arrays], object], complaint: str
) -> None:
    rewrite_parity(tiny_folder, change)
    with pytest.raises(BundleError, match=complaint):
        open_bundle(tiny_folder, robot)


def test_a_truncated_parity_file_with_a_fitting_hash_is_refused(tiny_folder: Path, robot: RobotConfig) -> None:
    rewrite(tiny_folder, "parity.npz", (tiny_folder / "parity.npz").read_bytes()[:-200])
    with pytest.raises(BundleError, match=r"parity\.npz: damaged, or of another kind: "):
        open_bundle(tiny_folder, robot)


def test_graphs_that_were_swapped_are_refused(tiny_folder: Path, robot: RobotConfig) -> None:
    rewrite(tiny_folder, "foresight.onnx", (tiny_folder / "action.onnx").read_bytes())
    with pytest.raises(BundleError, match=r"foresight\.onnx input front is not in the graph"):
        open_bundle(tiny_folder, robot)
