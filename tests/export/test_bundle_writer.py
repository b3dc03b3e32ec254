"""A bundle is written whole or not at all, and what is not computed alike is not exported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from export.bundle_writer import replace_folder, write_bundle, write_manifest
from export.onnx_graphs import Arrays, Graph
from export.provenance import provenance_of_this_tree
from export.torch_policy import TorchPolicy
from interfaces.bundle_manifest import CameraSpec, ChunkSpec, load_manifest
from interfaces.errors import BundleError


class Look(nn.Module):
    """Tokens from the mean colour and the instruction."""

    @override
    def forward(self, front: Tensor, instruction: Tensor) -> Tensor:
        return front.float().mean((0, 1))[None] / 255.0 + instruction.sum()


class Stay(nn.Module):
    """Stays where it is."""

    @override
    def forward(self, tokens: Tensor, joints: Tensor, foresight_age: Tensor, noise: Tensor) -> Tensor:
        return joints[None] + 0.0 * (noise + tokens.sum() + foresight_age)


class Moody(nn.Module):
    """Computes one thing while it is traced, and another in torch."""

    @override
    def forward(self, front: Tensor, instruction: Tensor) -> Tensor:
        tokens = front.float().mean((0, 1))[None] / 255.0 + instruction.sum()
        return tokens if torch.compiler.is_exporting() else tokens + 1.0


@pytest.fixture
def samples() -> Arrays:
    rng = np.random.default_rng(0)
    return {
        "front": rng.integers(0, 255, (2, 4, 6, 3)).astype(np.uint8),
        "instruction": np.eye(2, dtype=np.float32),
        "joints": rng.normal(size=(2, 3)).astype(np.float32),
        "foresight_age": np.array([0.1, 0.2], np.float32),
        "noise": rng.normal(size=(2, 5, 3)).astype(np.float32),
    }


def policy(look: nn.Module, samples: Arrays) -> TorchPolicy:
    return TorchPolicy(
        family="test",
        joints=("a", "b", "c"),
        instructions=("one", "two"),
        cameras=(CameraSpec(name="front", width_px=6, height_px=4),),
        chunk=ChunkSpec(horizon=5, step_ms=50.0, first_ms=50.0),
        foresight_age_max_ms=400.0,
        foresight=Graph(name="foresight", network=look, inputs=("front", "instruction"), output="tokens"),
        action=Graph(
            name="action", network=Stay(), inputs=("tokens", "joints", "foresight_age", "noise"), output="positions"
        ),
        samples=samples,
    )


class LookBack(nn.Module):
    """Tokens from how the mean colour changed."""

    @override
    def forward(self, front: Tensor, instruction: Tensor) -> Tensor:
        colour = front.float().mean((1, 2)) / 255.0  # (3, 3)
        return (colour[2] - colour[0])[None] + instruction.sum()


PROVENANCE = provenance_of_this_tree("test", "")


def test_a_bundle_appears_whole(samples: Arrays, tmp_path: Path) -> None:
    write_bundle(policy(Look(), samples), PROVENANCE, tmp_path / "stay")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stay"]
    names = sorted(path.name for path in (tmp_path / "stay").iterdir())
    assert names == ["action.fp32.onnx", "foresight.fp32.onnx", "manifest.toml", "parity.npz"]


def test_a_manifest_of_a_policy_that_does_not_look_back_is_the_same_bytes_as_ever(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "robots/bundles/so101-small"
    write_manifest(load_manifest(shipped), tmp_path)
    assert (tmp_path / "manifest.toml").read_bytes() == (shipped / "manifest.toml").read_bytes()


def test_a_policy_that_looks_back_says_so(samples: Arrays, tmp_path: Path) -> None:
    back = (CameraSpec(name="front", width_px=6, height_px=4, n_history=3, history_step_ms=100.0),)
    pictures = np.random.default_rng(2).integers(0, 255, (2, 3, 4, 6, 3)).astype(np.uint8)
    mine = replace(policy(LookBack(), {**samples, "front": pictures}), cameras=back)
    write_bundle(mine, PROVENANCE, tmp_path / "back")
    assert "n_history = 3, history_step_ms = 100.0" in (tmp_path / "back/manifest.toml").read_text()
    assert load_manifest(tmp_path / "back").cameras == back
    with pytest.raises(BundleError, match=r"front is uint8 \(3, 4, 6, 3\); the contract says uint8 \(4, 6, 3\)"):
        write_bundle(replace(mine, cameras=(replace(back[0], n_history=1),)), PROVENANCE, tmp_path / "other")


def test_a_failed_export_leaves_the_old_bundle(samples: Arrays, tmp_path: Path) -> None:
    write_bundle(policy(Look(), samples), PROVENANCE, tmp_path / "stay")
    before = {path.name: path.read_bytes() for path in (tmp_path / "stay").iterdir()}
    with pytest.raises(BundleError, match=r"foresight: ONNX differs from torch by 1\.0"):
        write_bundle(policy(Moody(), samples), PROVENANCE, tmp_path / "stay")
    assert {path.name: path.read_bytes() for path in (tmp_path / "stay").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stay"]


def test_what_a_killed_run_left_aside_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / ".stay.old").mkdir()  # killed between its two renames
    (tmp_path / ".stay.old/manifest.toml").write_text("the only copy")
    with pytest.raises(OSError, match="nothing"):
        replace_folder(tmp_path / "nothing", tmp_path / "stay")
    assert (tmp_path / "stay/manifest.toml").read_text() == "the only copy"
