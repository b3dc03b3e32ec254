"""The two graphs of any policy, as they are exported: one sample each, float32 outside whatever the weights are."""

from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import override

from models.policy import Policy


class ForesightGraph(nn.Module):
    """<camera> uint8 (H, W, 3) or (n_history, H, W, 3), instruction (n,) -> tokens (n_tokens, token_dim).

    Weights may be halves; what goes in and out stays as the contract says.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    @override
    def forward(self, picture: Tensor, instruction: Tensor) -> Tensor:
        dtype = self.policy.joint_mean.dtype
        # The cast comes first: TensorRT takes whole numbers of 8 bits as an input, and for nothing else.
        return self.policy.context(picture.to(dtype)[None], instruction.to(dtype)[None])[0].float()


class ActionGraph(nn.Module):
    """Tokens, joints (joint,), age () s, noise (horizon, joint) -> positions in rad (horizon, joint)."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    @override
    def forward(self, tokens: Tensor, joints: Tensor, foresight_age: Tensor, noise: Tensor) -> Tensor:
        dtype = self.policy.joint_mean.dtype
        told = (tensor[None].to(dtype) for tensor in (tokens, joints, foresight_age, noise))
        return self.policy.decode(*told)[0].float()
