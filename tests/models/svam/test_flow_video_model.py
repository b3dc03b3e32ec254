"""The small video model: one step and many start from the same noise, all of it learns, and it forgets nothing when it is cut."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from models.svam.config import SvamConfig
from models.svam.flow_video_model import FlowVideoModel
from models.svam.policy import SvamPolicy

CONFIG = SvamConfig.small_transformer(
    joints=("a", "b"), instructions=("reach", "push"), width_px=60, height_px=48, crop_px=40,
    video_px=32, n_frames=3, vae_channels=(8, 16), latent_channels=4, n_text_tokens=2, text_dim=8,
    transformer_dim=24, transformer_heads=2, transformer_blocks=3, transformer_leave_dim=16,
)  # fmt: skip


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


NOISE, FRAME, TEXT = drawn(2, 3, 4, 8, 8), drawn(2, 4, 8, 8, seed=1), drawn(2, 2, 8, seed=2)


@pytest.fixture
def video() -> FlowVideoModel:
    """A model whose gates are open: untrained ones are shut, and nothing behind them would show."""
    torch.manual_seed(0)
    model = FlowVideoModel(CONFIG).eval()
    torch.nn.init.normal_(model.transformer.modulate.weight, std=0.2)
    for block in model.transformer.blocks:
        torch.nn.init.normal_(block.get_parameter("own"), std=0.5)
    return model


def test_one_step_features_and_sampling_begin_with_the_very_same_input(video: FlowVideoModel) -> None:
    seen: list[Tensor] = []
    levels: list[Tensor] = []
    video.transformer.past.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    video.transformer.level.register_forward_pre_hook(lambda _module, inputs: levels.append(inputs[0]))
    with torch.no_grad():
        video.features(NOISE, FRAME, TEXT)
        video.sample(NOISE, FRAME, TEXT, n_steps=3)
    assert len(seen) == 4
    torch.testing.assert_close(seen[0], seen[1], atol=0, rtol=0)
    torch.testing.assert_close(seen[0].view(2, 3, 8, 8, 8)[:, :, :4], NOISE, atol=0, rtol=0)
    torch.testing.assert_close(seen[0].view(2, 3, 8, 8, 8)[:, 2, 4:], FRAME, atol=0, rtol=0)
    assert [float(level[0]) for level in levels] == pytest.approx([0.0, 0.0, 1 / 3, 2 / 3])


def test_features_have_the_shape_that_the_students_expect(video: FlowVideoModel) -> None:
    features = video.features(NOISE, FRAME, TEXT)
    assert features.shape == (2, CONFIG.n_frames, CONFIG.feature_dim, CONFIG.grid, CONFIG.grid)
    coarse, fine = features[:, :, : CONFIG.transformer_dim], features[:, :, CONFIG.transformer_dim :]
    assert (coarse[..., 0::2, :] == coarse[..., 1::2, :]).all()  # the places of a patch share the coarse tap,
    assert (fine[..., 0::2, :] != fine[..., 1::2, :]).any()  # and are told apart by the fine one


def test_all_that_is_told_reaches_the_features(video: FlowVideoModel) -> None:
    with torch.no_grad():
        reference = video.features(NOISE, FRAME, TEXT)
        for other in ((-NOISE, FRAME, TEXT), (NOISE, -FRAME, TEXT), (NOISE, FRAME, -TEXT)):
            assert (video.features(*other) - reference).abs().max() > 1e-3
        late = NOISE.clone()
        late[:, 2] = 0.0  # what is in the last frame shows in the first
        assert (video.features(late, FRAME, TEXT)[:, 0] - reference[:, 0]).abs().max() > 1e-4


def test_a_cut_model_has_the_same_features(video: FlowVideoModel) -> None:
    cut = copy.deepcopy(video)
    cut.cut()
    with torch.no_grad():
        whole = video.features(NOISE, FRAME, TEXT)
        torch.testing.assert_close(cut.features(NOISE, FRAME, TEXT), whole, atol=0, rtol=0)
    assert sum(p.numel() for p in cut.parameters()) < sum(p.numel() for p in video.parameters())


def test_one_step_of_sampling_is_the_velocity_at_the_noise(video: FlowVideoModel) -> None:
    with torch.no_grad():
        velocity = video.transformer(NOISE, torch.zeros(2), FRAME, TEXT)
        torch.testing.assert_close(video.sample(NOISE, FRAME, TEXT, n_steps=1), NOISE + velocity)
        once, often = (video.sample(NOISE, FRAME, TEXT, n_steps=n) for n in (4, 4))
        torch.testing.assert_close(once, often, atol=0, rtol=0)


def test_all_of_the_transformer_learns(video: FlowVideoModel) -> None:
    video.loss(drawn(2, 3, 4, 8, 8, seed=5), NOISE, torch.tensor([0.3, 0.9]), FRAME, TEXT).sum().backward()
    untouched = [name for name, parameter in video.transformer.named_parameters() if parameter.grad is None]
    assert untouched == []


def test_it_learns_which_video_belongs_to_which_instruction() -> None:
    torch.manual_seed(0)
    video = FlowVideoModel(CONFIG)
    optimizer = torch.optim.AdamW(video.transformer.parameters(), 3e-3)
    futures = drawn(2, 1, 4, 1, 1, seed=8).expand(-1, 3, -1, 8, 8)  # two instructions, two futures, the same frame
    frame, draw = FRAME[:1].expand(2, -1, -1, -1), torch.Generator().manual_seed(9)
    for _ in range(60):
        noise, uniform = torch.randn(futures.shape, generator=draw), torch.rand(2, generator=draw)
        loss = video.loss(futures, noise, uniform, frame, TEXT).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    said = video.sample(NOISE, frame, TEXT, n_steps=1)
    assert (said - futures).square().mean() < 0.5 * (said - futures.flip(0)).square().mean()


def test_a_policy_is_built_around_it() -> None:
    policy = SvamPolicy(CONFIG).eval()
    rgb = torch.randint(0, 255, (1, 48, 60, 3), dtype=torch.uint8)
    features = policy.features(rgb, torch.tensor([[1.0, 0.0]]))
    assert features.shape == (1, 3, CONFIG.feature_dim, 8, 8)
    assert policy.initial_noise.shape == (3, 4, 8, 8)
