"""Who looks: the policy of a finished run, and those of its teachers whose weights are there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from distill.stages import POLICY_FILE
from distill.svam.learning_from_video import BASIS_FILE, DEPTH_FILE
from distill.svam.teacher_stage import SemanticBasis, sam_features
from interfaces.errors import ConfigError
from models.svam.depth_teacher import DepthTeacher
from models.svam.mobile_sam import MobileSamEncoder, load_mobile_sam
from models.svam.policy import SvamPolicy, load_policy
from models.torch_file import read_torch


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticTeacher:
    """MobileSAM, reduced to the run's directions."""

    sam: MobileSamEncoder
    basis: SemanticBasis
    grid: int
    sam_px: int

    @torch.no_grad()
    def features(self, pictures: Tensor) -> Tensor:
        """Return (B, S, dim) of pictures (B, 3, p, p) in -1..1."""
        seen = self.basis.reduced(sam_features(self.sam, pictures, self.grid, self.sam_px))
        return seen.flatten(2).transpose(1, 2)


@dataclass(frozen=True, slots=True)
class GeometricTeacher:
    """The depth teacher: what it sees, and its own head, which also reads depth out of features that others foresaw."""

    network: DepthTeacher

    @torch.no_grad()
    def features(self, pictures: Tensor) -> Tensor:
        """Return (B, S, dim) of pictures (B, 3, p, p) in -1..1."""
        return self.network.features(pictures).flatten(2).transpose(1, 2)

    @torch.no_grad()
    def depth_mm(self, features: Tensor) -> Tensor:
        """Return depth (B, p / 2, p / 2) of features (B, S, dim): the frozen head knows no other way from them to depth."""
        network, side = self.network, round(features.shape[1] ** 0.5)
        maps = features.transpose(1, 2).reshape(len(features), -1, side, side)
        said = network.decoder(maps * network.feature_std + network.feature_mean)[:, 0]
        return said.float() * network.depth_std_mm + network.depth_mean_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """A policy and its teachers; a teacher that is not there is None, and the file it lacks is in `missing`."""

    policy: SvamPolicy
    semantic: SemanticTeacher | None
    geometric: GeometricTeacher | None
    missing: dict[str, Path]  # "semantic" or "geometric" -> file


def open_eyes(run: Path, mobile_sam: Path, device: torch.device) -> Eyes:
    """Return who looks in the run folder `run`; raises ConfigError without a whole S-VAM policy, or at a damaged teacher."""
    policy = _policy(run / POLICY_FILE).to(device)
    needed = {"semantic": (run / BASIS_FILE, mobile_sam), "geometric": (run / DEPTH_FILE,)}
    absent = {kind: [file for file in files if not file.exists()] for kind, files in needed.items()}
    missing = {kind: files[0] for kind, files in absent.items() if files}
    return Eyes(
        policy=policy,
        semantic=None if "semantic" in missing else _semantic(run / BASIS_FILE, mobile_sam, policy, device),
        geometric=None if "geometric" in missing else _geometric(run / DEPTH_FILE, policy, device),
        missing=missing,
    )


def _policy(path: Path) -> SvamPolicy:
    if not path.exists():
        raise ConfigError(
            str(path.parent), POLICY_FILE, None, "the folder of a finished run: forerun distill RECIPE --out FOLDER"
        )
    family = read_torch(path, torch.device("cpu")).get("family")
    if family != "svam":
        raise ConfigError(str(path), "family", family, "'svam': other policies foresee nothing that could be drawn")
    policy = load_policy(path).requires_grad_(requires_grad=False)
    if policy.config.sees != "foresight":
        raise ConfigError(str(path), "sees", policy.config.sees, "'foresight': this policy acts without one")
    return policy


def _semantic(basis_file: Path, mobile_sam: Path, policy: SvamPolicy, device: torch.device) -> SemanticTeacher:
    saved = read_torch(basis_file, device)
    _same_width(basis_file, saved["directions"].shape[1], policy.config.semantic_dim)
    return SemanticTeacher(
        sam=load_mobile_sam(mobile_sam).to(device),
        basis=SemanticBasis(mean=saved["mean"], directions=saved["directions"], scale_ratio=saved["scale_ratio"]),
        grid=policy.config.grid,
        sam_px=saved["sizes"]["mobile_sam_px"],
    )


def _geometric(file: Path, policy: SvamPolicy, device: torch.device) -> GeometricTeacher:
    saved = read_torch(file, device)
    _same_width(file, saved["sizes"]["dim"], policy.config.geometric_dim)
    network = DepthTeacher(saved["sizes"]["dim"])
    network.load_state_dict(saved["weights"])
    return GeometricTeacher(network.to(device).eval().requires_grad_(requires_grad=False))


def _same_width(file: Path, width: int, expected: int) -> None:
    if width != expected:
        raise ConfigError(str(file), "features", width, f"{expected}, as the policy beside it foresees them")
