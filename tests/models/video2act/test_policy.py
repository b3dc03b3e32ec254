"""The whole policy: what each filter lets through, what the head reads, that only formers and head learn, and its two graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from export.onnx_graphs import Graph, export_graph
from models.graphs import ActionGraph, ForesightGraph
from models.moment import Moment
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy
from models.video2act.config import Video2ActConfig
from models.video2act.policy import Video2ActPolicy

PAST: dict[str, Any] = {"n_history": 4, "history_step_ms": 100.0}
N_TEXT, N_SPATIAL, N_MOTION = 2, 16, 64


def pictures(*shape: int) -> Tensor:
    return torch.randint(0, 256, (*shape, 48, 60, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("changes", "n_tokens"),
    [
        ({}, N_TEXT + N_SPATIAL + N_MOTION),
        ({"conditions": "raw"}, N_TEXT + N_SPATIAL + N_MOTION),
        ({"conditions": "spatial", "boundary": "scharr"}, N_TEXT + N_SPATIAL),
        ({"conditions": "motion", "motion": "difference"}, N_TEXT + N_MOTION),
        ({**PAST, "boundary": "laplace"}, N_TEXT + N_SPATIAL + N_MOTION),
        ({**PAST, "filters": "before"}, N_TEXT + N_SPATIAL + N_MOTION),
        ({**PAST, "filters": "before", "conditions": "raw"}, N_TEXT + N_SPATIAL + N_MOTION),
        ({**PAST, "filters": "before", "conditions": "spatial"}, N_TEXT + N_SPATIAL),
        ({**PAST, "filters": "before", "conditions": "motion"}, N_TEXT + N_MOTION),
    ],
)  # fmt: skip
@torch.no_grad()
def test_every_arm_of_the_study_has_tokens_and_acts_on_them(build: Any, changes: dict[str, Any], n_tokens: int) -> None:
    policy: Video2ActPolicy = build(**changes)
    rgb = pictures(2) if policy.config.n_history == 1 else pictures(2, 4)
    tokens = policy.context(rgb, torch.eye(2))
    assert tokens.shape == (2, *policy.tokens_shape) == (2, n_tokens, 16)
    told = (torch.zeros(2, 3), torch.full((2,), 0.1), torch.zeros(2, 4, 3))
    positions = policy.decode(tokens, *told)
    assert positions.shape == (2, 4, 3)
    other = tokens.clone()
    other[:, N_TEXT:] += 0.5 * torch.randn(other[:, N_TEXT:].shape, generator=torch.Generator().manual_seed(1))
    assert float((policy.decode(other, *told) - positions).abs().max()) > 1e-4


@torch.no_grad()
def test_tokens_depend_on_picture_and_instruction_and_come_the_same_from_latents(build: Any, moment: Moment) -> None:
    policy: Video2ActPolicy = build()
    reference = policy.context(pictures(1), torch.eye(2)[:1])
    for other in (policy.context(255 - pictures(1), torch.eye(2)[:1]), policy.context(pictures(1), torch.eye(2)[1:])):
        assert float((other - reference).abs().max()) > 1e-4
    latents = policy.video.encode(pictures(1))
    seen = replace(moment, frames=latents.expand(3, -1, -1, -1, -1), task=torch.zeros(3, dtype=torch.int64))
    torch.testing.assert_close(policy.tokens(seen, None)[1:2], reference, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_filtered_before_the_video_model_nothing_still_gets_through(build: Any, past_moment: Moment) -> None:
    """A past in which nothing moves gives one and the same motion stream, whatever stands there; raw it does not."""
    still = replace(
        past_moment, frames=past_moment.frames[:, -1:].expand(-1, 4, -1, -1, -1), task=torch.zeros(3, dtype=torch.int64)
    )
    for conditions, differ in (("motion", False), ("raw", True)):
        policy: Video2ActPolicy = build(**PAST, filters="before", conditions=conditions)
        motion = policy.tokens(still, None)[:, -N_MOTION:]
        assert (float((motion[0] - motion[1]).abs().max()) > 1e-2) == differ


@torch.no_grad()
def test_the_spatial_stream_is_of_the_frame_nearest_to_now(build: Any, past_moment: Moment) -> None:
    policy: Video2ActPolicy = build(**PAST, filters="before", conditions="spatial")
    reference = policy.tokens(past_moment, None)
    older = replace(past_moment, frames=torch.cat([past_moment.frames[:, :3] + 1.0, past_moment.frames[:, 3:]], dim=1))
    torch.testing.assert_close(policy.tokens(older, None), reference)
    newer = replace(past_moment, frames=torch.cat([past_moment.frames[:, :3], past_moment.frames[:, 3:] * 2.0], dim=1))
    assert float((policy.tokens(newer, None) - reference).abs().max()) > 1e-2


def test_filters_cut_off_what_they_promise_behind_the_video_model(build: Any, moment: Moment) -> None:
    """What the motion former reads has no mean over time, and what the spatial former reads is nowhere negative."""
    policy: Video2ActPolicy = build()
    read: dict[str, Tensor] = {}
    policy.slow.motion_former.register_forward_pre_hook(lambda _module, inputs: read.update(motion=inputs[0]))
    policy.slow.spatial_former.register_forward_pre_hook(lambda _module, inputs: read.update(spatial=inputs[0]))
    with torch.no_grad():
        policy.tokens(moment, None)
    motion = read["motion"].view(3, 4, 16, 24)
    assert float(motion.mean(1).abs().max()) < 1e-5
    assert float(motion.abs().max()) > 1e-2
    assert float(read["spatial"].min()) >= 0.0


@torch.no_grad()
def test_the_head_reads_text_and_streams_in_turns(build: Any) -> None:
    policy: Video2ActPolicy = build()
    read: list[int] = []
    for block in policy.action.blocks:
        block.register_forward_pre_hook(lambda _module, inputs: read.append(inputs[1].shape[1]))
    policy.decode(torch.randn(1, *policy.tokens_shape), torch.zeros(1, 3), torch.zeros(1), torch.zeros(1, 4, 3))
    assert read == [N_TEXT, N_SPATIAL + N_MOTION, N_TEXT]


@torch.no_grad()
def test_the_head_reads_joints_and_age(build: Any) -> None:
    policy: Video2ActPolicy = build()
    tokens, noise = torch.randn(1, *policy.tokens_shape), torch.zeros(1, 4, 3)
    here = policy.decode(tokens, torch.zeros(1, 3), torch.zeros(1), noise)
    there = policy.decode(tokens, torch.ones(1, 3), torch.zeros(1), noise)
    assert float((there - here - 1.0).abs().max()) > 1e-4  # more than the frame of reference
    assert float((policy.decode(tokens, torch.zeros(1, 3), torch.tensor([0.3]), noise) - here).abs().max()) > 1e-4
    blind: Video2ActPolicy = build(sees_joints=False)
    moved = blind.decode(tokens, torch.ones(1, 3), torch.zeros(1), noise) - 1.0
    torch.testing.assert_close(moved, blind.decode(tokens, torch.zeros(1, 3), torch.zeros(1), noise), atol=1e-5, rtol=0)


def test_formers_and_head_learn_and_the_video_model_does_not(build: Any, moment: Moment) -> None:
    policy: Video2ActPolicy = build(dropout_ratio=0.0)
    loss = policy.loss(moment, torch.Generator().manual_seed(1))
    assert loss.shape == (3,)
    loss.mean().backward()
    silent = [
        name for name, parameter in policy.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]
    assert silent == ["action.no_joints"]  # not in evaluation mode
    assert not [
        name for name, parameter in policy.named_parameters() if parameter.requires_grad == name.startswith("video.")
    ]


def test_the_same_draw_gives_the_same_loss_and_ages_matter(build: Any, moment: Moment) -> None:
    policy: Video2ActPolicy = build()

    def loss(of: Moment) -> Tensor:
        return policy.loss(of, torch.Generator().manual_seed(1))

    with torch.no_grad():
        torch.testing.assert_close(loss(moment), loss(moment), atol=0, rtol=0)
        older = replace(moment, age_s=moment.age_s + 0.05)
        assert float((loss(older) - loss(moment)).abs().max()) > 1e-6


def test_a_few_steps_learn_a_chunk(build: Any, moment: Moment) -> None:
    policy: Video2ActPolicy = build(dropout_ratio=0.0, pure_noise_ratio=1.0)
    learning = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    optimiser, losses = torch.optim.Adam(learning, lr=1e-2), list[float]()
    for step in range(40):
        loss = policy.loss(moment, torch.Generator().manual_seed(step)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.4 * losses[0]


@pytest.mark.parametrize("n_steps", [1, 5, 10])
@torch.no_grad()
def test_decoding_takes_as_many_steps_as_it_is_told(build: Any, n_steps: int) -> None:
    policy: Video2ActPolicy = build(n_steps=n_steps)
    calls: list[float] = []
    policy.action.level.register_forward_pre_hook(lambda _module, inputs: calls.append(float(inputs[0][0])))
    policy.decode(torch.randn(1, *policy.tokens_shape), torch.zeros(1, 3), torch.zeros(1), torch.randn(1, 4, 3))
    assert calls == pytest.approx([step / n_steps for step in range(n_steps)])


def test_it_takes_over_a_trained_video_model(build: Any, trained: SvamConfig) -> None:
    torch.manual_seed(9)
    policy, other = build(), SvamPolicy(trained).eval()
    policy.adopt(other)
    assert torch.equal(policy.video.text_table, other.text_table)
    assert torch.equal(policy.video.initial_noise, other.initial_noise)
    mine, theirs = policy.video.model.state_dict(), other.video.state_dict()
    assert all(torch.equal(mine[name], value) for name, value in theirs.items())


@pytest.mark.parametrize("changes", [{}, {**PAST, "filters": "before", "objective": "velocity", "n_steps": 2}])
def test_both_graphs_export_without_a_fourier_transform(build: Any, tmp_path: Path, changes: dict[str, Any]) -> None:
    import onnx

    policy: Video2ActPolicy = build(**changes).requires_grad_(requires_grad=False)
    policy.chunk_std.fill_(0.2)
    rgb = pictures(1) if policy.config.n_history == 1 else pictures(1, 4)
    samples: dict[str, Any] = {
        "front": rgb.numpy(), "instruction": torch.eye(2)[:1].numpy(), "joints": torch.zeros(1, 3).numpy(),
        "foresight_age": torch.tensor([0.1]).numpy(), "noise": torch.randn(1, 4, 3).numpy(),
    }  # fmt: skip
    foresight = Graph(
        name="foresight", network=ForesightGraph(policy), inputs=("front", "instruction"), output="tokens"
    )
    told = ("tokens", "joints", "foresight_age", "noise")
    action = Graph(name="action", network=ActionGraph(policy), inputs=told, output="positions")
    samples["tokens"] = export_graph(foresight, samples, tmp_path / "foresight.onnx")  # compares with torch, to 1e-4
    export_graph(action, samples, tmp_path / "action.onnx")
    operators = {
        node.op_type for name in ("foresight", "action") for node in onnx.load(tmp_path / f"{name}.onnx").graph.node
    }
    assert not operators & {"DFT", "STFT", "RMSNormalization", "Pad"}


@torch.no_grad()
def test_graphs_keep_their_contract_with_halves_inside(build: Any) -> None:
    policy: Video2ActPolicy = build()
    told = (torch.zeros(3), torch.tensor(0.1), torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    tokens = ForesightGraph(policy)(pictures(1)[0], torch.eye(2)[0])
    positions = ActionGraph(policy)(tokens, *told)
    policy.half()
    halves = ForesightGraph(policy)(pictures(1)[0], torch.eye(2)[0])
    assert (halves.dtype, ActionGraph(policy)(tokens, *told).dtype) == (torch.float32, torch.float32)
    torch.testing.assert_close(halves, tokens, atol=0.05, rtol=0)
    torch.testing.assert_close(ActionGraph(policy)(tokens, *told), positions, atol=0.03, rtol=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_history": 3}, "n_history is 3; expected 1, or 8"),
        ({"n_history": 8, "history_step_ms": 50.0}, "history_step_ms is 50.0; expected 100.0"),
        ({"filters": "before"}, "n_history is 1; expected 8"),
        ({"motion_low_hz": 1.3, "motion_high_hz": 2.4}, "motion_high_hz is 2.4; expected from motion_low_hz .* multiple of 1.25 Hz"),
    ],
)  # fmt: skip
def test_what_cannot_be_filtered_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Video2ActConfig.small(joints=("a",), instructions=("reach",), **changes)
