"""What this project uses of diffusers 0.42."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

class _Config:
    scaling_factor: float
    block_out_channels: tuple[int, ...]
    cross_attention_dim: int
    in_channels: int
    latent_channels: int
    prediction_type: str

class _Sample:
    sample: Tensor

class _Step:
    prev_sample: Tensor

class _Model(nn.Module):
    config: Any
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        subfolder: str = ...,
        torch_dtype: torch.dtype = ...,
        local_files_only: bool = ...,
    ) -> Self: ...
    def save_pretrained(self, save_directory: str | Path) -> None: ...

class UNetSpatioTemporalConditionModel(_Model):
    conv_in: nn.Module
    time_proj: nn.Module
    time_embedding: nn.Module
    add_time_proj: nn.Module
    add_embedding: nn.Module
    down_blocks: nn.ModuleList
    mid_block: nn.Module
    up_blocks: nn.ModuleList
    conv_norm_out: nn.Module
    conv_out: nn.Module
    def __init__(
        self,
        *,
        sample_size: int,
        down_block_types: tuple[str, ...],
        up_block_types: tuple[str, ...],
        block_out_channels: tuple[int, ...],
        layers_per_block: int,
        cross_attention_dim: int,
        num_attention_heads: tuple[int, ...],
        num_frames: int,
    ) -> None: ...
    def __call__(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, *, added_time_ids: Tensor
    ) -> _Sample: ...

class AutoencoderKLTemporalDecoder(_Model):
    encoder: nn.Module
    decoder: nn.Module
    quant_conv: nn.Module
    def __init__(
        self,
        *,
        down_block_types: tuple[str, ...],
        block_out_channels: tuple[int, ...],
        layers_per_block: int,
        latent_channels: int,
        sample_size: int,
        scaling_factor: float,
    ) -> None: ...
    def decode(self, z: Tensor, num_frames: int) -> _Sample: ...

class EulerDiscreteScheduler:
    init_noise_sigma: Tensor
    timesteps: Tensor
    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self: ...
    def save_pretrained(self, save_directory: str | Path) -> None: ...
    def set_timesteps(self, num_inference_steps: int, *, device: torch.device) -> None: ...
    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor: ...
    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor) -> _Step: ...
