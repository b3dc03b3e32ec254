"""From fp32 to every precision: what is made, what is gated, what stays when something fails, and what the robot then runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from export.bundle_writer import write_bundle
from export.gates.closed_loop import Outcomes
from export.onnx_graphs import Graph
from export.provenance import provenance_of_this_tree
from export.refine import Refinement, refine, require_fit
from export.torch_policy import TorchPolicy
from interfaces.bundle_artefact import Precision
from interfaces.bundle_manifest import CameraSpec, ChunkSpec, GraphSpec, bundle_files, load_manifest
from interfaces.engine import Engine
from interfaces.errors import BundleError, ConfigError
from interfaces.progress import Progress, silent
from interfaces.sample_file import Samples
from runtime.policy.open_engine import open_engine

JOINTS = ("a", "b", "c")


class Look(nn.Module):
    """Tokens from a picture, through three convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.second = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.third = nn.Conv2d(32, 32, 3, padding=1)
        self.leave = nn.Linear(32, 8)

    @override
    def forward(self, front: Tensor, instruction: Tensor) -> Tensor:
        x = torch.relu(self.first(front.float().permute(2, 0, 1)[None] / 255.0 - 0.5))
        x = torch.relu(self.third(torch.relu(self.second(x))))
        return self.leave(x.mean((2, 3))) + instruction.sum()


class Act(nn.Module):
    """Positions from tokens and joints, through two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(11, 64), nn.Linear(64, 15)

    @override
    def forward(self, tokens: Tensor, joints: Tensor) -> Tensor:
        hidden = torch.relu(self.enter(torch.cat([tokens[0], joints])[None]))
        return joints + self.leave(hidden).view(5, 3)


def some_samples(n_samples: int, seed: int) -> Samples:
    draw = np.random.default_rng(seed)
    colours = draw.integers(0, 256, (n_samples, 2, 3, 3), np.uint8)
    return {
        "front": colours.repeat(12, axis=1).repeat(10, axis=2),
        "instruction": np.eye(2, dtype=np.float32)[draw.integers(2, size=n_samples)],
        "joints": draw.normal(size=(n_samples, 3)).astype(np.float32),
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle in fp32."""
    torch.manual_seed(0)
    policy = TorchPolicy(
        family="test",
        joints=JOINTS,
        instructions=("one", "two"),
        cameras=(CameraSpec(name="front", width_px=30, height_px=24),),
        chunk=ChunkSpec(horizon=5, step_ms=50.0, first_ms=50.0),
        foresight_age_max_ms=400.0,
        foresight=Graph(name="foresight", network=Look(), inputs=("front", "instruction"), output="tokens"),
        action=Graph(name="action", network=Act(), inputs=("tokens", "joints"), output="positions"),
        samples=some_samples(2, 0),
    )
    folder = tmp_path_factory.mktemp("source") / "fp32"
    write_bundle(policy, provenance_of_this_tree("test", ""), folder)
    return folder


def opened(path: Path, spec: GraphSpec) -> Engine:
    return open_engine(path, path.name, spec, 1)


def as_they_come(_folder: Path, precisions: Sequence[Precision]) -> Sequence[Precision]:
    return precisions


def unseen(_title: str) -> Progress:
    return silent


HOW = Refinement(
    precisions=("fp16", "cpu-int8", "trt-int8"),
    calibration=some_samples(16, 1),
    heldout=some_samples(24, 2),
    pinned=frozenset(),
    open_engine=opened,
    rank=as_they_come,
    play="there is no simulator for it",
    start_stage=unseen,
)


def test_every_precision_is_made_gated_and_named_in_the_manifest(source: Path, tmp_path: Path) -> None:
    refine(source, tmp_path / "all", HOW)
    manifest = load_manifest(tmp_path / "all")
    assert manifest.name == "all"
    assert {artefact.precision for artefact in manifest.artefacts} == {"fp32", "fp16", "cpu-int8", "trt-int8"}
    assert manifest.artefact("fp16").ready
    for artefact in manifest.artefacts:
        outcomes = {gate.name: gate.outcome for gate in artefact.gates}
        if artefact.precision != "fp32":
            assert outcomes.keys() == {"action error", "action cosine", "foresight cosine", "closed loop"}
            assert outcomes["closed loop"] == "skipped"
            assert artefact.ready == ("failed" not in outcomes.values())
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"manifest.toml", *bundle_files(manifest)}
    assert {document.file for document in manifest.documents} == {
        f"sensitivity.{layout}.{ending}" for layout in ("cpu-int8", "trt-int8") for ending in ("csv", "png")
    }


def test_fp32_stays_behind_where_nobody_wants_it(source: Path, tmp_path: Path) -> None:
    refine(source, tmp_path / "lean", replace(HOW, precisions=("fp16",), keep_fp32=False))
    manifest = load_manifest(tmp_path / "lean")
    assert [artefact.precision for artefact in manifest.artefacts] == ["fp16"]
    assert {path.name for path in (tmp_path / "lean").iterdir()} == {"manifest.toml", *bundle_files(manifest)}
    with pytest.raises(BundleError, match="no fp32 artefact, only fp16"):
        refine(tmp_path / "lean", tmp_path / "again", HOW)


def test_an_artefact_that_loses_in_the_closed_loop_is_not_ready(source: Path, tmp_path: Path) -> None:
    def play(folder: Path, precision: Precision, _progress: Progress) -> Outcomes:
        assert load_manifest(folder).artefact(precision).ready
        return {"one": {seed: precision == "fp32" or seed > 3 for seed in range(100)}}

    manifest = refine(source, tmp_path / "loser", replace(HOW, precisions=("fp16",), play=play))
    fp16 = manifest.artefact("fp16")
    assert not fp16.ready
    assert "lost on seed 0 1 2 3" in fp16.gates[-1].worst
    assert manifest.artefacts[0].precision == "fp32"  # what is ready comes first


def test_the_fastest_that_is_ready_comes_first(source: Path, tmp_path: Path) -> None:
    def rank(folder: Path, precisions: Sequence[Precision]) -> Sequence[Precision]:
        assert (folder / "foresight.fp16.onnx").exists()
        return list(precisions)[::-1]

    manifest = refine(source, tmp_path / "ranked", replace(HOW, precisions=("fp16",), rank=rank))
    assert [artefact.precision for artefact in manifest.artefacts] == ["fp16", "fp32"]


def test_what_fails_leaves_the_old_bundle(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    refine(source, folder, replace(HOW, precisions=()))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigError, match="pin is 'foresight/thrid'; expected the name of a block, such as"):
        refine(source, folder, replace(HOW, precisions=("cpu-int8",), pinned=frozenset({"foresight/thrid"})))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_a_refined_bundle_can_be_refined_again(source: Path, tmp_path: Path) -> None:
    refine(source, tmp_path / "once", replace(HOW, precisions=("fp16",)))
    again = refine(tmp_path / "once", tmp_path / "twice", replace(HOW, precisions=()))
    assert [artefact.precision for artefact in again.artefacts] == ["fp32"]


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(BundleError, match="heldout: 24 samples; needed are at least 300"):
        require_fit(HOW.heldout, "heldout", 300)
