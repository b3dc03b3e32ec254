"""Attention computes what torch's own does; numbers become vectors that tell them apart, in halves too."""

from __future__ import annotations

import torch
from torch import nn

from models.attention import Attention, ScalarEmbedding, TransformerBlock


def test_attention_is_torchs_own() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(32, 4), nn.MultiheadAttention(32, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.to_q.weight, ours.to_k.weight, ours.to_v.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.to_q.bias, ours.to_k.bias, ours.to_v.bias]))
        theirs.out_proj.load_state_dict(ours.to_out.state_dict())
        x, context = torch.randn(2, 5, 32), torch.randn(2, 7, 32)
        torch.testing.assert_close(ours(x, context), theirs(x, context, context)[0])
        torch.testing.assert_close(ours(x), theirs(x, x, x)[0])


def test_heads_may_be_wider_than_their_share() -> None:
    attention = Attention(24, 4, 16, bias=False, out_bias=False)
    assert attention.to_q.weight.shape == (64, 24)
    assert sum(parameter.numel() for parameter in attention.parameters()) == 4 * 64 * 24
    assert attention(torch.randn(1, 3, 24)).shape == (1, 3, 24)


def test_a_block_starts_from_what_it_gets() -> None:
    block = TransformerBlock(16, 2).eval()
    for parameter in (*block.attention.to_out.parameters(), *list(block.feed_forward)[-1].parameters()):
        nn.init.zeros_(parameter)
    x = torch.randn(2, 5, 16)
    torch.testing.assert_close(block(x), x)


def test_near_numbers_are_told_apart_also_by_halves() -> None:
    torch.manual_seed(0)
    embedding = ScalarEmbedding(64)
    numbers = torch.tensor([0.0, 0.001, 0.5, 0.501, 1.0])
    vectors = embedding(numbers)
    assert torch.pdist(vectors).min() > 1e-2
    torch.testing.assert_close(embedding.half()(numbers).float(), vectors, atol=5e-3, rtol=0)
