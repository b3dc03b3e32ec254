"""Anchors: grids of the right width, and Depth Anything's blocks where its checkpoints have them."""

from __future__ import annotations

import torch

from models.svam.anchors import DA3_LARGE_STAGE_0, ConvAnchor, VitAnchor, VitAttention, VitBlock, VitShape

LOCAL_AND_GLOBAL = VitShape(dim=32, n_blocks=4, n_heads=2, rotary_from=2, global_blocks=frozenset({3}))
PLAIN = VitShape(dim=32, n_blocks=2, n_heads=2, n_registers=4)


def pictures(side: int) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_grids() -> None:
    assert ConvAnchor(12)(pictures(64)).shape == (2, 12, 8, 8)
    assert VitAnchor(PLAIN, 3)(pictures(42)).shape == (2, 32, 3, 3)
    assert VitAnchor(LOCAL_AND_GLOBAL, 3)(pictures(42)).shape == (2, 64, 3, 3)  # local beside global


def test_patches_stand_in_rows() -> None:
    torch.manual_seed(0)
    anchor = VitAnchor(PLAIN, 3)
    for block in anchor.blocks:  # nothing moves between patches
        assert isinstance(block, VitBlock)
        torch.nn.init.zeros_(block.ls1.gamma)
    one, other = pictures(42)[:1], pictures(42)[:1]
    other[:, :, 14:28, 28:42] += 1.0  # row 1, column 2
    changed = (anchor(one) - anchor(other)).abs().amax(1)[0] > 1e-6
    assert changed.nonzero().tolist() == [[1, 2]]


def test_half_of_the_output_is_normalised_as_depth_anything_does() -> None:
    torch.manual_seed(0)
    features = VitAnchor(LOCAL_AND_GLOBAL, 3)(pictures(42)).flatten(2)
    local, seen_by_all = features[:, :32], features[:, 32:]
    torch.testing.assert_close(seen_by_all.mean(1), torch.zeros(2, 9), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen_by_all.var(1, correction=0), torch.ones(2, 9), atol=1e-3, rtol=0)
    assert local.var(1, correction=0).std() > 1e-3


def test_rotary_attention_depends_on_where_patches_are_to_each_other_only() -> None:
    torch.manual_seed(0)
    attention = VitAttention(32, 2, rotary=True)
    grid = VitAnchor(LOCAL_AND_GLOBAL, 5)
    places = torch.arange(1, 26).view(5, 5)
    x = torch.randn(1, 4, 32)

    def at(rows: slice, columns: slice, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        chosen = places[rows, columns].flatten()
        return attention(x, cos[chosen], sin[chosen])

    here = at(slice(0, 2), slice(0, 2), grid.cos, grid.sin)
    moved = at(slice(3, 5), slice(2, 4), grid.cos, grid.sin)
    wider = at(slice(0, 4, 3), slice(0, 2), grid.cos, grid.sin)
    torch.testing.assert_close(here, moved, atol=1e-6, rtol=1e-5)
    assert (here - wider).abs().max() > 1e-4
    # Blocks that look at all views tell no places within a picture apart.
    torch.testing.assert_close(
        at(slice(0, 2), slice(0, 2), grid.global_cos, grid.global_sin),
        at(slice(0, 4, 3), slice(0, 2), grid.global_cos, grid.global_sin), atol=1e-6, rtol=1e-5,
    )  # fmt: skip


def test_depth_anythings_first_stage_ends_with_block_11() -> None:
    with torch.device("meta"):
        names = set(VitAnchor(DA3_LARGE_STAGE_0, 16).state_dict())
    assert "blocks.11.attn.q_norm.weight" in names
    assert "blocks.8.attn.q_norm.weight" in names
    assert "blocks.7.attn.q_norm.weight" not in names
    assert "blocks.12.norm1.weight" not in names
    assert "camera_token" in names
