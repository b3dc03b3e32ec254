"""Pictures and joints of a capture become samples; what it lacks is drawn, the same again by the same seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.samples.from_capture import gather_from_capture
from calibration.capture.folder import CaptureFolder
from calibration.capture.pairing import Sample
from interfaces.bundle_manifest import BundleManifest, load_manifest
from interfaces.capture_file import CaptureCamera, CaptureFacts
from interfaces.errors import ConfigError, RefusedError, UnfitError
from interfaces.messages import Frame
from interfaces.progress import silent
from interfaces.sample_file import check_samples

DATA = Path(__file__).parents[2] / "data"
TINY = load_manifest(DATA / "tiny_bundle")
FACTS = CaptureFacts(
    format=1,
    robot="mine",
    joints=TINY.joints,
    pictures="png",
    wanted=6,
    operator="me",
    created="2026-11-21T15:04:05Z",
    tool_version="1",
    cameras=(CaptureCamera(name="front", width_px=424, height_px=240, model="D435", serial="1"),),
)


def captured(folder: Path, n_samples: int, facts: CaptureFacts = FACTS) -> Path:
    capture = CaptureFolder(folder, facts)
    for number in range(n_samples):
        rgb = np.full((facts.cameras[0].height_px, facts.cameras[0].width_px, 3), 10 * number, np.uint8)
        frame = Frame(camera="front", number=number, t_capture_ns=number, t_arrival_ns=number, rgb=rgb, depth_mm=None)
        joints = np.full(len(facts.joints), 0.1 * number)
        capture.add(
            Sample(
                t_capture_ns=number,
                frames={"front": frame},
                position_rad=joints,
                velocity_rad_s=0 * joints,
                effort_ratio=0 * joints,
            )
        )
    return folder


def test_pictures_and_joints_are_the_captures(tmp_path: Path) -> None:
    folder = captured(tmp_path / "capture", 6)
    samples = gather_from_capture(folder, TINY, 100, 1, silent)
    assert check_samples("gathered", samples, TINY) == 6
    assert samples["front"][:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40, 50]
    np.testing.assert_allclose(samples["joints"][:, 2], 0.1 * np.arange(6), atol=1e-6)
    assert gather_from_capture(folder, TINY, 2, 1, silent)["front"][:, 0, 0, 0].tolist() == [0, 50]


def test_what_is_drawn_is_what_a_runtime_could_give_and_the_seeds(tmp_path: Path) -> None:
    folder = captured(tmp_path / "capture", 6)
    one, again, other = (gather_from_capture(folder, TINY, 6, seed, silent) for seed in (1, 1, 2))
    for name, values in one.items():
        np.testing.assert_array_equal(values, again[name])
    assert (one["noise"] != other["noise"]).any()
    assert (one["instruction"].sum(axis=1) == 1).all()
    assert ((one["foresight_age"] >= 0.02) & (one["foresight_age"] <= 0.2)).all()
    young = replace(TINY, foresight_age_max_ms=15.0)
    assert (gather_from_capture(folder, young, 6, 1, silent)["foresight_age"] <= 0.015).all()


def test_a_committed_prefix_is_the_first_chunks(tmp_path: Path) -> None:
    prefix = load_manifest(DATA / "tiny_prefix_bundle")
    samples = gather_from_capture(captured(tmp_path / "capture", 3), prefix, 6, 1, silent)
    assert samples["prefix_rows"].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(
        samples["prefix"], np.repeat(samples["joints"][:, None], prefix.chunk.horizon, axis=1)
    )


@pytest.mark.parametrize(
    ("manifest", "facts", "complaint"),
    [
        (replace(TINY, joints=TINY.joints[::-1]), FACTS, "a capture of shoulder_pan, .*; bundle tiny moves gripper, "),
        (TINY, replace(FACTS, cameras=(replace(FACTS.cameras[0], width_px=320),)), r"through front at \(320, 240\); .* at \(424, 240\)"),
        (replace(TINY, cameras=(replace(TINY.cameras[0], n_history=2),)), FACTS, "a capture has single pictures; bundle tiny sees several"),
    ],
)  # fmt: skip
def test_a_capture_of_another_robot_is_refused(
    tmp_path: Path, manifest: BundleManifest, facts: CaptureFacts, complaint: str
) -> None:
    with pytest.raises(UnfitError, match=complaint):
        gather_from_capture(captured(tmp_path / "capture", 1, facts), manifest, 6, 1, silent)


def test_an_empty_one_and_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="gave no sample"):
        gather_from_capture(captured(tmp_path / "empty", 0), TINY, 6, 1, silent)
    with pytest.raises(ConfigError, match=r"capture\.toml: No such file"):
        gather_from_capture(tmp_path / "none", TINY, 6, 1, silent)
