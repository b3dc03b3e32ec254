"""The video model: one step and many start from the same noise, sampling is deterministic, and the loss is that of a denoiser."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from models.svam.config import SvamConfig
from models.svam.video_model import SIGMA_MAX, VideoModel, build_video_model


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


NOISE, FRAME, TEXT = drawn(1, 3, 4, 8, 8), drawn(1, 4, 8, 8, seed=1), drawn(1, 2, 8, seed=2)


class SaysSo(nn.Module):
    """A UNet whose answer is such that the denoiser says `clean`."""

    def __init__(self, clean: Tensor, sigma: float) -> None:
        super().__init__()
        self.clean, self.sigma = clean, sigma

    @override
    def forward(self, sample: Tensor, _level: Tensor, _text: Tensor, *, added_time_ids: Tensor) -> SimpleNamespace:
        assert added_time_ids.tolist() == [[4.0, 127.0, 0.0]] * len(sample)
        spread = (self.sigma**2 + 1.0) ** 0.5
        noisy = sample[:, :, :4] * spread
        return SimpleNamespace(sample=(noisy / spread**2 - self.clean) * spread / self.sigma)


def watch_inputs(video: VideoModel) -> tuple[list[Tensor], list[Tensor], list[Any]]:
    """Return lists that fill with what the UNet's first convolution and its time embedding read."""
    samples: list[Tensor] = []
    times: list[Tensor] = []

    def sample(_module: nn.Module, inputs: tuple[Tensor]) -> None:
        samples.append(inputs[0])

    def level(_module: nn.Module, inputs: tuple[Tensor]) -> None:
        times.append(inputs[0])

    handles = [
        video.unet.conv_in.register_forward_pre_hook(sample),
        video.unet.time_proj.register_forward_pre_hook(level),
    ]
    return samples, times, handles


def test_one_step_features_and_sampling_begin_with_the_very_same_input(video: VideoModel) -> None:
    samples, levels, handles = watch_inputs(video)
    with torch.no_grad():
        video.features(NOISE, FRAME, TEXT)
        video.sample(NOISE, FRAME, TEXT, n_steps=3)
    for handle in handles:
        handle.remove()
    assert len(samples) == 4
    torch.testing.assert_close(samples[0], samples[1], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(samples[0][:, :4], NOISE[0])  # unit-sized, as it was given
    torch.testing.assert_close(samples[0][:, 4:], FRAME.expand(3, -1, -1, -1))  # the current frame beside every frame
    assert float(levels[0]) == pytest.approx(1.6378, abs=1e-4)  # ln(700) / 4
    assert float(levels[1]) == pytest.approx(float(levels[0]), abs=1e-5)


@pytest.mark.parametrize("n_steps", [2, 5, 30])
def test_the_first_level_does_not_depend_on_the_number_of_steps(video: VideoModel, n_steps: int) -> None:
    cut = VideoModel(SaysSo(torch.zeros(1), 1.0), video.vae)  # pyright: ignore[reportArgumentType] # a stand-in
    levels: list[float] = []
    cut.unet.register_forward_pre_hook(lambda _module, inputs: levels.append(float(inputs[1])))
    cut.sample(NOISE, FRAME, TEXT, n_steps)
    assert len(levels) == n_steps
    assert levels[0] == pytest.approx(1.6378, abs=1e-4)
    assert levels == sorted(levels, reverse=True)


def test_one_sampling_step_is_the_denoisers_word_at_the_first_level(video: VideoModel) -> None:
    with torch.no_grad():
        noisy = NOISE * (SIGMA_MAX**2 + 1.0) ** 0.5
        wanted = video.denoised(noisy, torch.tensor([SIGMA_MAX]), FRAME, TEXT)
        got = video.sample(NOISE, FRAME, TEXT, n_steps=1)
    torch.testing.assert_close(got, wanted, atol=2e-3, rtol=1e-3)  # a difference of numbers around 700


def test_sampling_is_a_function_of_noise_frame_and_text(video: VideoModel) -> None:
    reference = video.sample(NOISE, FRAME, TEXT, n_steps=2)
    torch.testing.assert_close(video.sample(NOISE, FRAME, TEXT, n_steps=2), reference, atol=0, rtol=0)
    for other in (
        video.sample(-NOISE, FRAME, TEXT, n_steps=2),
        video.sample(NOISE, -FRAME, TEXT, n_steps=2),
        video.sample(NOISE, FRAME, -TEXT, n_steps=2),
        video.sample(NOISE, FRAME, TEXT, n_steps=3),
        video.sample(NOISE, FRAME, TEXT, n_steps=2, guidance=7.5),
    ):
        assert (other - reference).abs().max() > 1e-4


def test_guidance_pushes_away_from_the_video_without_text(video: VideoModel) -> None:
    plain, free, guided = (
        video.sample(NOISE, FRAME, text, n_steps=1, guidance=guidance)
        for text, guidance in ((TEXT, 1.0), (torch.zeros_like(TEXT), 1.0), (TEXT, 3.0))
    )
    torch.testing.assert_close(guided, free + 3.0 * (plain - free), atol=5e-3, rtol=1e-3)


def test_a_right_denoiser_costs_nothing_and_a_wrong_one_by_its_noise(video: VideoModel) -> None:
    clean, normal = drawn(2, 3, 4, 8, 8, seed=5), torch.tensor([0.3, 0.3])
    sigma = float(torch.exp(0.7 + 1.6 * normal[0]))
    uniform = 0.5 * (1.0 + torch.erf(normal / 2.0**0.5))
    frame, text = FRAME.expand(2, -1, -1, -1), TEXT.expand(2, -1, -1)
    for said, wanted in ((clean, 0.0), (clean + 1.0, (sigma**2 + 1.0) / sigma**2)):
        model = VideoModel(SaysSo(said, sigma), video.vae)  # pyright: ignore[reportArgumentType] # a stand-in
        loss = model.loss(clean, drawn(2, 3, 4, 8, 8, seed=6), uniform, frame, text)
        torch.testing.assert_close(loss, torch.full((2,), wanted), atol=1e-4, rtol=1e-4)


def test_all_of_the_unet_learns(tiny: SvamConfig) -> None:
    video = build_video_model(tiny)
    video.loss(NOISE, drawn(1, 3, 4, 8, 8, seed=7), torch.full((1,), 0.5), FRAME, TEXT).sum().backward()
    untouched = [name for name, parameter in video.unet.named_parameters() if parameter.grad is None]
    assert untouched == []


def test_pictures_become_latents_and_back(video: VideoModel) -> None:
    pictures = drawn(2, 3, 3, 32, 32).clamp(-1.0, 1.0)
    with torch.no_grad():
        latents = video.encode_video(pictures)
        assert latents.shape == (2, 3, 4, 8, 8)
        # What is generated is scaled; what the UNet reads beside it is not.
        torch.testing.assert_close(video.encode_frame(pictures[:, 0]) * 0.18215, latents[:, 0])
        assert video.decode_video(latents).shape == pictures.shape


def test_the_latent_is_the_posteriors_mode(video: VideoModel) -> None:
    picture = drawn(1, 3, 32, 32)
    whole: Any = copy.deepcopy(video.vae)
    with torch.no_grad():
        torch.testing.assert_close(video.encode_frame(picture), whole.encode(picture).latent_dist.mode())
