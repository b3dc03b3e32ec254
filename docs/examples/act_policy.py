"""A policy of one's own, brought to a robot: ACT in plain torch (docs/export.md).

    forerun export docs/examples/act_policy.py:policy my-bundles/act --calibration frames.npz --heldout heldout.npz

ACT (Zhao et al., "Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware", 2023): a transformer encoder over picture
tokens, and a decoder with one learned query for each row of the chunk. It comes apart where forerun cuts: the encoder looks at
the picture (foresight graph, slow), the decoder at fresh joints (action graph, fast). Its latent is zero when it acts.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from export.onnx_graphs import Graph
from export.torch_policy import TorchPolicy
from interfaces.bundle_manifest import CameraSpec, ChunkSpec
from interfaces.sample_file import read_samples

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
INSTRUCTIONS = ("reach", "push", "press", "lift")
WIDTH_PX, HEIGHT_PX = 424, 240
HORIZON, DIM, HEADS = 16, 64, 4
WEIGHTS = Path(__file__).with_name("act.pt")  # what your training wrote: {"encoder": ..., "decoder": ...}


class Attention(nn.Module):
    """Multi-head attention, pre-norm and residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.context_norm = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.q, self.k, self.v, self.out = (nn.Linear(DIM, DIM) for _ in range(4))

    @override
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q, context = self.norm(x), self.context_norm(context)
        q, k, v = (  # (1, heads, token, DIM / heads): torch exports attention with a batch axis only
            part.view(1, -1, HEADS, DIM // HEADS).transpose(1, 2)
            for part in (self.q(q), self.k(context), self.v(context))
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(mixed.transpose(1, 2).reshape(-1, DIM))


class Mlp(nn.Module):
    """Two layers, pre-norm and residual."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(DIM), nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM))

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


class Encoder(nn.Module):
    """The foresight graph: picture uint8 (240, 424, 3), instruction one-hot (4,) -> tokens (91, DIM)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 48, DIM)
        self.backbone = nn.Sequential(  # 240 x 424 -> 15 x 26
            *(
                layer
                for before, after in pairwise(widths)
                for layer in (nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU())
            )
        )
        self.pool = nn.AvgPool2d((3, 3), (2, 2), ceil_mode=True)
        self.place = nn.Parameter(0.02 * torch.randn(7 * 13, DIM))
        self.task = nn.Linear(len(INSTRUCTIONS), DIM)
        self.attention, self.mlp = Attention(), Mlp()

    @override
    def forward(self, front: Tensor, instruction: Tensor) -> Tensor:
        # The runtime sends the camera's own bytes. Cast first: TensorRT takes uint8 as an input and nowhere else.
        picture = front.float().permute(2, 0, 1)[None] / 255.0  # (1, 3, 240, 424)
        x = self.pool(self.backbone(picture - 0.5))  # (1, DIM, 7, 13)
        x = x.flatten(2)[0].T + self.place + self.task(instruction)
        x = self.attention(x, x)
        return self.mlp(x)


class Decoder(nn.Module):
    """The action graph: tokens (91, DIM), joints (6,) rad -> positions (HORIZON, 6) rad. No use for noise and age: left out."""

    joint_mean: Tensor
    joint_std: Tensor
    chunk_std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(0.02 * torch.randn(HORIZON, DIM))
        self.joint_token = nn.Linear(len(JOINTS), DIM)
        self.self_attention, self.cross_attention, self.mlp = Attention(), Attention(), Mlp()
        self.leave = nn.Linear(DIM, len(JOINTS))
        self.register_buffer("joint_mean", torch.zeros(len(JOINTS)))
        self.register_buffer("joint_std", torch.ones(len(JOINTS)))
        self.register_buffer("chunk_std", 0.2 * torch.ones(len(JOINTS)))

    @override
    def forward(self, tokens: Tensor, joints: Tensor) -> Tensor:
        state = self.joint_token((joints - self.joint_mean) / self.joint_std)[None]  # (1, DIM)
        x = self.self_attention(self.queries, self.queries)
        x = self.mlp(self.cross_attention(x, torch.cat([state, tokens])))
        return joints + self.leave(x) * self.chunk_std


def policy() -> TorchPolicy:
    """Return the policy as forerun takes it over."""
    torch.manual_seed(0)
    encoder, decoder = Encoder(), Decoder()
    if WEIGHTS.exists():
        saved = torch.load(WEIGHTS, weights_only=True)
        encoder.load_state_dict(saved["encoder"])
        decoder.load_state_dict(saved["decoder"])
    return TorchPolicy(
        family="act",
        joints=JOINTS,
        instructions=INSTRUCTIONS,
        cameras=(CameraSpec(name="front", width_px=WIDTH_PX, height_px=HEIGHT_PX),),
        chunk=ChunkSpec(horizon=HORIZON, step_ms=50.0, first_ms=50.0),
        foresight_age_max_ms=400.0,
        foresight=Graph(name="foresight", network=encoder, inputs=("front", "instruction"), output="tokens"),
        action=Graph(name="action", network=decoder, inputs=("tokens", "joints"), output="positions"),
        samples={name: rows[:8] for name, rows in read_samples(Path("frames.npz")).items()},
    )
