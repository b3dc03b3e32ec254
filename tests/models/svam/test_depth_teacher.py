"""The depth teacher: what it says is in millimetres, all it knows goes through its features, and it learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.svam.depth_teacher import DepthTeacher


def scene(n: int) -> tuple[Tensor, Tensor]:
    """Pictures in which brighter is nearer, and their depth."""
    draw = torch.Generator().manual_seed(0)
    coarse = torch.rand(n, 1, 4, 4, generator=draw).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return (2.0 * coarse - 1.0).expand(-1, 3, -1, -1), 600.0 - 200.0 * coarse[:, 0, ::2, ::2]


def test_shapes_and_unit_features() -> None:
    torch.manual_seed(0)
    teacher, (pictures, depth_mm) = DepthTeacher(6), scene(4)
    assert teacher(pictures).shape == depth_mm.shape == (4, 16, 16)
    teacher.fit_features(pictures)
    features = teacher.features(pictures)
    assert features.shape == (4, 6, 4, 4)
    torch.testing.assert_close(features.mean((0, 2, 3)), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(features.std((0, 2, 3)), torch.ones(6), atol=1e-3, rtol=0)


def test_pixels_without_depth_do_not_count() -> None:
    teacher, (pictures, depth_mm) = DepthTeacher(6), scene(2)
    teacher.fit_depth(depth_mm)
    assert float(teacher.depth_mean_mm) == pytest.approx(float(depth_mm.mean()), rel=1e-3)
    holes = depth_mm.clone()
    holes[:, :8] = 0.0
    teacher.fit_depth(holes)
    assert float(teacher.depth_mean_mm) == pytest.approx(float(depth_mm[:, 8:].mean()), rel=1e-3)
    kept = (teacher(pictures) - depth_mm).abs()[:, 8:].mean() / teacher.depth_std_mm
    assert teacher.loss(pictures, holes).item() == pytest.approx(kept.item(), rel=1e-4)


def test_it_learns_depth() -> None:
    torch.manual_seed(0)
    teacher, (pictures, depth_mm) = DepthTeacher(8), scene(8)
    teacher.fit_depth(depth_mm)
    optimizer = torch.optim.AdamW(teacher.parameters(), 2e-3)
    before = teacher.loss(pictures, depth_mm).item()
    for _ in range(20):
        optimizer.zero_grad()
        teacher.loss(pictures, depth_mm).backward()
        optimizer.step()
    assert teacher.loss(pictures, depth_mm).item() < 0.5 * before
