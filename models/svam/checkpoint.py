"""Video models on disk: folders in diffusers' format, as Stable Video Diffusion and VPP's fine-tuned checkpoints come.

    folder/unet/{config.json, diffusion_pytorch_model.safetensors}
    folder/vae/{config.json, diffusion_pytorch_model.safetensors}
    folder/scheduler/scheduler_config.json

Whatever else is in the folder (SVD's image encoder, which VPP does not use) is left alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel

from interfaces.errors import ConfigError
from models.svam.config import SvamConfig
from models.svam.video_model import SCHEDULER, VideoModel


def load_video_model(folder: Path, config: SvamConfig, dtype: torch.dtype = torch.float32) -> VideoModel:
    """Return the video model in a folder, if it is of the config's sizes.

    Raises ConfigError, naming file, key and value, when a part is missing, is not of these sizes, or has another noise schedule
    than the one that one-step features are defined for.
    """
    _check(
        folder / "unet" / "config.json",
        {
            "in_channels": 8,
            "out_channels": 4,
            "block_out_channels": list(config.unet_channels),
            "layers_per_block": config.unet_layers,
            "cross_attention_dim": 2 * config.text_dim,
            "num_attention_heads": list(config.unet_heads),
        },
    )
    _check(folder / "vae" / "config.json", {"latent_channels": 4, "block_out_channels": list(config.vae_channels)})
    _check(folder / "scheduler" / "scheduler_config.json", {**SCHEDULER})
    try:
        unet = UNetSpatioTemporalConditionModel.from_pretrained(
            folder, subfolder="unet", torch_dtype=dtype, local_files_only=True
        )
        vae = AutoencoderKLTemporalDecoder.from_pretrained(
            folder, subfolder="vae", torch_dtype=dtype, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            str(folder), "file", reason, "weights that diffusers can read, of the sizes in config.json"
        ) from None
    return VideoModel(unet, vae).eval()


def save_video_model(video: VideoModel, folder: Path) -> None:
    """Write a video model in the same format, so that diffusers and every tool around it can read it."""
    video.unet.save_pretrained(folder / "unet")
    video.vae.save_pretrained(folder / "vae")
    EulerDiscreteScheduler.from_config(SCHEDULER).save_pretrained(folder / "scheduler")


def _check(path: Path, expected: dict[str, Any]) -> None:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            str(path), "file", f"it cannot be read ({error})", "a part of a diffusers checkpoint"
        ) from None
    for key, value in expected.items():
        if told.get(key) != value:
            raise ConfigError(str(path), key, told.get(key), f"{value!r}, as in the policy's config")
