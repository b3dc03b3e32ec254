"""A policy of a family that nobody foresaw, from its checkpoint to its two graphs; and sources that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from export.onnx_graphs import run_torch
from export.policy_source import load_source
from interfaces.errors import ConfigError
from interfaces.sample_file import write_samples
from models.families import FAMILIES, Family, save_policy
from tests.distill.family.toy_family import ToyConfig, ToyPolicy

CONFIG = ToyConfig(
    joints=("a", "b"), instructions=("reach", "push"), camera="top", width_px=20, height_px=16, crop_px=16,
    horizon=4, step_ms=20.0, first_ms=40.0, foresight_age_max_ms=250.0, n_history=3, history_step_ms=60.0,
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of the toy family."""
    monkeypatch.setitem(FAMILIES, "toy", Family(ToyConfig, ToyPolicy))
    torch.manual_seed(0)
    save_policy(ToyPolicy(CONFIG), tmp_path / "policy.pt")
    draw = np.random.default_rng(0)
    samples = {
        "top": draw.integers(0, 256, (2, 3, 16, 20, 3), dtype=np.uint8),
        "instruction": np.eye(2, dtype=np.float32),
        "joints": draw.normal(size=(2, 2)).astype(np.float32),
        "foresight_age": np.full(2, 0.1, np.float32),
        "noise": draw.normal(size=(2, 4, 2)).astype(np.float32),
    }
    write_samples(tmp_path / "samples.npz", samples)
    return tmp_path


def test_all_that_an_export_needs_is_in_the_run(run: Path) -> None:
    policy = load_source(str(run))
    assert (policy.family, policy.joints, policy.instructions) == ("toy", ("a", "b"), ("reach", "push"))
    camera = policy.cameras[0]
    assert (camera.name, camera.width_px, camera.height_px) == ("top", 20, 16)
    assert (camera.n_history, camera.history_step_ms) == (3, 60.0)
    assert (policy.chunk.horizon, policy.chunk.step_ms, policy.chunk.first_ms) == (4, 20.0, 40.0)
    assert policy.foresight_age_max_ms == 250.0


def test_both_graphs_run_on_the_samples(run: Path) -> None:
    policy = load_source(str(run))
    tokens = run_torch(policy.foresight, policy.samples)
    assert tokens.shape == (2, 1, 8)
    assert np.abs(tokens[0] - tokens[1]).max() > 0
    positions = run_torch(policy.action, {**policy.samples, "tokens": tokens})
    assert positions.shape == (2, 4, 2)


def test_what_is_no_source_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"policy\.pt is absent; expected a finished run|policy\.pt.*a finished run"):
        load_source(str(run / "elsewhere"))
    monkeypatch.delitem(FAMILIES, "toy")
    with pytest.raises(ConfigError, match=r"family is 'toy'; expected one of small"):
        load_source(str(run))
    (run / "policy.pt").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ConfigError, match=r"policy\.pt: .*cannot be read"):
        load_source(str(run))
    (run / "mine.py").write_text("policy = 3\ndef wrong():\n    return 3\n")
    with pytest.raises(ConfigError, match="a function that returns a TorchPolicy"):
        load_source(f"{run / 'mine.py'}:policy")
    with pytest.raises(ConfigError, match="a TorchPolicy as its result"):
        load_source(f"{run / 'mine.py'}:wrong")
