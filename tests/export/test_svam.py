"""A policy's two graphs compute what torch does, take nothing TensorRT refuses, and at paper scale leave their weights beside them.

The exporter takes 10 to 15 ms of CPU time for each node, however small the weights: a whole foresight, 20 s. What is quick is tried on
the action graph; the foresight itself is in the slow tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from export.onnx_graphs import Arrays, export_graph, run_torch
from export.paper_scale import export_paper_scale, hollow_policy, write_graph
from export.svam import random_policy, random_samples, write_graphs
from export.tensorrt_rules.check import check_file
from export.trained_policy import policy_graphs
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy

TINY = SvamConfig.small(
    joints=("a", "b", "c"), instructions=("reach", "push"), camera="wrist", width_px=60, height_px=48, crop_px=40, horizon=4,
    video_px=16, n_frames=2, unet_channels=(32, 32, 32), unet_heads=(1, 1, 1), vae_channels=(32, 32),
    n_text_tokens=2, text_dim=8, goal_dim=8, semantic_dim=12, geometric_dim=8,
    decoupler_dim=16, decoupler_heads=2, decoupler_blocks=1,
    queries_per_frame=2, token_dim=16, condenser_layers=1, condenser_heads=2, condenser_head_dim=8,
    expert_heads=2, encoder_blocks=1, decoder_blocks=1,
)  # fmt: skip


N_BYTES = {"fp16": 2, "fp32": 4}


@pytest.fixture(scope="module")
def policy() -> SvamPolicy:
    return random_policy(TINY)


@pytest.fixture(scope="module")
def samples() -> Arrays:
    tokens = np.random.default_rng(0).standard_normal((3, TINY.n_tokens, TINY.token_dim)).astype(np.float32)
    return {**random_samples(TINY, 3), "tokens": tokens}


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def ran(path: Path, inputs: Arrays) -> NDArray[np.float32]:
    return np.asarray(session(path).run(None, {name: np.asarray(value) for name, value in inputs.items()})[0])


def test_random_samples_are_repeatable_and_of_the_contracts_kinds(samples: Arrays) -> None:
    again = random_samples(TINY, 3)
    for name, values in again.items():
        np.testing.assert_array_equal(values, samples[name])
        assert str(values.dtype) == ("uint8" if name == "wrist" else "float32")
        assert len(values) == 3
    assert again["wrist"].shape == (3, 48, 60, 3)
    assert set(again) == {"wrist", "instruction", "joints", "foresight_age", "noise"}
    assert (again["instruction"].sum(axis=1) == 1.0).all()


@pytest.mark.slow
def test_the_action_graph_is_torchs(policy: SvamPolicy, samples: Arrays, tmp_path: Path) -> None:
    _, action = policy_graphs(policy)
    positions = export_graph(action, samples, tmp_path / "action.onnx")  # itself holds ONNX Runtime to torch's 1e-4
    assert positions.shape == (3, 4, 3)
    assert positions.std() > 0.05  # every part has its say: a constant would be easy to agree on
    assert [tensor.name for tensor in session(tmp_path / "action.onnx").get_inputs()] == list(action.inputs)
    assert check_file(tmp_path / "action.onnx") == []


def test_weights_of_a_large_graph_go_beside_it(
    samples: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.paper_scale.LARGEST_FILE_BYTES", 10_000)
    _, action = policy_graphs(hollow_policy(TINY, "fp16"))
    told = write_graph(action, samples, tmp_path / "action.fp16.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["action.fp16.onnx", "action.fp16.onnx.weights"]
    assert 0.8 < told.weights_bytes / (2 * told.n_weights) <= 1.0  # the smallest stay in the graph
    assert told.graph_bytes == told.path.stat().st_size
    assert check_file(told.path) == []
    positions = ran(told.path, {name: samples[name][0] for name in action.inputs})
    np.testing.assert_allclose(positions, run_torch(action, samples)[0], atol=0.01)


@pytest.mark.slow
def test_the_foresight_graph_is_torchs_and_nothing_more(policy: SvamPolicy, tmp_path: Path) -> None:
    told = write_graphs(policy, random_samples(TINY, 3), tmp_path)
    assert np.abs(told["tokens"][0] - told["tokens"][1]).max() > 1e-3  # pictures matter
    graph = session(tmp_path / "foresight.onnx")
    for tensor in (*graph.get_inputs(), *graph.get_outputs()):
        assert told[tensor.name].shape[1:] == tuple(tensor.shape), tensor.name
    shown = {name: told[name][0] for name in ("wrist", "instruction")}
    np.testing.assert_array_equal(ran(tmp_path / "foresight.onnx", shown), ran(tmp_path / "foresight.onnx", shown))
    model = onnx.load(tmp_path / "foresight.onnx")
    assert not any(node.op_type.startswith(("Random", "Dropout")) for node in model.graph.node)
    assert check_file(tmp_path / "foresight.onnx") == []
    names = " ".join(node.name for node in model.graph.node)
    assert "video.unet.up_blocks.1." in names
    for unneeded in ("video.unet.up_blocks.2.", "video.unet.conv_out", "video.vae.decoder", "policy.action."):
        assert unneeded not in names


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_paper_scale_export_says_what_it_did(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.paper_scale.LARGEST_FILE_BYTES", 300_000)
    said: list[str] = []
    foresight, action = export_paper_scale(
        tmp_path,
        TINY,
        "fp16" if precision == "fp16" else "fp32",
        lambda _done, _total, text: said.append(text),
        check=True,
    )
    assert foresight.weights_bytes == pytest.approx(N_BYTES[precision] * foresight.n_weights, rel=0.05)
    assert action.weights_bytes == 0
    for one in (foresight, action):
        assert one.parity_max_abs is not None
        assert one.parity_max_abs < (0.05 if precision == "fp16" else 1e-4)
        assert check_file(one.path) == []
    assert {path.name for path in tmp_path.iterdir()} == {
        f"foresight.{precision}.onnx", f"foresight.{precision}.onnx.weights", f"action.{precision}.onnx", "samples.npz",
    }  # fmt: skip
    assert said[-1] == "written"
