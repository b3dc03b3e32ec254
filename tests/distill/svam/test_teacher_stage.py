"""The teachers: what they are measured on."""

from __future__ import annotations

import numpy as np
import torch

from distill.svam.clips import ClipIndex
from distill.svam.teacher_stage import DepthJob
from models.svam.depth_teacher import DepthTeacher


def test_held_out_depth_is_not_in_the_teachers_statistics() -> None:
    held_out = np.arange(12) < 6
    index = ClipIndex(last=np.arange(12), task=np.zeros(12, np.int64), held_out=held_out)
    depth_mm = np.where(held_out, 4000, 500).astype(np.uint16)[:, None, None] + np.array([[0, 20]], np.uint16)
    network = DepthTeacher(4)
    DepthJob(network, np.zeros((12, 4, 4, 3), np.uint8), depth_mm, index, 2)
    torch.testing.assert_close(network.depth_mean_mm, torch.tensor(510.0))
    assert float(network.depth_std_mm) < 11.0
