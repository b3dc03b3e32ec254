"""A checkpoint folder in diffusers' format comes back whole; one that does not fit is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from interfaces.errors import ConfigError
from models.svam.checkpoint import load_video_model, save_video_model
from models.svam.config import SvamConfig
from models.svam.video_model import VideoModel


@pytest.fixture
def folder(video: VideoModel, tmp_path: Path) -> Path:
    save_video_model(video, tmp_path / "svd")
    return tmp_path / "svd"


def edit(path: Path, key: str, value: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


def test_a_checkpoint_comes_back_whole(folder: Path, tiny: SvamConfig, video: VideoModel) -> None:
    (folder / "image_encoder").mkdir()  # SVD has more parts; they are not ours
    (folder / "model_index.json").write_text("{}")
    again = load_video_model(folder, tiny)
    assert again.latent_gain == video.latent_gain
    loaded, saved = again.state_dict(), video.state_dict()
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[name], value) for name, value in saved.items())
    halves = load_video_model(folder, tiny, torch.float16)
    assert next(halves.parameters()).dtype == torch.float16


def test_the_folder_is_laid_out_as_svds(folder: Path) -> None:
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.*")}
    assert files == {
        "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json", "vae/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json",
    }  # fmt: skip
    assert json.loads((folder / "unet/config.json").read_text())["_class_name"] == "UNetSpatioTemporalConditionModel"


def test_svds_own_scheduler_is_the_one_expected(folder: Path, tiny: SvamConfig) -> None:
    published = {  # stable-video-diffusion-img2vid, scheduler/scheduler_config.json
        "_class_name": "EulerDiscreteScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
        "clip_sample": False, "interpolation_type": "linear", "num_train_timesteps": 1000, "prediction_type": "v_prediction",
        "set_alpha_to_one": False, "sigma_max": 700.0, "sigma_min": 0.002, "skip_prk_steps": True, "steps_offset": 1,
        "timestep_spacing": "leading", "timestep_type": "continuous", "trained_betas": None, "use_karras_sigmas": True,
    }  # fmt: skip
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(published))
    load_video_model(folder, tiny)


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("unet/config.json", "cross_attention_dim", 1024),
        ("unet/config.json", "block_out_channels", [320, 640, 1280, 1280]),
        ("vae/config.json", "latent_channels", 16),
        ("scheduler/scheduler_config.json", "sigma_max", 80.0),
        ("scheduler/scheduler_config.json", "prediction_type", "epsilon"),
    ],
)
def test_what_does_not_fit_is_named(folder: Path, tiny: SvamConfig, file: str, key: str, value: object) -> None:
    edit(folder / file, key, value)
    with pytest.raises(ConfigError, match=key) as refused:
        load_video_model(folder, tiny)
    assert file in str(refused.value)
    assert str(value) in str(refused.value)


def test_a_config_of_other_sizes_is_refused(folder: Path, tiny: SvamConfig) -> None:
    with pytest.raises(ConfigError, match="block_out_channels"):
        load_video_model(folder, replace(tiny, unet_channels=(64, 64, 64)))


@pytest.mark.parametrize("file", ["unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"])
def test_a_missing_part_is_named(folder: Path, tiny: SvamConfig, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ConfigError, match=file):
        load_video_model(folder, tiny)


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_missing_or_broken_weights_are_refused(folder: Path, tiny: SvamConfig, part: str) -> None:
    weights = folder / part / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", None):
        if broken is None:
            weights.unlink()
        else:
            weights.write_bytes(broken)
        with pytest.raises(ConfigError, match="weights that diffusers can read"):
            load_video_model(folder, tiny)
