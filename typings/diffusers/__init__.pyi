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

class AutoencoderKL(_Model):
    encoder: nn.Module
    quant_conv: nn.Module
    def __init__(
        self,
        *,
        down_block_types: tuple[str, ...],
        up_block_types: tuple[str, ...],
        block_out_channels: tuple[int, ...],
        layers_per_block: int,
        latent_channels: int,
        sample_size: int,
    ) -> None: ...
    def decode(self, z: Tensor) -> _Sample: ...

class EulerDiscreteScheduler:
    init_noise_sigma: Tensor
    timesteps: Tensor
    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self: ...
    def save_pretrained(self, save_directory: str | Path) -> None: ...
    def set_timesteps(self, num_inference_steps: int, *, device: torch.device) -> None: ...
    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor: ...
    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor) -> _Step: ...

class _Posterior:
    def mode(self) -> Tensor: ...

class _Encoded:
    latent_dist: _Posterior

class AutoencoderKLWan(_Model):
    def __init__(
        self,
        *,
        base_dim: int,
        decoder_base_dim: int = ...,
        z_dim: int,
        dim_mult: list[int],
        num_res_blocks: int = ...,
        temperal_downsample: list[bool] = ...,
        latents_mean: list[float] = ...,
        latents_std: list[float] = ...,
        is_residual: bool = ...,
        in_channels: int = ...,
        out_channels: int = ...,
        patch_size: int = ...,
        scale_factor_temporal: int = ...,
        scale_factor_spatial: int = ...,
    ) -> None: ...
    def encode(self, x: Tensor) -> _Encoded: ...

class _WanRotary(nn.Module):
    def __call__(self, hidden_states: Tensor) -> tuple[Tensor, Tensor]: ...

class _WanCondition(nn.Module):
    def __call__(
        self, timestep: Tensor, encoder_hidden_states: Tensor, encoder_hidden_states_image: None = None
    ) -> tuple[Tensor, Tensor, Tensor, None]: ...

class WanTransformer3DModel(_Model):
    rope: _WanRotary
    patch_embedding: nn.Module
    condition_embedder: _WanCondition
    blocks: nn.ModuleList
    def __init__(
        self,
        *,
        patch_size: tuple[int, int, int],
        num_attention_heads: int,
        attention_head_dim: int,
        in_channels: int,
        out_channels: int,
        text_dim: int,
        freq_dim: int,
        ffn_dim: int,
        num_layers: int,
    ) -> None: ...

class _CosmosRotary(nn.Module):
    def __call__(self, hidden_states: Tensor, fps: int | None = None) -> tuple[Tensor, Tensor]: ...

class _CosmosTimes(nn.Module):
    def __call__(self, hidden_states: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor]: ...

class CosmosTransformer3DModel(_Model):
    rope: _CosmosRotary
    patch_embed: nn.Module
    time_embed: _CosmosTimes
    transformer_blocks: nn.ModuleList
    norm_out: nn.Module
    proj_out: nn.Module
    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        num_attention_heads: int,
        attention_head_dim: int,
        num_layers: int,
        text_embed_dim: int,
        adaln_lora_dim: int,
        rope_scale: tuple[float, float, float],
        extra_pos_embed_type: str | None,
    ) -> None: ...
    def __call__(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        *,
        condition_mask: Tensor,
        padding_mask: Tensor,
        return_dict: bool,
    ) -> tuple[Tensor]: ...
